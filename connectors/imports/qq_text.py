"""Text exports of QQ's message manager (消息管理器 → 导出消息记录 → 文本文件)."""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from connectors.imports.clock import hour_of, millis
from connectors.imports.source import ImportFailed, Notes, text_lines
from connectors.imports.system import happening
from connectors.imports.words import LONGEST_TEXT, Naming, described
from models import GroupRef, Observation, Sender, Target

# Accounts are QQ numbers, as OneBot reports them, so one roster serves both.
PLATFORM = "onebot11"
HEADER = re.compile(r"^消息(记录|分组|对象)[:：(（]?")
HEAD = re.compile(
    r"^(?P<y>\d{4})[-/](?P<m>\d{1,2})[-/](?P<d>\d{1,2})\s+(?P<half>上午|下午|AM|PM)?\s?"
    r"(?P<h>\d{1,2}):(?P<min>\d\d):(?P<s>\d\d)(?:\s(?P<after>AM|PM))?\s+"
    r"(?P<name>.*?)(?:[(（](?P<id>[0-9]{4,12})[)）]|<(?P<mail>[^<>\s]+@[^<>\s]+)>)\s*$"
)
_GROUP = re.compile(r"^消息对象[:：]\s*(.+?)\s*$")
_FOLDER = re.compile(r"^消息分组[:：]\s*(.+?)\s*$")
_RULE = re.compile(r"^=+$")
_PRIVATE = re.compile("好友|联系人|陌生人|临时会话|家人|我的设备")
_LEVEL = re.compile("^【(群主|管理员|潜水|冒泡|吐槽|活跃|话唠|传说)】")
_ROLES = {"群主": "owner", "管理员": "administrator"}
# QQ's own accounts, under which system lines stand.
_SYSTEM = frozenset({"10000", "1000000"})
_WITH_ID = re.compile(r"^(.*?)[(（]([0-9]{4,12})[)）]$")


def read(path: Path, *, group: str | None = None, zone: ZoneInfo, notes: Notes | None = None) -> Iterator[Observation]:
    """Read an export in the order it has. `group` names the group where the export does not."""
    reader = _Reader(path, group, zone, notes or Notes())
    for number, line in text_lines(path):
        yield from reader.take(number, line)
    yield from reader.close()
    if not reader.heads:
        raise ImportFailed(
            f"{path}: no message was found; QQ's text export has lines such as 2026-01-05 09:12:33 name(12345)"
        )


class _Reader:
    def __init__(self, path: Path, group: str | None, zone: ZoneInfo, notes: Notes) -> None:
        self.path, self.given, self.zone, self.notes = path, group, zone, notes
        self.heads = 0
        self._group: str | None = None
        self._private = False
        self._head: tuple[int, int, Sender] | None = None
        self._lines: list[str] = []
        self._size = 0
        self._naming = Naming(PLATFORM)
        self._ids: dict[str, str] = {}

    def take(self, number: int, line: str) -> Iterator[Observation]:
        if match := HEAD.match(line):
            yield from self.close()
            self.heads += 1
            self._head = (number, self._time(match, number), self._sender(match))
        elif self._head is None:
            self._header(number, line)
        elif _FOLDER.match(line) and self._lines and _RULE.match(self._lines[-1]):
            # A new chat begins in the same file; the rule above its name belongs to the header.
            self._lines.pop()
            yield from self.close()
            self._header(number, line)
        elif self._size <= LONGEST_TEXT:
            self._lines.append(line)
            self._size += len(line) + 1

    def close(self) -> Iterator[Observation]:
        """Hand out the message that ends here."""
        head, text = self._head, "\n".join(self._lines).strip("\n")
        self._head, self._lines, self._size = None, [], 0
        if head is None:
            return
        number, at, sender = head
        place = f"{self.path}:{number}"
        if self._private:
            self.notes.leave_out("private message", place)
            return
        where = self._where(number)
        system = sender.id in _SYSTEM
        found = happening(text) if system or (text.startswith(sender.name or "\0") and "\n" not in text) else None
        if found and (system or (found.type == "message.recalled" and found.sender == sender.name)):
            who = self._known(found.sender, Sender) if system else sender
            yield Observation(
                type=found.type,
                id=self._naming.name(where.id, sender.id, at, text),
                platform=PLATFORM,
                group=where,
                sender=who,
                target=self._known(found.target, Target),
                change=found.change,
                sent_at=at,
            )
            return
        if system:
            self.notes.leave_out("system line whose meaning is not clear", place)
            return
        if sender.name:
            self._ids[sender.name] = sender.id
        yield Observation(
            type="message.created",
            id=self._naming.name(where.id, sender.id, at, text),
            platform=PLATFORM,
            group=where,
            sender=sender,
            sent_at=at,
            **described(text),
        )

    def _header(self, number: int, line: str) -> None:
        if match := _FOLDER.match(line):
            self._private = bool(_PRIVATE.search(match.group(1))) and "群" not in match.group(1)
            self._group = None
        elif match := _GROUP.match(line):
            self._group = match.group(1)

    def _where(self, number: int) -> GroupRef:
        if self._group is None and self.given is None:
            raise ImportFailed(f"{self.path}:{number}: the export does not name its group; give its id with --group")
        return GroupRef(self.given or self._group or "", self._group)

    def _time(self, match: re.Match[str], number: int) -> int:
        try:
            hour = hour_of(int(match["h"]), match["half"] or match["after"])
            return millis(
                datetime(int(match["y"]), int(match["m"]), int(match["d"]), hour, int(match["min"]), int(match["s"])),
                self.zone,
            )
        except ValueError as error:
            raise ImportFailed(f"{self.path}:{number}: the time of this message does not exist") from error

    def _sender(self, match: re.Match[str]) -> Sender:
        name = match["name"].strip()
        level = _LEVEL.match(name)
        name = name[level.end() :] if level else name
        return Sender(match["id"] or match["mail"], name or None, role=_ROLES.get(level.group(1)) if level else None)

    def _known(self, name: str | None, form: type) -> Any:
        """Somebody named in a system line: with a number behind the name, or as last seen under it."""
        if not name or name in ("管理员", "群主", "你"):
            return None
        if match := _WITH_ID.match(name):
            return form(match.group(2), match.group(1) or None)
        return form(self._ids.get(name, name), name)
