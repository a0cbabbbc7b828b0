"""Lines that the chat program wrote itself: who joined, left, was muted, recalled a message."""

import re
from dataclasses import dataclass

from models import Change

_WHO = r"[\"“]?(?P<{0}>[^\"“”]{{1,60}}?)[\"”]?\s?"
_END = r"[。.！!]?$"
_MUTE_UNITS = {"秒": 1, "分": 60, "分钟": 60, "小时": 3600, "时": 3600, "天": 86_400, "日": 86_400}


@dataclass(frozen=True)
class Happening:
    """What a system line says; people by the names shown."""

    type: str
    sender: str | None = None
    target: str | None = None
    change: Change | None = None


def _form(pattern: str) -> re.Pattern[str]:
    who = _WHO.format("who")
    whom = _WHO.format("whom")
    return re.compile("^" + pattern.replace("WHOM", whom).replace("WHO", who) + _END)


# Order matters: the first that fits says what it is.
_FORMS: tuple[tuple[re.Pattern[str], str], ...] = (
    (_form(r"(?:管理员|群主)?WHO撤回了(?:一条)?(?:成员)?WHOM的(?:一条)?消息"), "message.recalled"),
    (_form(r"(?:管理员|群主)?WHO撤回了一条(?:成员)?消息(?:，?\s?重新编辑)?"), "message.recalled"),
    (_form(r"WHO邀请WHOM加入了?(?:本群|群聊|该群|群)"), "member.joined"),
    (_form(r"WHOM通过扫描WHO分享的二维码加入了?(?:本群|群聊|该群|群)"), "member.joined"),
    (_form(r"WHOM(?:已)?加入了?(?:本群|群聊|该群|群)"), "member.joined"),
    (_form(r"WHOM(?:已)?退出了?(?:本群|群聊|该群|群)"), "member.left"),
    (_form(r"WHO(?:已)?将WHOM(?:移出|请出|踢出)了?(?:本群|群聊|该群|群)"), "member.removed"),
    (_form(r"WHOM(?:已)?被WHO(?:移出|请出|踢出)了?(?:本群|群聊|该群|群)"), "member.removed"),
    (_form(r"WHOM(?:已)?被WHO解除禁言"), "member.unmuted"),
    (_form(r"WHOM(?:已)?被WHO禁言(?P<much>\d+)\s?(?P<unit>秒|分钟|分|小时|时|天|日)"), "member.muted"),
    (_form(r"WHOM(?:已)?(?:成为|被设为|被设置为)(?:了)?(?:本群|群)?管理员"), "member.role_changed"),
    (_form(r"WHO修改群名(?:称)?为[\"“](?P<new>.{1,60})[\"”]"), "group.renamed"),
)
# Kept short: a system line fits on one, and long text is somebody's message.
_LONGEST = 160


def happening(line: str) -> Happening | None:
    """Read a system line; None where it is not clear what it says."""
    line = line.strip()
    if not line or len(line) > _LONGEST:
        return None
    for form, what in _FORMS:
        if match := form.match(line):
            found = {key: value and value.strip() for key, value in match.groupdict().items()}
            return Happening(what, found.get("who"), found.get("whom"), _change(what, found))
    return None


def _change(what: str, found: dict[str, str | None]) -> Change | None:
    if what == "member.muted":
        return Change(field="mute", seconds=int(found["much"] or 0) * _MUTE_UNITS[found["unit"] or "秒"])
    if what == "member.role_changed":
        return Change(field="role", new="administrator")
    if what == "group.renamed":
        return Change(field="name", new=found["new"])
    return None
