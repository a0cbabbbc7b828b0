"""Rules on pictures, voice messages and files: what stands beside them, and whose they are. Contents are not opened."""

from collections.abc import Hashable, Iterable, Mapping
from typing import Literal

import re2
from msgspec import Struct, field

from classifiers.conversation import is_receipt
from models import Attachment, Evidence, Subject, digest
from models.observation import MESSAGE_TYPES, Millis
from policies.deadlines import Deadline
from policies.rules.base import Case, Finding, Place, Rule, own_text, readable
from policies.rules.content import weigh
from policies.schema import Span

# The last people of a group who said something; who is pushed out by more of them spoke too long ago to explain a picture.
_SPEAKERS = 30
# Voice messages, and files, of a group that are remembered.
_VOICES, _FILES = 60, 300
# Pictures of one series that are remembered, so that each can be taken back.
_SERIES = 20
# What clients write in place of something: [图片], [表情].
_PLACEHOLDER = re2.compile(r"[\[【［][^\[\]【】［］\s]{1,8}[\]】］]")
_SAYS = re2.compile(r"[\p{Han}\p{L}\p{N}]")


def has_words(case: Case) -> bool:
    """Say whether the sender wrote something that tells: not only signs, a placeholder or a receipt."""
    text = case.seen.text or own_text(case.seen)
    if not text:
        return False
    if "[" in text or "【" in text or "［" in text or not text[0].isalnum():
        text = readable(text[:2000])
        if not _SAYS.search(_PLACEHOLDER.sub("", text)):
            return False
    return not case.does(is_receipt)


class NeedsTextParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`within`: how long before or after a picture its sender's words may stand. `exempt_roles` need none."""

    within: Span = field(default_factory=lambda: Span(minutes=3, source="tenant"))
    exempt_roles: tuple[str, ...] = ()


class NeedsText(Rule):
    """A picture came without a word of its sender, before it, with it or after it. A series of pictures is one.

    A picture that answers a message is explained by what it answers; one taken back needs no words. Stickers are none.
    Serves `image:needs-text`.
    """

    name = "image.needs_text"
    Params = NeedsTextParams
    watches = MESSAGE_TYPES | {"message.recalled"}
    needs = "the messages of the group without gaps"

    def see(self, case: Case, params: NeedsTextParams, place: Place) -> Iterable[Finding]:
        seen, who = case.seen, case.sender_id
        if who is None or case.is_robot:
            return ()
        if seen.type == "message.recalled":
            if case.state.deadlines:
                _take_back(case, place)
        elif has_words(case):
            _note_speaker(case, who)
            for open_one in _series(case, place, who):
                place.end(case, open_one)
        elif _is_picture(case) and seen.reply_to is None and case.sender_role not in params.exempt_roles:
            self._wait(case, params, place, who)
        return ()

    def _wait(self, case: Case, params: NeedsTextParams, place: Place, who: str) -> None:
        spoken = [at for at, one, _ in case.state.lately.get(_SPOKE, ()) if one == who]
        if spoken and case.calendar.after(spoken[-1], params.within) >= case.now:
            return
        picture = case.seen.origin_id
        for open_one in _series(case, place, who):
            shown = open_one.data["pictures"]
            if picture not in shown and len(shown) < _SERIES:
                shown.append(picture)
            return
        due_at = case.calendar.after(case.now, params.within)
        place.set_deadline(case, subject=who, cause=picture, due_at=due_at, data={"pictures": [picture]})

    def due(self, case: Case, params: NeedsTextParams, deadline: Deadline) -> Iterable[Finding]:
        shown = len(deadline.data["pictures"])
        yield Finding(
            subject=Subject("member", deadline.subject),
            explanation="发送的图片没有文字说明，请补充",
            evidence=(
                Evidence(signal="media", category="image", why=f"{shown} 张图片前后均无本人说明：{deadline.cause}"),
            ),
            category="image",
        )


_SPOKE = "spoke"


def _is_picture(case: Case) -> bool:
    seen = case.seen
    if seen.type != "message.created":
        return False
    return seen.kind == "image" or (seen.kind == "mixed" and any(one.kind == "image" for one in seen.attachments or ()))


def _note_speaker(case: Case, who: str) -> None:
    spoken = case.state.lately.get(_SPOKE)
    if spoken is None:
        case.state.keep(_SPOKE, [(case.now, who, "")])
    elif spoken[-1][1] == who:
        spoken[-1] = (case.now, who, "")
    else:
        spoken.append((case.now, who, ""))
        del spoken[:-_SPEAKERS]


def _series(case: Case, place: Place, who: str) -> list[Deadline]:
    return [one for one in place.deadlines(case) if one.subject == who] if case.state.deadlines else []


def _take_back(case: Case, place: Place) -> None:
    of = case.seen.recall_of
    for open_one in place.deadlines(case):
        shown = open_one.data["pictures"]
        if of is not None and of.id in shown:
            shown.remove(of.id)
            if not shown:
                place.end(case, open_one)


class TextFirstParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """More than `voices` voice messages of one sender, with no word of his between them and less than `within` from one
    to the next."""

    voices: int = 5
    within: Span = field(default_factory=lambda: Span(minutes=10, source="tenant"))


class TextFirst(Rule):
    """Somebody speaks into the group instead of writing, so that nothing can be looked up. A hint, once a series.

    Serves `format:text-first`.
    """

    name = "format.text_first"
    Params = TextFirstParams
    watches = frozenset({"message.created"})

    def see(self, case: Case, params: TextFirstParams, place: Place) -> Iterable[Finding]:
        who = case.sender_id
        if case.seen.kind != "voice":
            # Who writes a word begins anew.
            if who is not None and _VOICED in case.state.lately and has_words(case):
                case.state.keep(_VOICED, [one for one in case.state.lately[_VOICED] if one[1] != who])
            return
        if who is None or case.is_robot:
            return
        spoken = self._still_counting(case, params)
        spoken.append((case.now, who, case.seen.id))
        case.state.keep(_VOICED, spoken[-_VOICES:])
        own = [one for one in case.state.lately[_VOICED] if one[1] == who]
        if len(own) == params.voices + 1:
            told = f"连续发送 {len(own)} 条语音"
            yield Finding(
                subject=case.offender,
                explanation=f"{told}，请尽量使用文字，便于留存和查阅",
                certain=False,
                evidence=(Evidence(signal="media", category="voice", why=told),),
                episode=own[0][2],
                category="voice",
            )

    def _still_counting(self, case: Case, params: TextFirstParams) -> list[tuple[Millis, str, str]]:
        """The voice messages of those whose last one is not longer ago than the span."""
        spoken = case.state.lately.get(_VOICED, [])
        last = {who: at for at, who, _ in spoken}
        ended = {who for who, at in last.items() if case.calendar.after(at, params.within) < case.now}
        return [one for one in spoken if one[1] not in ended]


_VOICED = "voiced"


class TamperParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`exempt_roles` may delete and change what others uploaded, e.g. who keeps the group's files in order."""

    exempt_roles: tuple[str, ...] = ()


class FileTamper(Rule):
    """Somebody deleted or changed a file that another had uploaded.

    Whose file it is says the observation (`target`), else the upload that was seen; the last 300 of a group are
    remembered, by a hash of their names. Where nobody knows, a person is asked. Serves `file:tamper`.
    """

    name = "file.tamper"
    Params = TamperParams
    watches = frozenset({"file.uploaded", "file.changed", "file.deleted", "message.created"})
    needs = "a connector that shows who deletes or changes files"

    def cues(self, params: TamperParams) -> Mapping[Hashable, str]:
        return {}

    def see(self, case: Case, params: TamperParams, place: Place) -> Iterable[Finding]:
        seen = case.seen
        if not seen.attachments and seen.type in ("message.created", "file.uploaded"):
            return
        if seen.type in ("message.created", "file.uploaded"):
            _note_files(case)
            return
        actor = case.sender_id
        if actor is not None and (case.is_robot or case.sender_role in params.exempt_roles):
            return
        owner = case.target_id or _uploader(case)
        if owner is not None and owner == actor:
            return
        done = "删除" if seen.type == "file.deleted" else "修改"
        name = next((one.name for one in seen.attachments or () if one.name), None)
        yield Finding(
            subject=case.offender,
            explanation=f"{done}了他人上传的文件，请联系上传人处理" if owner else f"{done}了文件，上传人不明，请核实",
            certain=owner is not None and actor is not None,
            evidence=(Evidence("media", "file", None, readable(name[:80]) if name else None, f"{done}文件"),),
            category="file",
        )


_UPLOADED = "files"


def _note_files(case: Case) -> None:
    if case.sender_id is None:
        return
    names = [_hashed(one) for one in (case.seen.attachments or ())[:20] if one.name and one.kind != "image"]
    if names:
        known = [one for one in case.state.lately.get(_UPLOADED, []) if one[2] not in names]
        known += [(case.now, case.sender_id, name) for name in dict.fromkeys(names)]
        case.state.keep(_UPLOADED, known[-_FILES:])


def _uploader(case: Case) -> str | None:
    names = {_hashed(one) for one in (case.seen.attachments or ())[:20] if one.name}
    known = [who for _, who, name in case.state.lately.get(_UPLOADED, ()) if name in names]
    return known[-1] if known else None


def _hashed(file: Attachment) -> str:
    return digest("f", file.name or "")


class ProgramParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`extensions` of what runs when it is opened. `exempt_roles` may send it. `subject`: the `member` who sends it, or
    the `message`, where the clause asks for care and forbids no posting."""

    extensions: tuple[str, ...] = (
        "exe", "scr", "bat", "cmd", "com", "msi", "vbs", "vbe", "js", "jse", "wsf", "wsh", "hta", "ps1", "lnk", "pif", "cpl",
        "jar", "apk", "reg", "iso", "docm", "xlsm", "pptm",
    )  # fmt: skip
    exempt_roles: tuple[str, ...] = ()
    subject: Literal["member", "message"] = "member"


class ProgramFile(Rule):
    """A file is sent that runs when it is opened; certain where its name pretends another kind (报价.pdf.exe).

    Looks at names only; archives are not opened. Serves `file:restricted-upload` of executables.
    """

    name = "file.program"
    Params = ProgramParams
    watches = MESSAGE_TYPES | {"file.uploaded"}
    needs = "file names; archives are not opened"

    def cues(self, params: ProgramParams) -> Mapping[Hashable, str]:
        return {}

    def see(self, case: Case, params: ProgramParams, place: Place) -> Iterable[Finding]:
        if not case.seen.attachments or case.is_robot or case.sender_role in params.exempt_roles:
            return
        names = [readable(one.name or "") for one in case.seen.attachments]
        found = [name for name in names if _extension(name) in params.extensions]
        if found:
            posing = any(
                _extension(name.translate(_HIDING).rstrip(" .").rpartition(".")[0]) in _DOCUMENTS for name in found
            )
            told = "文件名伪装成文档的可执行文件" if posing else "可执行文件"
            yield Finding(
                subject=case.offender if params.subject == "member" else Subject("message", case.seen.origin_id),
                explanation=f"发送了{told}，可能带有病毒，请勿打开",
                certain=posing and (case.sender_id is not None or params.subject == "message"),
                evidence=tuple(Evidence("media", "program", None, name[-80:], told) for name in found[:8]),
                category="program",
            )


_DOCUMENTS = frozenset(
    {"pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "wps", "txt", "jpg", "jpeg", "png", "mp4", "zip"}
)
# Turned around or padded, a name hides how it ends.
_HIDING = str.maketrans("", "", "\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def _extension(name: str) -> str:
    return name[-300:].translate(_HIDING).rstrip(" .").rpartition(".")[2].strip().lower() if "." in name else ""


class CopyrightParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`megabytes`: a book as a file of at least this size was likely scanned. `own_words`: what names one's own works."""

    megabytes: float = 20
    own_words: tuple[str, ...] = (
        "我司", "本公司", "本单位", "我单位", "本院", "我院", "我局", "我厂", "自编", "自制", "内训", "内部培训", "讲义", "授权",
        "已购", "正版",
    )  # fmt: skip


class Copyright(Rule):
    """Somebody may share what others have the rights in: a whole book, a paid course, cracked software.

    Looks at file names and the words beside them. Words of a work (教材, 第七版, 网课) and of a copy (扫描版, 完整版, a large
    file) have to meet; one's own works and warnings do not count. Never certain: whether a right is infringed, a person
    says. Serves `ip:infringement`.
    """

    name = "content.copyright"
    Params = CopyrightParams
    watches = MESSAGE_TYPES | {"file.uploaded"}
    needs = "file names; contents are not read"

    def heeds(self, params: CopyrightParams) -> frozenset[str]:
        return frozenset({"infringement", "link"})

    def cues(self, params: CopyrightParams) -> Mapping[Hashable, str]:
        return {_may_offer: "网盘|提取|破解|激活|注册"}

    def see(self, case: Case, params: CopyrightParams, place: Place) -> Iterable[Finding]:
        if case.is_robot:
            return
        told = self._said(case) or self._shared(case, params)
        if told is not None:
            yield Finding(
                subject=case.offender,
                explanation="分享的资料可能侵犯他人知识产权，待人工复核",
                certain=False,
                evidence=(told,),
                category="infringement",
            )

    def _said(self, case: Case) -> Evidence | None:
        found = weigh(case, "infringement") if case.signals else None
        return found.evidence[0] if found and found.evidence else None

    def _shared(self, case: Case, params: CopyrightParams) -> Evidence | None:
        files = [one for one in (case.seen.attachments or ())[:20] if one.name and one.kind != "image"]
        linked = bool(case.seen.links) or any(one.category == "link" for one in case.signals)
        words = readable(own_text(case.seen)[:500])
        if not files and not linked and not _may_offer(words):
            return None
        for file in files:
            name = readable((file.name or "")[:300])
            if _is_copy(f"{name} {words}", file, params):
                return Evidence("media", "infringement", None, name[:80], "文件名像整本书籍、付费课程或破解软件")
        if _OFFERS_CRACKED.search(words) and _is_copy(words, None, params):
            return Evidence("media", "infringement", None, None, "分享破解软件")
        if _is_copy(words, None, params) and _DRIVE.search(words):
            return Evidence("media", "infringement", None, None, "网盘分享像整本书籍、付费课程或破解软件")
        return None


_WORK = re2.compile(
    r"(?i)教材|课本|教科书|电子书|图书|小说|漫画|第[0-9一二三四五六七八九十]{1,3}版|出版社|网课|付费课|精品课|训练营|公开课|词典|辞典|年鉴|题库|全集|电影|剧集"
    r"|\.(?:epub|mobi|azw3?|djvu)\b"
)
_COPY = re2.compile(
    r"(?i)扫描版|扫描本|影印|高清版?|完整版|全本|全书|整本|全套|无水印|去水印|电子版|pdf版|未删减|资源|百度网盘|提取码|免费分享|合集|打包|\.(?:epub|mobi|azw3?|djvu)\b"
)
_CRACKED = re2.compile(
    r"(?i)破解[^，,。、\s]{0,5}版|破解补丁|注册机|免激活|激活工具|keygen|盗版|\bcrack(?:ed)?\b|绿色破解|永久激活"
)
_OFFERS_CRACKED = re2.compile(
    r"(?:破解[^，,。、\s]{0,5}版|盗版|注册机|免激活|永久激活)[^。！？!?\n]{0,12}(?:[传放甩丢][^，,。]{0,3}群|随便[下拿装用]|谁要|自己下|安装包|自己装|自取|免费|下载|发大家|发群|群文件|拿去用|链接|要的|私我)"
)
_ABOUT = re2.compile(
    "检查|排查|自查|删除|禁止|严禁|不得|不要|请勿|清查|卸载|打击|杜绝|抵制|禁用|侵权|采购|购买|征订|清单|目录|申请|预算"
)
_DRIVE = re2.compile(r"(?i)pan\.baidu|百度网盘|网盘|aliyundrive|alipan|夸克|quark|提取码|115\.com|lanzou|蓝奏")


def _may_offer(text: str) -> bool:
    """Say whether a text without file and link may still offer a copy: quickly, for nearly none does."""
    return "网盘" in text or "提取码" in text or "破解" in text or "激活" in text or "注册机" in text


def _is_copy(text: str, file: Attachment | None, params: CopyrightParams) -> bool:
    if _ABOUT.search(text) or any(one in text for one in params.own_words):
        return False
    if _CRACKED.search(text):
        return True
    if not _WORK.search(text):
        return False
    large = file is not None and (file.size or 0) >= params.megabytes * 1_000_000
    return large or _COPY.search(text) is not None
