"""Decrypted messages of the WeCom message archive (会话内容存档), JSON or JSONL.

Source of the form: developer.work.weixin.qq.com path/91774. Types that are not known here pass through as `unknown`.
"""

import re
from typing import Any

from connectors.imports.json_items import as_dict, as_list, text_of, whole
from connectors.imports.words import bounded, extension, links_in, names_after_at
from models import Attachment, Change, GroupRef, Link, Mention, MessageRef, Money, Observation, ReplyTo, Sender

PLATFORM = "wecom"
# External contacts have ids such as wmXXXX or woXXXX of 32 characters, robots wbXXXX; user ids are the tenant's own.
_EXTERNAL = re.compile(r"^w[mo][A-Za-z0-9_-]{26,}$")
_ROBOT = re.compile(r"^wb[A-Za-z0-9_-]{26,}$")
# The client writes a reply into the text. The shortest quotation is taken: of a text forged in this form the rest is judged.
_REPLY = re.compile(
    r"^这是一条引用/回复消息[:：]\s*\n?[“\"「](?P<who>[^\n]{0,80}?)[:：]\s*\n(?P<said>.*?)[”\"」]\n-{3,}\n", re.DOTALL
)
_MENTION = re.compile(r"<@([^<>\s]{1,64})>")
_KINDS = {
    "text": "text", "markdown": "text", "image": "image", "voice": "voice", "video": "video", "file": "file",
    "emotion": "sticker", "link": "link", "news": "link", "weapp": "mini_program", "card": "contact_card",
    "location": "location", "chatrecord": "forward", "mixed": "mixed", "redpacket": "red_packet",
    "external_redpacket": "red_packet", "meeting": "meeting", "meeting_notification": "meeting",
    "meeting_voice_call": "call", "voiptext": "call", "voip_doc_share": "document", "docmsg": "document",
    "vote": "vote", "todo": "todo", "collect": "form", "qydiskfile": "file", "sphfeed": "card",
}  # fmt: skip
_BODIES = {
    "docmsg": "doc",
    "markdown": "info",
    "voiptext": "info",
    "news": "info",
    "external_redpacket": "redpacket",
    "qydiskfile": "info",
}
_CHARTED = ("title", "topic", "votetitle", "content", "description", "desc", "address", "displayname", "corpname")


def is_archive(item: dict[str, Any]) -> bool:
    return "msgid" in item and ("msgtype" in item or item.get("action") in ("send", "recall", "switch"))


def is_encrypted(item: dict[str, Any]) -> bool:
    return "encrypt_chat_msg" in item


def why_not(item: dict[str, Any]) -> str:
    if item.get("action") == "switch":
        return "log-in record"
    if text_of(item.get("roomid")) is None:
        return "message between two people"
    return "archive message without time or sender"


def observation(item: dict[str, Any]) -> Observation | None:
    """Map one decrypted message; None for what is no message of a group."""
    room, sender_id, message_id = text_of(item.get("roomid")), text_of(item.get("from")), text_of(item.get("msgid"))
    at, kind = whole(item.get("msgtime")), text_of(item.get("msgtype")) or ""
    if room is None or sender_id is None or message_id is None or at is None:
        return None
    common: dict[str, Any] = {
        "id": f"{PLATFORM}:{message_id}",
        "platform": PLATFORM,
        "group": GroupRef(room),
        "sender": Sender(sender_id, scope=_scope(sender_id)),
        "sent_at": at,
        "native_id": message_id,
    }
    # Some programs keep the body of every type under one name.
    body = next((body for key in (_BODIES.get(kind, kind), kind, "content") if (body := as_dict(item.get(key)))), {})
    if item.get("action") == "recall" or kind == "revoke":
        before = text_of(body.get("pre_msgid"))
        of = MessageRef(f"{PLATFORM}:{before}", before) if before else None
        return Observation(type="message.recalled", recall_of=of, **common)
    given: dict[str, Any] = {"kind": _KINDS.get(kind, "unknown"), **_content(kind, body)}
    flags = [*given.pop("flags", ()), *(() if kind in _KINDS else (f"msgtype:{kind}",))]
    if text := given.get("text"):
        given["text"], cut = bounded(text)
        flags += ["truncated"] if cut else []
    return Observation(type="message.created", flags=tuple(flags) or None, **given, **common)


def _scope(sender_id: str) -> str:
    if _EXTERNAL.match(sender_id):
        return "external"
    return "robot" if _ROBOT.match(sender_id) else "internal"


def _content(kind: str, body: dict[str, Any]) -> dict[str, Any]:
    match kind:
        case "text" | "markdown":
            return _said(text_of(body.get("content")) or "")
        case "image" | "voice" | "video" | "file" | "emotion" | "qydiskfile":
            return {"attachments": (_attachment(kind, body),)}
        case "link" | "docmsg" | "weapp" | "voip_doc_share" | "sphfeed":
            return _shared(body)
        case "news":
            shown = [_shared(as_dict(one)) for one in as_list(body.get("item"))]
            texts = [one["text"] for one in shown if one["text"]]
            return {
                "text": "\n".join(texts) or None,
                "links": tuple(link for one in shown for link in one["links"] or ()) or None,
            }
        case "mixed":
            return _mixed(as_list(body.get("item")))
        case "chatrecord":
            return {"text": text_of(body.get("title"))}
        case "redpacket" | "external_redpacket":
            return {"money": _money(body)}
        case "voiptext" | "meeting_voice_call":
            seconds = whole(body.get("callduration"))
            return {"change": Change(field="call", seconds=seconds)} if seconds is not None else {}
        case "meeting" | "meeting_notification" | "vote" | "todo" | "location" | "collect":
            told = [told for key in _CHARTED if (told := text_of(body.get(key)))]
            return {"text": " ".join(dict.fromkeys(told)) or None}
        case _:
            return {}


def _said(text: str) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if match := _REPLY.match(text):
        given["reply_to"] = ReplyTo(quoted_sender=match["who"] or None, quoted_text=bounded(match["said"])[0])
        text = text[match.end() :]
    named, everybody = names_after_at(_MENTION.sub("", text))
    ids = tuple(Mention(id=one) for one in dict.fromkeys(_MENTION.findall(text)) if one != "all")
    flags = ("mentions_unresolved",) if named else ()
    return given | {
        "text": text or None,
        "links": links_in(text),
        "mentions": (*ids, *(named or ())) or None,
        "mention_all": everybody or ("<@all>" in text) or None,
        "flags": flags,
    }


def _attachment(kind: str, body: dict[str, Any]) -> Attachment:
    name = text_of(body.get("filename"))
    return Attachment(
        kind={"emotion": "image", "qydiskfile": "file"}.get(kind, kind),
        name=name,
        ext=text_of(body.get("fileext")) or extension(name),
        size=next(
            (size for key in ("filesize", "voice_size", "imagesize") if (size := whole(body.get(key))) is not None),
            None,
        ),
        md5=text_of(body.get("md5sum")),
    )


def _shared(body: dict[str, Any]) -> dict[str, Any]:
    title = text_of(body.get("title")) or text_of(body.get("feed_desc"))
    described = text_of(body.get("description")) or text_of(body.get("desc"))
    url = text_of(body.get("link_url")) or text_of(body.get("url"))
    return {
        "text": " ".join(one for one in (title, described) if one) or None,
        "links": (Link(url=url, title=title, origin="card"),) if url else None,
    }


def _mixed(items: list[Any]) -> dict[str, Any]:
    texts: list[str] = []
    attachments: list[Attachment] = []
    links: list[Link] = []
    for one in items:
        kind = text_of(as_dict(one).get("type")) or ""
        body = as_dict(as_dict(one).get("content"))
        if kind in ("image", "voice", "video", "file", "emotion"):
            attachments.append(_attachment(kind, body))
        elif kind == "link":
            links += _shared(body)["links"] or ()
        elif words := text_of(body.get("content")):
            texts.append(words)
    said = _said("\n".join(texts))
    return said | {"attachments": tuple(attachments) or None, "links": (*(said["links"] or ()), *links) or None}


def _money(body: dict[str, Any]) -> Money:
    return Money(
        type="red_packet",
        wish=text_of(body.get("wish")),
        count=whole(body.get("totalcnt")),
        amount_fen=whole(body.get("totalamount")),
    )
