"""What plain text tells: links, names after @, and the placeholders that exports put in the place of pictures and files."""

import re
from collections import OrderedDict
from pathlib import PurePath
from typing import Any

from models import Attachment, Link, Mention, Money, digest

# 40,000 code points are at most 240 KB of JSON, below the 256 KB that a record may have.
LONGEST_TEXT = 40_000
# Equal messages are counted among this many latest: more than a second ever holds, fewer than would tell a part that
# stands in a file twice from itself.
_REMEMBERED = 1000

_LINK = re.compile(r"https?://[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+", re.IGNORECASE)
_AT = re.compile(r"(?<![A-Za-z0-9._\-])@([^\s@,，。！？!?：:；;、（）()]{1,32})")
_ALL = frozenset({"全体成员", "所有人", "全体人员", "all", "All", "everyone"})
_PLACEHOLDERS = {
    "图片": "image", "照片": "image", "Photo": "image", "Image": "image",
    "表情": "sticker", "动画表情": "sticker", "原创表情": "sticker", "Sticker": "sticker",
    "语音": "voice", "Voice": "voice",
    "视频": "video", "短视频": "video", "Video": "video",
    "文件": "file", "File": "file",
    "位置": "location", "地理位置": "location", "Location": "location",
    "QQ红包": "red_packet", "微信红包": "red_packet", "红包": "red_packet", "Red Packet": "red_packet",
    "转账": "transfer", "微信转账": "transfer", "QQ转账": "transfer",
    "名片": "contact_card", "个人名片": "contact_card", "推荐名片": "contact_card",
    "聊天记录": "forward", "合并转发": "forward", "群聊的聊天记录": "forward",
    "链接": "link", "分享": "link", "Link": "link",
    "小程序": "mini_program", "QQ小程序": "mini_program", "Mini Program": "mini_program",
    "卡片": "card", "音乐": "card", "视频号": "card",
    "语音通话": "call", "视频通话": "call", "通话": "call",
    "投票": "vote", "群投票": "vote", "接龙": "form", "群接龙": "form", "收集表": "form",
    "文档": "document", "腾讯文档": "document", "卡券": "voucher",
}  # fmt: skip
_PLACEHOLDER = re.compile(r"\[(" + "|".join(sorted(map(re.escape, _PLACEHOLDERS), key=len, reverse=True)) + r")\]")
_ATTACHED = frozenset({"image", "video", "voice", "file"})


def bounded(text: str) -> tuple[str, bool]:
    """The text, cut to what a record may hold, and whether it was cut."""
    return (text[:LONGEST_TEXT], True) if len(text) > LONGEST_TEXT else (text, False)


def links_in(text: str) -> tuple[Link, ...] | None:
    found = dict.fromkeys(match.group().rstrip(".,;:!?'\")]") for match in _LINK.finditer(text))
    return tuple(Link(url=url, origin="text") for url in found) or None


def names_after_at(text: str) -> tuple[tuple[Mention, ...] | None, bool | None]:
    """Mentions by name alone, and whether everybody is meant."""
    names = dict.fromkeys(match.group(1) for match in _AT.finditer(text))
    everybody = any(name in _ALL for name in names)
    return tuple(Mention(name=name) for name in names if name not in _ALL) or None, everybody or None


def extension(name: str | None) -> str | None:
    return PurePath(name).suffix[1:].lower() or None if name else None


def described(text: str) -> dict[str, Any]:
    """The fields of a message of an export that has only text: kind, own words, links, mentions, attachments, money."""
    text, cut = bounded(text.strip("\n"))
    flags: list[str] = ["truncated"] if cut else []
    given: dict[str, Any] = {"kind": "text", "text": text or None}
    found = list(_PLACEHOLDER.finditer(text))
    kinds = [_PLACEHOLDERS[match.group(1)] for match in found]
    if found:
        leading = kinds[0] if not text[: found[0].start()].strip() else None
        rest = _PLACEHOLDER.sub("", text).strip()
        shown = set(kinds)
        if leading in ("red_packet", "transfer"):
            given |= {"kind": leading, "money": Money(type=str(leading))}
            flags.append("degraded_text")
        elif leading == "file":
            name = rest.splitlines()[0].strip() if rest else None
            given |= {"kind": "file", "text": None, "attachments": (Attachment("file", name, extension(name)),)}
        elif leading and leading not in _ATTACHED and leading != "sticker":
            given |= {"kind": leading, "text": rest or None}
        elif not rest:
            given |= {"kind": kinds[0] if len(shown) == 1 else "mixed", "text": None}
        elif shown & _ATTACHED:
            given |= {"kind": "mixed", "text": rest}
        if given["kind"] in (*_ATTACHED, "mixed") and "attachments" not in given:
            given["attachments"] = tuple(Attachment(kind) for kind in kinds if kind in _ATTACHED) or None
    if own := given["text"]:
        given["links"] = links_in(own)
        given["mentions"], given["mention_all"] = names_after_at(own)
        if given["mentions"]:
            flags.append("mentions_unresolved")
    given["flags"] = tuple(flags) or None
    return given


class Naming:
    """Ids for exports that carry none.

    An id follows from group, sender, time, text, and the place among equal ones. Exports of the same chat that overlap
    give the same ids; a chat read anew after a change of the group's id gives others.
    """

    def __init__(self, platform: str) -> None:
        self._platform = platform
        self._counts: OrderedDict[str, int] = OrderedDict()

    def name(self, group: str, sender: str, at: int, text: str) -> str:
        first = digest("i", self._platform, group, sender, at, 0, text)
        ordinal = self._counts.pop(first, 0)
        self._counts[first] = ordinal + 1
        if len(self._counts) > _REMEMBERED:
            self._counts.popitem(last=False)
        return digest("i", self._platform, group, sender, at, ordinal, text) if ordinal else first
