"""What a trial page says in Chinese, how it hides names, and how it shows text that was not written for pages."""

import re
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from unicodedata import category
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

from models.observation import Millis
from policies.rules.content import NAMES
from streams.trial.data import Excerpt

EXAMPLES_PER_CLAUSE = 20
LONGEST_TEXT = 360
LONGEST_NAME = 40
LONGEST_EXPLANATION = 300
LONGEST_NOTICE = 900
# A message with more lines than this is shown in one run, so that it cannot push everything else off the page.
_MOST_LINES = 12
_BEFORE_FIRST_MARK = 80

MODE_NAMES = {
    "observe": "观察：只记录，不发出任何内容",
    "advise": "建议：只拟草稿，由人决定是否发出",
    "enforce": "执行：提醒、警告、撤回、禁言自动发出，重大处理须人批准",
}
MODE_SHORT = {"observe": "观察", "advise": "建议", "enforce": "执行"}
STANDING_NAMES = {"automatic": "自动判定", "assisted": "须人工确认", "uncertain": "拿不准，未判定"}
WAY_NAMES = {
    "sent": "会自动发出",
    "draft": "拟好草稿，等人批准",
    "recorded": "只记录（观察模式下不发出）",
    "task": "转为待办任务",
    "reversal": "撤销先前的处理",
    "review": "放入复核清单，由人判断",
}
REVIEW_NAMES = {
    "assisted": "须人工确认",
    "uncertain": "拿不准",
    "approval": "待批准",
    "appeal": "申诉",
    "late": "已过时效",
    "report": "成员举报",
    "registry": "登记事项",
    "campaign": "相似广告",
}
ROLE_NAMES = {
    "owner": "群主",
    "administrator": "管理员",
    "manager": "群负责人",
    "publisher": "通知发布人",
    "supervisor": "上级主管",
    "member": "成员",
    "leader": "领导",
    "office": "办公室",
}
TASK_STATES = {"open": "待办", "done": "已办", "overdue": "逾期", "cancelled": "已取消"}
KIND_NAMES = {
    "image": "图片", "voice": "语音", "video": "视频", "file": "文件", "link": "链接", "card": "卡片",
    "mini_program": "小程序", "red_packet": "红包", "transfer": "转账", "voucher": "卡券", "location": "位置",
    "sticker": "表情", "forward": "转发的聊天记录", "call": "通话", "contact_card": "名片",
}  # fmt: skip

_DEAD = (
    (re.compile(r"the record has \d+ bytes"), "单条记录过大（超过 256 KB）"),
    (re.compile(r"not JSON"), "不是有效的 JSON（文件损坏，或混入了别的内容）"),
    (re.compile(r"not an observation"), "字段缺失或类型不对"),
    (re.compile(r"sent_at is not"), "时间不对（应为 1970 年以来的毫秒数）"),
    (re.compile(r"type is empty"), "没有写明类型（type）"),
    (re.compile(r"group\.id is missing"), "没有写明是哪个群（group.id）"),
    (re.compile(r"id is missing"), "没有编号（id）"),
    (re.compile(r"could not handle it"), "处理时程序出错，已单独放置"),
)
_NO_DETECTOR = re.compile(r"no detector or list for (.+) yet")


def dead_cause(cause: str) -> str:
    """Put the cause of a dead letter into one of few Chinese sentences: never the bytes, never a position."""
    for pattern, name in _DEAD:
        if pattern.search(cause):
            return name
    return "其他：" + re.sub(r"\d+", "…", plain(cause, 80))


def blind_cause(why: str) -> str:
    """Say in Chinese why a clause could not be judged, where we know the sentence."""
    if found := _NO_DETECTOR.match(why):
        named = "、".join(NAMES.get(one, one) for one in found.group(1).split(", "))
        return f"还没有识别“{named}”的词表或模型"
    if "no picture classifier" in why:
        return "没有安装图片识别，图片里的内容看不到"
    return why if re.search(r"[\u4e00-\u9fff]", why) else f"暂时无法判断（{plain(why, 120)}）"


# text


def spans_within(text: str, spans: Iterable[tuple[int, int] | None]) -> list[tuple[int, int]]:
    """Bring spans into order, inside the text and apart from each other."""
    merged: list[tuple[int, int]] = []
    for span in sorted(one for one in spans if one is not None):
        start, end = max(0, span[0]), min(len(text), span[1])
        if start >= end:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def excerpt_of(text: str, spans: Iterable[tuple[int, int] | None], most: int = LONGEST_TEXT) -> Excerpt:
    """Cut a message down to `most` code points around its first offending place."""
    marks = spans_within(text, spans)
    start = 0
    if len(text) > most and marks:
        start = min(max(0, marks[0][0] - _BEFORE_FIRST_MARK), len(text) - most)
    end = min(len(text), start + most)
    inside = [(max(a, start) - start, min(b, end) - start) for a, b in marks if a < end and b > start]
    piece = text[start:end]
    if len(piece.splitlines()) > _MOST_LINES:
        piece = re.sub(r"[\r\n\v\f\x85\u2028\u2029]", "↵", piece)
    return Excerpt(
        text=piece, marks=tuple(inside), before=start, after=len(text) - end, more_marks=len(marks) - len(inside)
    )


def plain(text: str, most: int) -> str:
    """One line without control characters, at most `most` code points: for names, charts and headings."""
    visible = (" " if one.isspace() else one for one in text[: most * 4] if one.isspace() or not _is_hidden(one))
    kept = " ".join("".join("\ufffd" if "\ud800" <= one <= "\udfff" else one for one in visible).split())
    return kept if len(kept) <= most else kept[: most - 1] + "…"


def _is_hidden(one: str) -> bool:
    """Control and format characters; what joins emoji is let through."""
    return category(one) in ("Cc", "Cf") and one not in "\u200c\u200d\n\t"


def shown(text: str) -> Markup:
    """Escape text for the page. Hidden characters become visible signs: they are how filters are dodged."""
    parts: list[str] = []
    run: list[str] = []
    for one in text:
        if "\ud800" <= one <= "\udfff":
            run.append("\ufffd")
        elif one == "\r":
            continue
        elif _is_hidden(one):
            parts += [str(escape("".join(run))), f'<i class="hid" title="隐藏字符 U+{ord(one):04X}">{ord(one):04X}</i>']
            run = []
        else:
            run.append(one)
    parts.append(str(escape("".join(run))))
    return Markup("".join(parts))


def marked(excerpt: Excerpt, text: str) -> Markup:
    """`text` (the excerpt's, perhaps with names hidden, of the same length) with the offending places marked."""
    parts = [Markup("…") if excerpt.before else Markup("")]
    at = 0
    for start, end in excerpt.marks:
        parts += [shown(text[at:start]), Markup("<mark>"), shown(text[start:end]), Markup("</mark>")]
        at = end
    parts += [shown(text[at:]), Markup("…") if excerpt.after else Markup("")]
    return Markup("").join(parts)


# names


class Masking:
    """Hides names: 王建国 becomes 王** beside a message, and keeps its length inside texts, for the marks."""

    def __init__(self, names: Collection[str], *, off: bool = False) -> None:
        self.off = off
        self._names = {one for one in names if len(one) > 1}
        self._lengths = sorted({len(one) for one in self._names}, reverse=True)

    def name(self, name: str) -> str:
        """A name as it stands beside a message."""
        if self.off or not name or name in LABELS:
            return name
        return name[0] + "**"

    def text(self, text: str, aliases: Sequence[str] = (), *, keep_length: bool = False) -> str:
        """A text with all known names in it hidden; `keep_length` for texts that have marks."""
        if self.off or not text:
            return text
        own = {one for one in aliases if len(one) > 1}
        lengths = sorted({*self._lengths, *map(len, own)}, reverse=True) if own else self._lengths
        out: list[str] = []
        at = 0
        while at < len(text):
            for length in lengths:
                piece = text[at : at + length]
                if len(piece) == length and (piece in self._names or piece in own):
                    out.append(piece[0] + "*" * (length - 1 if keep_length else 2))
                    at += length
                    break
            else:
                out.append(text[at])
                at += 1
        return "".join(out)


STRANGER = "未登记成员"
GROUP = "本群"
LABELS = frozenset({STRANGER, GROUP, "群主"})


# time


class Clock:
    """Local times of one zone."""

    def __init__(self, zone: str) -> None:
        self.zone = ZoneInfo(zone)

    def local(self, at: Millis) -> datetime:
        return datetime.fromtimestamp(at / 1000, self.zone)

    def day(self, at: Millis) -> str:
        return self.local(at).strftime("%Y-%m-%d")

    def minute(self, at: Millis | None) -> str:
        return self.local(at).strftime("%Y-%m-%d %H:%M") if at is not None else ""

    def date(self, at: Millis) -> str:
        local = self.local(at)
        return f"{local.year} 年 {local.month} 月 {local.day} 日"
