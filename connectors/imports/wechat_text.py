"""WeChat text as people copy, forward or mail it: a name with date and time, then what was said."""

import re
from collections.abc import Iterator
from datetime import date

from connectors.imports.chat import Chat
from connectors.imports.clock import day_of, time_of
from connectors.imports.source import ImportFailed, Source
from connectors.imports.system import happening
from connectors.imports.words import described
from models import Observation, Sender, Target

_DATE = r"(?P<y>\d{4})\s?[-/.年]\s?(?P<m>\d{1,2})\s?[-/.月]\s?(?P<d>\d{1,2})日?"
_TIME = r"(?P<half>上午|下午|凌晨|早上|中午|晚上|AM|PM)?\s?(?P<h>\d{1,2}):(?P<min>\d\d)(?::(?P<s>\d\d))?(?:\s(?P<after>AM|PM))?"
HEAD = re.compile(rf"^(?P<name>\S.{{0,60}}?)[:：]?\s+{_DATE}\s*(?:星期.|周.)?\s*{_TIME}\s*$")
# Two blanks at least: a message such as 晚上开会 19:30 is no head.
SHORT_HEAD = re.compile(rf"^(?P<name>\S.{{0,60}}?)(?:\s{{2,}}|\t|\u3000){_TIME}\s*$")
DAY = re.compile(rf"^[\s—–=*-]*{_DATE}\s*(?:星期.|周.)?[\s—–=*-]*$")
RELATIVE = re.compile(
    r"^\S.{0,60}?\s+(?:昨天|今天|前天|星期[一二三四五六日天]|\d{1,2}[-/月]\d{1,2}日?)\s*\d{1,2}:\d\d\s*$"
)
TITLE = re.compile(r"^微信群[\"“「](?P<name>.+?)[\"”」](?:\(\d+\)|（\d+）)?的聊天记录(?:如下)?[:：]?\s*$")
# What may stand where such an export begins.
SIGNS = (TITLE, DAY, HEAD, RELATIVE)
_QUOTED = re.compile('^["“].*["”]|^你')


class WeChatText(Chat):
    # Such text shows names and no accounts: a sender's id is the name.
    platform = "wechat"
    example = "name 2026/1/5 09:12"

    _head: tuple[int, int, str] | None = None
    _day: date | None = None
    _blank = True

    def read(self) -> Iterator[Observation]:
        self._after_blank = _heads_follow_blanks(self.source)
        yield from super().read()

    def take(self, number: int, line: str) -> Iterator[Observation]:
        blank, self._blank = self._blank, not line.strip()
        may_begin = blank or not self._after_blank
        place = self.place(number)
        if self._head is None and (title := TITLE.match(line)):
            self.name, self._blank = title["name"], True
        elif may_begin and (day := DAY.match(line)):
            yield from self.close()
            self._day, self._blank = day_of(day, place), True
        elif may_begin and (match := HEAD.match(line)):
            yield from self.close()
            self._begin(number, match, day_of(match, place))
        elif may_begin and self._day and (match := SHORT_HEAD.match(line)):
            yield from self.close()
            self._begin(number, match, self._day)
        elif not self.heads and RELATIVE.match(line):
            raise ImportFailed(f"{place}: the date has no year; copy with full dates, such as {self.example}")
        elif blank and self._head and _QUOTED.match(line) and (found := happening(line)):
            head = self._head
            yield from self.close()
            # What follows is still the sender's: nobody hides words behind a system line typed by hand.
            self._head = head
            who = Sender(found.sender, found.sender) if found.sender and found.sender != "你" else None
            whom = Target(found.target, found.target) if found.target and found.target != "你" else None
            yield self.observe(found.type, number, head[1], "", line, sender=who, target=whom, change=found.change)
        else:
            self.keep(line)

    def close(self) -> Iterator[Observation]:
        """Hand out the message that ends here; what stands before the first head is no message."""
        head, text = self._head, self.kept().strip()
        self._head = None
        if head is not None and text:
            number, at, name = head
            yield self.observe("message.created", number, at, name, text, sender=Sender(name, name), **described(text))

    def _begin(self, number: int, match: re.Match[str], day: date) -> None:
        self.heads += 1
        self._head = (number, time_of(match, day, self.zone, self.place(number)), match["name"].strip())


def _heads_follow_blanks(source: Source, enough: int = 200) -> bool:
    """Say whether this export sets every head after a blank line; then a line inside a message that looks like one is none."""
    heads = after_blank = 0
    blank = True
    for _, line in source.lines():
        if HEAD.match(line) or SHORT_HEAD.match(line):
            heads += 1
            after_blank += blank
            if heads >= enough:
                break
        blank = not line.strip() or bool(DAY.match(line)) or bool(TITLE.match(line))
    return after_blank * 10 >= heads * 8
