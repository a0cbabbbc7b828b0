"""WeChat text as people copy, forward or mail it: a name with date and time, then what was said."""

import re
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from connectors.imports.clock import hour_of, millis
from connectors.imports.source import ImportFailed, Notes, text_lines
from connectors.imports.system import happening
from connectors.imports.words import LONGEST_TEXT, Naming, described
from models import GroupRef, Observation, Sender, Target

# Such text shows names and no accounts: a sender's id is the name.
PLATFORM = "wechat"
_DATE = r"(?P<y>\d{4})\s?[-/.年]\s?(?P<m>\d{1,2})\s?[-/.月]\s?(?P<d>\d{1,2})日?"
_TIME = r"(?P<half>上午|下午|凌晨|早上|中午|晚上|AM|PM)?\s?(?P<h>\d{1,2}):(?P<min>\d\d)(?::(?P<s>\d\d))?(?:\s(?P<after>AM|PM))?"
HEAD = re.compile(rf"^(?P<name>\S.{{0,60}}?)[:：]?\s+{_DATE}\s*(?:星期.|周.)?\s*{_TIME}\s*$")
# Two blanks at least: a message such as 晚上开会 19:30 is no head.
SHORT_HEAD = re.compile(rf"^(?P<name>\S.{{0,60}}?)(?:\s{{2,}}|\t|\u3000){_TIME}\s*$")
DAY = re.compile(rf"^[\s—–=*-]*{_DATE}\s*(?:星期.|周.)?[\s—–=*-]*$")
_RELATIVE = re.compile(
    r"^\S.{0,60}?\s+(?:昨天|今天|前天|星期[一二三四五六日天]|\d{1,2}[-/月]\d{1,2}日?)\s*\d{1,2}:\d\d\s*$"
)
TITLE = re.compile(r"^微信群[\"“「](?P<name>.+?)[\"”」](?:\(\d+\)|（\d+）)?的聊天记录(?:如下)?[:：]?\s*$")
_QUOTED = re.compile('^["“].*["”]|^你')


def read(path: Path, *, group: str | None = None, zone: ZoneInfo, notes: Notes | None = None) -> Iterator[Observation]:
    """Read an export in the order it has. ImportFailed where neither it nor `group` names the group."""
    reader = _Reader(path, group, zone, notes or Notes(), _heads_follow_blanks(path))
    for number, line in text_lines(path):
        yield from reader.take(number, line)
    yield from reader.close()
    if not reader.heads:
        raise ImportFailed(f"{path}: no message was found; WeChat text has lines such as name 2026/1/5 09:12")


def _heads_follow_blanks(path: Path, enough: int = 200) -> bool:
    """Say whether this export sets every head after a blank line; then a line inside a message that looks like one is none."""
    heads = after_blank = 0
    blank = True
    for _, line in text_lines(path):
        if HEAD.match(line) or SHORT_HEAD.match(line):
            heads += 1
            after_blank += blank
            if heads >= enough:
                break
        blank = not line.strip() or bool(DAY.match(line)) or bool(TITLE.match(line))
    return after_blank * 10 >= heads * 8


class _Reader:
    def __init__(self, path: Path, group: str | None, zone: ZoneInfo, notes: Notes, after_blank: bool) -> None:
        self.path, self.given, self.zone, self.notes = path, group, zone, notes
        self.heads = 0
        self._after_blank = after_blank
        self._blank = True
        self._group: str | None = None
        self._day: date | None = None
        self._head: tuple[int, int, str] | None = None
        self._lines: list[str] = []
        self._size = 0
        self._naming = Naming(PLATFORM)

    def take(self, number: int, line: str) -> Iterator[Observation]:
        blank, self._blank = self._blank, not line.strip()
        may_begin = blank or not self._after_blank
        if self._head is None and (title := TITLE.match(line)):
            self._group, self._blank = title["name"], True
        elif may_begin and (day := DAY.match(line)):
            yield from self.close()
            self._day, self._blank = self._date(day, number), True
        elif may_begin and (match := HEAD.match(line)):
            yield from self.close()
            self._begin(number, match, self._date(match, number))
        elif may_begin and self._day and (match := SHORT_HEAD.match(line)):
            yield from self.close()
            self._begin(number, match, self._day)
        elif not self.heads and _RELATIVE.match(line):
            raise ImportFailed(
                f"{self.path}:{number}: the date has no year; copy or export with full dates such as 2026/1/5 09:12"
            )
        elif blank and self._head and _QUOTED.match(line) and (found := happening(line)):
            head = self._head
            yield from self.close()
            # What follows is still the sender's: nobody hides words behind a system line typed by hand.
            self._head, at = head, head[1]
            where = self._where(number)
            yield Observation(
                type=found.type,
                id=self._naming.name(where.id, "", at, line),
                platform=PLATFORM,
                group=where,
                sender=Sender(found.sender, found.sender) if found.sender and found.sender != "你" else None,
                target=Target(found.target, found.target) if found.target and found.target != "你" else None,
                change=found.change,
                sent_at=at,
            )
        elif self._size <= LONGEST_TEXT:
            self._lines.append(line)
            self._size += len(line) + 1

    def close(self) -> Iterator[Observation]:
        """Hand out the message that ends here; what stands before the first head is no message."""
        head, text = self._head, "\n".join(self._lines).strip()
        self._head, self._lines, self._size = None, [], 0
        if head is None or not text:
            return
        number, at, name = head
        where = self._where(number)
        yield Observation(
            type="message.created",
            id=self._naming.name(where.id, name, at, text),
            platform=PLATFORM,
            group=where,
            sender=Sender(name, name),
            sent_at=at,
            **described(text),
        )

    def _begin(self, number: int, match: re.Match[str], day: date) -> None:
        try:
            hour = hour_of(int(match["h"]), match["half"] or match["after"])
            at = datetime(day.year, day.month, day.day, hour, int(match["min"]), int(match["s"] or 0))
        except ValueError as error:
            raise ImportFailed(f"{self.path}:{number}: the time of this message does not exist") from error
        self.heads += 1
        self._head = (number, millis(at, self.zone), match["name"].strip())

    def _date(self, match: re.Match[str], number: int) -> date:
        try:
            return date(int(match["y"]), int(match["m"]), int(match["d"]))
        except ValueError as error:
            raise ImportFailed(f"{self.path}:{number}: this date does not exist") from error

    def _where(self, number: int) -> GroupRef:
        if self._group is None and self.given is None:
            raise ImportFailed(f"{self.path}:{number}: the export does not name its group; give its id with --group")
        return GroupRef(self.given or self._group or "", self._group)
