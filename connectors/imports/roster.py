"""Tables of people as offices keep them, saved as CSV: one person a line, column names in Chinese or English."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import Any

import msgspec
import yaml

from connectors.imports.source import ImportFailed, Notes, Source
from models import Account, Group, Person

_COLUMNS = {
    "id": ("工号", "员工编号", "人员编号", "员工号", "id"),
    "name": ("姓名", "名字", "员工姓名", "name"),
    "department": ("部门", "所属部门", "department"),
    "unit": ("单位", "所属单位", "中心", "公司", "分厂", "工厂", "unit"),
    "post": ("职务", "岗位", "职位", "post"),
    "status": ("状态", "在职状态", "员工状态", "status"),
    "joined_at": ("入职日期", "入职时间", "joined_at"),
    "left_at": ("离职日期", "离职时间", "left_at"),
    "transferred_at": ("调岗日期", "调动日期", "transferred_at"),
    "tags": ("标签", "政治面貌", "tags"),
    "supervisor": ("上级", "直属上级", "直接上级", "supervisor"),
    "onebot11": ("qq号", "qq", "qq号码", "onebot11"),
    "wechat": ("微信号", "微信", "wechat"),
    "wecom": ("企业微信", "企业微信账号", "企业微信号", "wecom"),
    "matrix": ("matrix",),
    "webhook": ("webhook",),
    "nickname": ("微信昵称", "昵称", "nickname"),
    "accounts": ("账号", "accounts"),
}
_FIELD_OF = {name: field for field, names in _COLUMNS.items() for name in names}
_PLATFORMS = ("wecom", "onebot11", "wechat", "matrix", "webhook")
_STATUS = {
    "在职": "active", "在岗": "active", "正式": "active", "试用": "probation", "试用期": "probation", "实习": "probation",
    "离职": "left", "已离职": "left", "退休": "left", "调岗": "transferred", "调动": "transferred", "已调岗": "transferred",
}  # fmt: skip
_STATES = ("active", "probation", "left", "transferred")
_TAGS = {"党员": "party_member", "中共党员": "party_member", "领导": "leader", "客户": "customer", "群众": "", "无": ""}
_SEVERAL = re.compile(r"[\s,，;；、/]+")
_DATE = re.compile(r"^(\d{4})[-/.年]?(\d{1,2})[-/.月]?(\d{1,2})日?(?: 0?0:00(?::00)?)?$")
# What a spreadsheet makes of a long number, and how people keep it from doing so.
_SHORTENED = re.compile(r"^\d(\.\d+)?E\+\d+$", re.IGNORECASE)
_PROTECTED = re.compile(r'^(?:="(.*)"|\'(.*))$')
# A title may stand above the header.
HEADER_WITHIN = 10
_TOLD = 20


# Ten times as fast, where PyYAML was built with it.
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@dataclass
class _Row:
    place: str
    line: int
    cells: dict[str, str]
    accounts: tuple[Account, ...] = ()
    id: str = ""


@dataclass
class Roster:
    """People of one or several tables. `people()` raises ImportFailed with every mistake, each with its line."""

    notes: Notes
    rows: list[_Row] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    _seen: dict[str, _Row] = field(default_factory=dict)

    def read(self, source: Source) -> None:
        header, number, split = _header(source)
        columns = [_FIELD_OF.get(_plain(name)) for name in header]
        if unknown := [name.strip() for name, known in zip(header, columns, strict=True) if name.strip() and not known]:
            used = ", ".join(names[0].upper() for names in _COLUMNS.values() if not names[0].isascii())
            self.notes.remarks.append(
                f"{source}:{number}: not used: {', '.join(unknown)}; columns that are used: {used}"
            )
        lines = (f"{line}\n" for _, line in islice(source.lines(), number, None))
        table = csv.reader(lines, delimiter=split)
        begins = number + 1
        try:
            for values in table:
                line, begins = begins, number + 1 + table.line_num
                if any(value.strip() for value in values):
                    self._take(source, line, columns, values)
        except csv.Error as error:
            raise ImportFailed(
                f"{source}:{begins}: this line is no CSV ({error}); correct its quotation marks"
            ) from error

    def _take(self, source: Source, line: int, columns: list[str | None], values: list[str]) -> None:
        place = f"{source}:{line}"
        if len(values) > len(columns) and any(value.strip() for value in values[len(columns) :]):
            self.problems.append(
                f"{place}: {len(values)} cells under {len(columns)} columns; put cells with commas in quotes"
            )
            return
        cells: dict[str, str] = {}
        for column, value in zip(columns, values, strict=False):
            value = " ".join(value.split())
            if match := _PROTECTED.match(value):
                value = (match.group(1) or match.group(2) or "").strip()
            if column and value:
                if column in (*_PLATFORMS, "id", "accounts") and _SHORTENED.match(value):
                    self.problems.append(
                        f"{place}: the spreadsheet shortened a number to {value}; format the column as text and save anew"
                    )
                cells[column] = value
        if "name" not in cells:
            self.problems.append(f"{place}: 姓名 is empty; fill it in or delete the line")
            return
        row = _Row(place, line, cells, tuple(self._accounts(place, cells)))
        if before := self._seen.get(repr(cells)):
            self.notes.remarks.append(f"{place}: the same as {_seen_from(place, before)}; read once")
            return
        self._seen[repr(cells)] = row
        self.rows.append(row)

    def _accounts(self, place: str, cells: dict[str, str]) -> Iterator[Account]:
        for platform in _PLATFORMS:
            yield from (Account(platform, one) for one in _several(cells.get(platform)))
        if shown := cells.get("nickname"):
            # WeChat text shows names and no accounts; a name may hold blanks.
            yield Account("wechat", shown)
        for one in _several(cells.get("accounts")):
            platform, colon, account = one.partition(":")
            if colon and platform and account:
                yield Account(platform, account)
            else:
                self.problems.append(f"{place}: account {one} has no platform; write it such as onebot11:{one}")

    def people(self) -> tuple[Person, ...]:
        self._name_rows()
        self._find_doubles()
        ids = {row.id for row in self.rows}
        by_name = {name: row.id for row in self.rows if self._names[name := row.cells["name"]] == 1}
        people = tuple(self._person(row, ids, by_name) for row in self.rows)
        if self.problems:
            more = len(self.problems) - _TOLD
            raise ImportFailed("\n".join([*self.problems[:_TOLD], *([f"and {more} more"] if more > 0 else [])]))
        return people

    def _name_rows(self) -> None:
        """Ids that follow from what a row says, whatever its place: 工号, else the name, with what tells namesakes apart."""
        self._names = Counter(row.cells["name"] for row in self.rows)
        for row in self.rows:
            name, department = row.cells["name"], row.cells.get("department")
            row.id = row.cells.get("id") or (name if self._names[name] == 1 else f"{name}-{department or ''}")
        if any(self._names[row.cells["name"]] > 1 and "id" not in row.cells for row in self.rows):
            self.notes.remarks.append("people of the same name are told apart by department; a column 工号 is safer")

    def _find_doubles(self) -> None:
        ids: dict[str, _Row] = {}
        accounts: dict[Account, _Row] = {}
        for row in self.rows:
            if (first := ids.setdefault(row.id, row)) is not row:
                way_out = "delete one" if "id" in row.cells else "delete one, or tell them apart in a column 工号"
                self.problems.append(
                    f"{row.place}: {row.id} stands already in {_seen_from(row.place, first)}; {way_out}"
                )
                continue
            for account in row.accounts:
                if (first := accounts.setdefault(account, row)) is not row:
                    self.problems.append(
                        f"{row.place}: account {account.platform}:{account.id} belongs already to "
                        f"{_seen_from(row.place, first)}; correct one of them"
                    )

    def _person(self, row: _Row, ids: set[str], by_name: dict[str, str]) -> Person:
        cells = row.cells
        tags = (_TAGS.get(one, one) for one in _several(cells.get("tags")))
        given: dict[str, Any] = {key: cells.get(key) for key in ("department", "unit", "post")}
        given |= {key: self._date(row, key) for key in ("joined_at", "left_at", "transferred_at")}
        if above := cells.get("supervisor"):
            given["supervisor"] = above if above in ids else by_name.get(above)
            if given["supervisor"] is None:
                self.notes.leave_out("supervisor who is not in the roster, or not by one name", row.place)
        return Person(
            id=row.id,
            name=cells["name"],
            status=self._status(row),
            tags=tuple(dict.fromkeys(tag for tag in tags if tag)),
            accounts=tuple(dict.fromkeys(row.accounts)),
            **given,
        )

    def _status(self, row: _Row) -> str:
        said = row.cells.get("status")
        if said is None:
            return "left" if "left_at" in row.cells else "active"
        status = _STATUS.get(said, said)
        if status not in _STATES:
            self.problems.append(f"{row.place}: status {said} is not known; write 在职, 试用, 离职 or 调岗")
        return status

    def _date(self, row: _Row, key: str) -> str | None:
        said = row.cells.get(key)
        if said is None:
            return None
        try:
            match = _DATE.match(said)
            return date(*map(int, match.groups())).isoformat() if match else date.fromisoformat(said).isoformat()
        except ValueError:
            self.problems.append(f"{row.place}: {said} is no date; write 2026-01-05 or leave it empty")
            return None


def is_header(line: str) -> bool:
    """Say whether a line names the columns of a roster."""
    return any(_FIELD_OF.get(_plain(cell)) == "name" for cell in _cells(line)) and len(_cells(line)) > 1


def _header(source: Source) -> tuple[list[str], int, str]:
    """Column names, the number of their line, and what stands between cells."""
    for number, line in islice(source.lines(), HEADER_WITHIN):
        if is_header(line):
            columns = _cells(line)
            first: dict[str, str] = {}
            for name in columns:
                known = _FIELD_OF.get(_plain(name))
                if known and known in first:
                    raise ImportFailed(
                        f"{source}:{number}: columns {first[known]} and {name} mean the same; rename or delete one"
                    )
                first[known or ""] = name
            return columns, number, _split(line)
    raise ImportFailed(f"{source}:1: no line names the columns; the first has to be such as 姓名,部门,职务,微信号,QQ号")


def _split(line: str) -> str:
    return max(",\t;，", key=line.count)


def _cells(line: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=_split(line)), [])
    except csv.Error:
        return []


def _plain(name: str) -> str:
    """A column name without blanks, stars and what stands in brackets."""
    return re.sub(r"[（(].*$|[\s*]", "", name).casefold()


def _several(cell: str | None) -> list[str]:
    return [one for one in _SEVERAL.split(cell or "") if one]


def _seen_from(place: str, row: _Row) -> str:
    """A row of the same file by its line, of another by its whole place."""
    return f"line {row.line}" if row.place.rpartition(":")[0] == place.rpartition(":")[0] else row.place


def fleet_yaml(people: Sequence[Person], groups: Iterable[Group], timezone: str) -> str:
    """A fleet file, one person a line. Groups are comments to be filled in: no export says who answers for them."""
    lines = ["people:"]
    lines += [f"  - {_inline(msgspec.to_builtins(person))}" for person in people]
    lines += ["groups: []"]
    found = [{"id": one.id, "platform": one.platform, "name": " ".join(one.name.split())} for one in groups]
    if found:
        lines += [
            "# Groups in the imported chats. To use one: take away [] above and the #, and say whose it is and its pack:",
            "#   owner: ID, administrators: [ID], members: [ID], type: TYPE, pack: SLUG",
            *(f"#  - {_inline(one)}" for one in found),
        ]
    return "\n".join([*lines, f"settings: {_inline({'timezone': timezone})}", ""])


def _inline(fields: dict[str, Any]) -> str:
    """Fields as YAML on one line, without the empty ones."""
    said = {key: value for key, value in fields.items() if value not in (None, "", [], ())}
    return yaml.dump(
        said, Dumper=_Dumper, default_flow_style=True, allow_unicode=True, sort_keys=False, width=1 << 30
    ).strip()
