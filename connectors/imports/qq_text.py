"""Text exports of QQ's message manager (消息管理器 → 导出消息记录 → 文本文件), one chat or all of an account.

Heads of a group name the account, `2026-01-05 09:12:33 name(12345)` or `name<mail>`; heads of a conversation between
two people do not. The first head of a chat tells which it is.
"""

import re
from collections.abc import Iterator
from typing import Any

from connectors.imports.chat import Chat
from connectors.imports.clock import day_of, time_of
from connectors.imports.source import ImportFailed
from connectors.imports.system import happening
from connectors.imports.words import described
from models import Observation, Sender, Target

_TIME = (
    r"^(?P<y>\d{4})[-/](?P<m>\d{1,2})[-/](?P<d>\d{1,2})\s+(?P<half>上午|下午|AM|PM)?\s?"
    r"(?P<h>\d{1,2}):(?P<min>\d\d):(?P<s>\d\d)(?:\s(?P<after>AM|PM))?\s+"
)
HEAD = re.compile(
    _TIME + r"(?P<name>.*?)(?:[(（](?P<id>[0-9]{4,12})[)）]|<(?P<mail>[0-9]{4,12}|[^<>\s]+@[^<>\s]+)>)\s*$"
)
BARE_HEAD = re.compile(_TIME + r"(?P<name>\S.{0,60}?)\s*$")
HEADER = re.compile(r"^消息(记录|分组|对象)[:：(（]")
_OBJECT = re.compile(r"^消息对象[:：]\s*(.+?)\s*$")
_FOLDER = re.compile(r"^消息分组[:：]\s*(.+?)\s*$")
_RULE = re.compile(r"^=+$")
_LEVEL = re.compile("^【(群主|管理员|潜水|冒泡|吐槽|活跃|话唠|传说)】")
_ROLES = {"群主": "owner", "管理员": "administrator"}
# QQ's own accounts, under which system lines stand.
_SYSTEM = frozenset({"10000", "1000000"})
_WITH_ID = re.compile(r"^(.*?)[(（]([0-9]{4,12})[)）]$")


class QQText(Chat):
    # Accounts are QQ numbers, as OneBot reports them, so one roster serves both.
    platform = "onebot11"
    example = "2026-01-05 09:12:33 name(12345)"

    _head: tuple[int, int, Sender] | None = None
    # What marks the heads of the chat being read; None before the first.
    _form: re.Pattern[str] | None = None
    _chats = 0
    _left_out = 0

    def read(self) -> Iterator[Observation]:
        self._ids: dict[str, str] = {}
        yield from super().read()
        if self._left_out == self.heads:
            raise ImportFailed(
                f"{self.source}: this is a conversation between two people, and groups are what is judged; "
                "to import it all the same, give it an id with --group"
            )

    def take(self, number: int, line: str) -> Iterator[Observation]:
        form = self._form or (HEAD if HEAD.match(line) else BARE_HEAD)
        if match := form.match(line):
            yield from self.close()
            self.heads += 1
            self._form = form
            place = self.place(number)
            at = time_of(match, day_of(match, place), self.zone, place)
            self._head = (number, at, _sender(match))
        elif self._head is None:
            self._header(number, line)
        elif _FOLDER.match(line) and self._lines and _RULE.match(self._lines[-1]):
            # A new chat begins in the same file; the rule above its name belongs to the header.
            self._lines.pop()
            yield from self.close()
            self._header(number, line)
        else:
            self.keep(line)

    def _header(self, number: int, line: str) -> None:
        if _FOLDER.match(line):
            self.name = None
        elif match := _OBJECT.match(line):
            self.name, self._form = match.group(1), None
            self._chats += 1
            if self.given and self._chats > 1:
                raise ImportFailed(
                    f"{self.place(number)}: a second chat begins here, and --group names only one; "
                    "leave --group out or export the chats one by one"
                )

    def close(self) -> Iterator[Observation]:
        head, text = self._head, self.kept().strip("\n")
        self._head = None
        if head is None:
            return
        number, at, sender = head
        if self._form is BARE_HEAD and not self.given:
            self._left_out += 1
            self.notes.leave_out("message between two people", self.place(number))
            return
        system = sender.id in _SYSTEM
        found = happening(text) if system or (text.startswith(sender.name or "\0") and "\n" not in text) else None
        if found and (system or (found.type == "message.recalled" and found.sender == sender.name)):
            who = self._known(found.sender, Sender) if system else sender
            target = self._known(found.target, Target)
            yield self.observe(found.type, number, at, sender.id, text, sender=who, target=target, change=found.change)
        elif system:
            self.notes.leave_out("system line whose meaning is not clear", self.place(number))
        else:
            if sender.name:
                self._ids[sender.name] = sender.id
            yield self.observe("message.created", number, at, sender.id, text, sender=sender, **described(text))

    def _known(self, name: str | None, form: type) -> Any:
        """Somebody named in a system line: with a number behind the name, or as last seen under it."""
        if not name or name in ("管理员", "群主", "你"):
            return None
        if match := _WITH_ID.match(name):
            return form(match.group(2), match.group(1) or None)
        return form(self._ids.get(name, name), name)


def _sender(match: re.Match[str]) -> Sender:
    """Who wrote; without an account the name serves as id."""
    name = match["name"].strip()
    level = _LEVEL.match(name)
    name = name[level.end() :] if level else name
    account = (match["id"] or match["mail"]) if match.re is HEAD else name
    return Sender(account, name or None, role=_ROLES.get(level.group(1)) if level else None)
