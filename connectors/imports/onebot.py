"""OneBot v11 events as bridges log them: group messages in both forms, notices and requests.

Source of the form: botuniverse/onebot-11 `event/`, `message/`; NapCat's extensions where named.
"""

import re
from collections import OrderedDict
from typing import Any

from connectors.imports.json_items import as_dict, text_of, whole
from connectors.imports.words import bounded, extension, links_in
from models import Attachment, Change, GroupRef, Link, Mention, MessageRef, Money, Observation, ReplyTo, Sender, Target

PLATFORM = "onebot11"
_MESSAGES = frozenset({"message", "message_sent"})
_ROLES = {"admin": "administrator"}
_SEGMENT = re.compile(r"\[CQ:([A-Za-z0-9_.-]+)((?:,[^\[\]]*)?)\]")
_ATTACHED = {"image": "image", "record": "voice", "video": "video", "file": "file"}
_KINDS = {
    "mface": "sticker", "marketface": "sticker", "dice": "sticker", "rps": "sticker", "poke": "sticker", "share": "link",
    "music": "card", "json": "card", "xml": "card", "location": "location", "contact": "contact_card", "forward": "forward",
    "node": "forward", "redbag": "red_packet", "miniapp": "mini_program",
}  # fmt: skip
_CARD_KINDS = (("miniapp", "mini_program"), ("multimsg", "forward"), (".map", "location"), ("contact", "contact_card"))
# Bridges cannot see a red packet: QQ sends old clients this text instead.
_DEGRADED = "[QQ红包]"
# Native ids of the latest messages, so that replies and recalls name ours.
_REMEMBERED = 50_000


def is_onebot(item: dict[str, Any]) -> bool:
    return "post_type" in item or ("message_type" in item and "message_id" in item)


def why_not(item: dict[str, Any]) -> str:
    if text_of(item.get("group_id")) is None:
        return "message between two people, or event without a group"
    return "event of a kind that says nothing here"


def segments(message: Any) -> list[tuple[str, dict[str, Any]]]:
    """The parts of a message, from the array form or from CQ codes."""
    if isinstance(message, list):
        return [(text_of(as_dict(one).get("type")) or "", as_dict(as_dict(one).get("data"))) for one in message]
    if isinstance(message, dict):
        return segments([message])
    text = message if isinstance(message, str) else ""
    parts: list[tuple[str, dict[str, Any]]] = []
    end = 0
    for match in _SEGMENT.finditer(text):
        if match.start() > end:
            parts.append(("text", {"text": _unescaped(text[end : match.start()])}))
        pairs = (pair.partition("=") for pair in match.group(2).split(",")[1:])
        parts.append((match.group(1), {key: _unescaped(value) for key, _, value in pairs}))
        end = match.end()
    if end < len(text):
        parts.append(("text", {"text": _unescaped(text[end:])}))
    return parts


def _unescaped(text: str) -> str:
    return text.replace("&#91;", "[").replace("&#93;", "]").replace("&#44;", ",").replace("&amp;", "&")


class Reader:
    """Maps the events of one log in their order; remembers which of our ids a bridge's message id stands for."""

    def __init__(self) -> None:
        self._ids: OrderedDict[tuple[str, str], str] = OrderedDict()

    def observation(self, item: dict[str, Any]) -> Observation | None:
        """Map one event; None for what concerns no group or says nothing here."""
        group, seconds = text_of(item.get("group_id")), whole(item.get("time"))
        if group in (None, "0") or seconds is None or group is None:
            return None
        common: dict[str, Any] = {
            "platform": PLATFORM,
            "account": text_of(item.get("self_id")),
            "group": GroupRef(group, text_of(item.get("group_name"))),
            "sent_at": seconds * 1000,
        }
        match item.get("post_type"):
            case "notice":
                return self._notice(item, group, seconds, common)
            case "request":
                return _request(item, group, seconds, common)
            case _:
                return self._message(item, group, common) if item.get("message_type", "group") == "group" else None

    def _message(self, item: dict[str, Any], group: str, common: dict[str, Any]) -> Observation | None:
        native, order = text_of(item.get("message_id")), text_of(item.get("real_seq"))
        shown = as_dict(item.get("sender"))
        sender_id = text_of(item.get("user_id")) or text_of(shown.get("user_id"))
        if sender_id is None or (native is None and order is None):
            return None
        # The order number is the group's own, the same for every bot; a message id is known to one account alone.
        named = f"{PLATFORM}:g{group}:s{order}" if order else f"{PLATFORM}:{common['account']}:g{group}:m{native}"
        if native:
            self._remember(group, native, named)
        role = text_of(shown.get("role"))
        card = shown.get("card")
        sender = Sender(
            sender_id,
            text_of(shown.get("nickname")),
            card=card if isinstance(card, str) else None,
            role=_ROLES.get(role or "", role),
        )
        given = self._content(segments(item.get("message", item.get("raw_message"))), group)
        return Observation(
            type="message.created", id=named, sender=sender, native_id=native, seq=order, **given, **common
        )

    def _remember(self, group: str, native: str, named: str) -> None:
        self._ids[group, native] = named
        if len(self._ids) > _REMEMBERED:
            self._ids.popitem(last=False)

    def _content(self, parts: list[tuple[str, dict[str, Any]]], group: str) -> dict[str, Any]:
        texts: list[str] = []
        kinds: list[str] = []
        mentions: dict[str, Mention] = {}
        links: list[Link] = []
        attachments: list[Attachment] = []
        flags: list[str] = []
        given: dict[str, Any] = {}
        for kind, data in parts:
            match kind:
                case "text" | "markdown":
                    words = text_of(data.get("text")) or text_of(data.get("content")) or ""
                    texts.append(words)
                    if words.strip():
                        kinds.append("text")
                case "at":
                    who, name = text_of(data.get("qq")) or "", text_of(data.get("name"))
                    kinds.append("text")
                    if who == "all":
                        given["mention_all"] = True
                        texts.append("@全体成员")
                    else:
                        mentions[who] = Mention(who or None, name.removeprefix("@") if name else None)
                        texts.append(f"@{(name or who).removeprefix('@')}")
                case "reply":
                    native = text_of(data.get("id"))
                    if native:
                        given["reply_to"] = ReplyTo(self._ids.get((group, native)), native)
                case "image" | "record" | "video" | "file":
                    told = text_of(data.get("file_name")) or text_of(data.get("name")) or text_of(data.get("file"))
                    file = None if told and told.startswith(("http://", "https://", "base64://")) else told
                    size = whole(data.get("file_size"))
                    attachments.append(Attachment(_ATTACHED[kind], file, extension(file), size=size))
                    kinds.append(_ATTACHED[kind])
                case "json" | "xml" | "share" | "music" | "miniapp":
                    how, words, found = _card(kind, data)
                    kinds.append(how)
                    texts += [words] if words else []
                    links += found
                case "location" | "contact":
                    kinds.append(_KINDS[kind])
                    texts += [place] if (place := text_of(data.get("title")) or text_of(data.get("content"))) else []
                case "redbag":
                    kinds.append("red_packet")
                    given["money"] = Money(type="red_packet", wish=text_of(data.get("title")))
                case "face":
                    kinds.append("face")
                case _:
                    kinds.append(_KINDS.get(kind, "unknown"))
                    if kind not in _KINDS:
                        flags.append(f"segment:{kind}")
        text, cut = bounded("".join(texts))
        flags += ["truncated"] if cut else []
        given["kind"] = _kind_of(kinds)
        if text.startswith(_DEGRADED) and given["kind"] == "text":
            given |= {"kind": "red_packet", "money": Money(type="red_packet")}
            flags.append("degraded_text")
        shown = {link.url for link in links}
        links += [link for link in links_in(text) or () if link.url not in shown]
        return given | {
            "text": text or None,
            "mentions": tuple(mentions.values()) or None,
            "links": tuple(links) or None,
            "attachments": tuple(attachments) or None,
            "flags": tuple(dict.fromkeys(flags)) or None,
        }

    def _notice(self, item: dict[str, Any], group: str, seconds: int, common: dict[str, Any]) -> Observation | None:
        notice, how = text_of(item.get("notice_type")) or "", text_of(item.get("sub_type")) or ""
        user, operator = text_of(item.get("user_id")), text_of(item.get("operator_id"))
        operator = None if operator == "0" else operator
        target = Target(user) if user and user != "0" else None
        by = Sender(operator) if operator else None
        given: dict[str, Any] = {"sender": by, "target": target}
        native = text_of(item.get("message_id"))
        match notice, how:
            case "group_increase", _:
                what = "member.joined"
            case "group_decrease", "leave":
                what = "member.left"
            case "group_decrease", "disband":
                what = "group.dissolved"
            case "group_decrease", _:
                what = "member.removed"
            case "group_ban", "lift_ban":
                what = "member.unmuted"
            case "group_ban", _:
                what = "member.muted"
                given["change"] = Change(field="mute", seconds=whole(item.get("duration")))
            case "group_recall", _:
                what = "message.recalled"
                given["recall_of"] = MessageRef(self._ids.get((group, native or "")), native)
            case "group_card", _:
                what = "member.renamed"
                old, new = item.get("card_old"), item.get("card_new")
                given["change"] = Change(
                    field="card", old=old if isinstance(old, str) else None, new=new if isinstance(new, str) else None
                )
            case "group_admin", _:
                what = "member.role_changed"
                given["change"] = Change(field="role", new="administrator" if how == "set" else "member")
            case "group_upload", _:
                what = "file.uploaded"
                file = as_dict(item.get("file"))
                name = text_of(file.get("name"))
                given["attachments"] = (Attachment("file", name, extension(name), size=whole(file.get("size"))),)
                # Who uploaded is the one who did it; some readers of such events look for the member concerned.
                given["sender"] = Sender(user) if user else None
                native = text_of(file.get("id"))
            case "notify", "group_name":
                what = "group.renamed"
                given["sender"], given["target"] = (Sender(user) if user else None), None
                given["change"] = Change(field="name", new=text_of(item.get("name_new")))
            case _:
                return None
        about = native if native else str(seconds)
        return Observation(
            type=what,
            id=":".join(part for part in (PLATFORM, f"g{group}", notice, how, user or "", about) if part),
            **given,
            **common,
        )


def _request(item: dict[str, Any], group: str, seconds: int, common: dict[str, Any]) -> Observation | None:
    user, how = text_of(item.get("user_id")), text_of(item.get("sub_type")) or ""
    if item.get("request_type") != "group" or how != "add" or user is None:
        return None
    return Observation(
        type="join.requested",
        id=f"{PLATFORM}:g{group}:request_group:{how}:{user}:{seconds}",
        target=Target(user),
        change=Change(field="join", reason=text_of(item.get("comment"))),
        native_id=text_of(item.get("flag")),
        **common,
    )


def _kind_of(kinds: list[str]) -> str:
    """One kind for the whole message: QQ's small faces count for nothing beside anything else."""
    told = list(dict.fromkeys(kind for kind in kinds if kind != "face"))
    if not told:
        return "sticker" if kinds else "text"
    for strong in (
        "red_packet",
        "forward",
        "card",
        "mini_program",
        "link",
        "location",
        "contact_card",
        "file",
        "voice",
    ):
        if strong in told:
            return strong
    return told[0] if len(told) == 1 else "mixed"


def _card(kind: str, data: dict[str, Any]) -> tuple[str, str, list[Link]]:
    """Kind, own title and description, and the link of a shared card."""
    if kind in ("share", "music"):
        shown, how = data, _KINDS[kind]
    else:
        body = as_dict(data.get("data"))
        app = text_of(body.get("app")) or ""
        how = next((found for part, found in _CARD_KINDS if part in app), _KINDS[kind])
        inner = [as_dict(one) for one in as_dict(body.get("meta")).values()]
        shown = next((one for one in inner if one.get("title") or one.get("desc")), {"title": body.get("prompt")})
    title = text_of(shown.get("title"))
    said = text_of(shown.get("desc")) or text_of(shown.get("content"))
    url = next((url for key in ("jumpUrl", "qqdocurl", "url") if (url := text_of(shown.get(key)))), None)
    if url and not url.startswith(("http://", "https://")):
        url = f"https://{url}"
    links = [Link(url=url, title=title, origin="card")] if url else []
    return how, " ".join(one for one in (title, said) if one), links
