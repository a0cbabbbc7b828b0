"""The rows that the models learn from, and what each says about each category: +1, -1, or 0 for unknown.

The files lie outside the repository (see docs/models.md); only the texts in `texts/` were written for this project and
belong to it. Nothing here prints or keeps a row.
"""

import gzip
import re
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from models.signal import TRAINED_CATEGORIES

OWN = "own"
# In what each variant may learn from. `permissive` holds what may be shipped by its licence.
PERMISSIVE = ("qqgroup", "cold", "swsr", "crosswoz", "kdconv")
LICENCES = {
    "tgspam_zh": "GPL-3.0 repository, rows of unclear origin",
    "sms10k": "none stated",
    "qqgroup": "MIT",
    "stoneskipping": "none stated",
    "fbs_sms": "none stated",
    "cold": "Apache-2.0",
    "swsr": "MIT",
    "ced": "none stated",
    "nus_sms_zh": "none stated",
    "nus_sms_en": "none stated",
    "crosswoz": "Apache-2.0",
    "kdconv": "Apache-2.0",
    OWN: "Apache-2.0, written for this project",
}
FULL = tuple(name for name in LICENCES if name != OWN)

# Chat and chat-like talk. English messages would make the quantiles easy; forum comments, reviews and web sentences are
# no chat; and what moderators of advertising-ridden Telegram groups let stand is no norm.
NORMAL = ("nus_sms_zh", "crosswoz", "kdconv", "qqgroup", OWN)
# Plain questions about buying were removed as advertisements there, and others left.
NOISY = {"ads": ("qqgroup",)}
# Friends swear, vent and threaten in jest in private messages, which are `ok` only because nobody looked for that: with
# one of these words such a row says nothing about the category. None of these sources was labelled for them.
_UNSAID_WORDS = {
    "abuse": re.compile(
        "傻[逼比屄叉b]|煞笔|[操草艹日]你|草泥马|尼玛|[妈吗马][的逼b]|他妈|特么|你妹|滚蛋|滚开|去死|贱|婊|狗日|王八|混蛋|"
        "白痴|脑残|弱智|废物|神经病|变态|猪|屁|滚|蠢|笨蛋|傻瓜|臭|恶心|不要脸|丫的|我[日靠擦]|tmd|nnd|sb|骂|去你|你大爷|"
        "死[人鬼丫胖老女男]|鬼东西|流氓|无耻|垃圾"
    ),
    "negative_emotion": re.compile(
        "烦|郁闷|累|气死|生气|受不了|讨厌|无聊|难受|难过|伤心|崩溃|倒霉|绝望|哭|痛苦|没意思|没劲|恼火|火大|心寒|失望|压力|"
        "唉|哎|惨|恨|后悔|恶心|可恶|狗日|他妈"
    ),
    "violence": re.compile("打死|揍|杀|弄死|砍|扁你|打你|打我|收拾|要你命|宰|抽你|踢你|掐|拍死|灭了|废了|死你|去死"),
    "reputation": re.compile(
        "公司|单位|老板|老总|领导|经理|主任|院长|校长|书记|局长|董事|厂|医院|学校|银行|店|骗|烂|垃圾|破|坑|黑|恶心"
    ),
}
# Who quarrels in a message swears and threatens too, and friends tease one another with the same words.
_UNSAID_WORDS["quarrel"] = re.compile(
    f"{_UNSAID_WORDS['abuse'].pattern}|{_UNSAID_WORDS['violence'].pattern}|"
    "算[什老]|凭什么|你以为|有病|少来|别装|你行|闭嘴|脸|生气|气死|吵|哼|过分|管我|[懒烦]"
)
_UNSAID_SOURCES = ("nus_sms_zh", "tgspam_zh", "sms10k", "qqgroup", "stoneskipping", "ced")

# A positive of the first may well be one of the second too; nobody said. So it is unknown there, not negative.
_NEAR = {
    "ads": ("fraud", "gambling", "porn", "off_topic"),
    "fraud": ("ads", "gambling", "rumour", "off_topic"),
    "gambling": ("ads", "fraud", "off_topic"),
    "porn": ("ads", "abuse", "off_topic"),
    "abuse": ("violence", "negative_emotion", "incitement", "quarrel", "reputation", "off_topic"),
    "rumour": ("leak", "negative_emotion", "incitement", "reputation", "off_topic"),
    "leak": ("rumour", "reputation"),
    "incitement": ("violence", "abuse", "negative_emotion", "rumour", "reputation"),
    "negative_emotion": ("abuse", "incitement", "rumour", "violence", "reputation", "quarrel", "off_topic"),
    "violence": ("abuse", "incitement", "negative_emotion", "quarrel"),
    "off_topic": ("ads", "fraud", "gambling", "porn", "rumour", "negative_emotion"),
    "reputation": ("abuse", "rumour", "leak", "incitement", "negative_emotion"),
    "quarrel": ("abuse", "violence", "incitement", "negative_emotion", "reputation"),
}
# What looks like one of the first was written to be none of it, but may be the second: football and cards among
# colleagues are no gambling, and no work either; a sharp word that is no abuse may well be part of a quarrel.
_NEAR_MISS = {
    "gambling": ("off_topic",),
    "porn": ("off_topic",),
    "negative_emotion": ("off_topic", "reputation", "quarrel"),
    "abuse": ("off_topic", "reputation", "quarrel"),
    "rumour": ("reputation",),
    "violence": ("quarrel",),
    "off_topic": _NEAR["off_topic"],
    "reputation": _NEAR["reputation"],
    "quarrel": _NEAR["quarrel"],
}
# Comments from public forums: nobody looked whether they are angry, threatening or false.
_UNSAID_IN_FORUMS = ("negative_emotion", "violence", "incitement", "rumour", "leak", "reputation", "quarrel")
# What is off topic is so in a work group. Only the project's own texts come from there: in all other sources people
# talk about whatever they like, and an advertisement that arrives as a text message has no group that it could miss.
_ONLY_AT_WORK = ("off_topic",)
# Private messages and dialogues with a hotel hold next to nothing of employers, duties and colleagues: counted on them,
# a cut for one in a thousand would be passed by one in a hundred messages of a work group.
_COUNTED_AT_WORK = ("off_topic", "reputation", "quarrel")
_FBS = {"AD": "ads", "FR": "fraud", "IL:Gambling": "gambling", "IL:Escort_service": "porn"}


class UnreadableRows(Exception):
    """A file of labelled text is damaged; the message is one sentence without any of the text."""


class _Row(msgspec.Struct):
    """`says` overrules what follows of the label: texts that are fine for one category may be of another."""

    text: str
    label: str
    source: str = OWN
    cat: str = ""
    near: str = ""
    says: dict[str, int] = {}


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """`says[i, c]` is +1, -1 or 0 (unknown) for category c; `kind[i]` is the file of a project text, else the source.

    `normal[i]`: a message of normal chat, on which the quantiles are counted.
    """

    texts: Sequence[str]
    source: npt.NDArray[np.str_]
    kind: npt.NDArray[np.str_]
    says: npt.NDArray[np.int8]
    normal: npt.NDArray[np.bool_]

    def believed(self, category: str) -> npt.NDArray[np.bool_]:
        """The normal messages whose `ok` can be believed for the category."""
        quiet: npt.NDArray[np.bool_] = self.says[:, TRAINED_CATEGORIES.index(category)] == -1
        quiet &= self.normal & ~np.isin(self.source, NOISY.get(category, ()))
        # Hard negatives were written to be mistaken. All of them would be a tenth of the normal messages, where real
        # chat holds one in a hundred; every tenth of them counts.
        if category in _COUNTED_AT_WORK:
            # Those near other categories are plain work talk.
            quiet &= self.source == OWN
            near = self.kind == f"ok_near_{category}"
        else:
            near = np.char.startswith(self.kind.astype(str), "ok_near_")
        counted: npt.NDArray[np.bool_] = quiet & ~(near & (np.cumsum(near) % 10 != 0))
        return counted


@dataclass(frozen=True, slots=True)
class Lesson:
    """One text that is (+1) or is not (-1) of the category, as the guards let it through; `weight` 1 is one own text.

    `reviewers`: everybody who said so.
    """

    text: str
    category: str
    says: int
    weight: float
    reviewers: frozenset[str]


def _says(row: _Row) -> dict[str, int]:
    """What a row says about the categories; those not named are unknown."""
    label, source, cat = row.label, row.source, row.cat
    all_clear = dict.fromkeys(TRAINED_CATEGORIES, -1)
    if source != OWN:
        all_clear |= dict.fromkeys(_ONLY_AT_WORK, 0)
    if source == OWN:
        if label == "ok":
            return all_clear | dict.fromkeys(_NEAR_MISS.get(row.near, ()), 0) | row.says
        return all_clear | dict.fromkeys(_NEAR[label], 0) | {label: 1}
    if label == "ok":
        if source in ("cold", "swsr", "ced", "stoneskipping"):
            return all_clear | dict.fromkeys(_UNSAID_IN_FORUMS, 0) | ({"rumour": -1} if source == "ced" else {})
        # Moderators of Telegram groups let advertisements stand; what is not an `ad` may still be rude.
        return all_clear
    if source in ("tgspam_zh", "qqgroup", "sms10k"):
        # `ad` there is whatever was removed, gambling and worse included; it says nothing about those.
        return {"ads": 1} | dict.fromkeys(
            ("rumour", "leak", "incitement", "negative_emotion", "reputation", "quarrel"), -1
        )
    if source == "fbs_sms":
        category = _FBS.get(cat) or _FBS.get(cat.partition(":")[0])
        if category is None:
            return dict.fromkeys(("abuse", "leak", "negative_emotion", "reputation", "quarrel"), -1)
        return all_clear | dict.fromkeys(_NEAR[category], 0) | {category: 1}
    if source in ("cold", "swsr"):
        return {"abuse": 1, "ads": -1, "gambling": -1, "fraud": -1}
    if source == "ced":
        return {"rumour": 1, "ads": -1, "gambling": -1, "porn": -1}
    if source == "stoneskipping":
        # Reviews that were removed: nearly all insult somebody, many in glyphs or sounds; some advertise.
        return {"abuse": 1, "leak": -1, "gambling": -1}
    return {}


_PLACEHOLDERS = re.compile(r"(?:CELLPHONE|WECHAT|HOTLINE|PHONE|PLACE|NAME|BANK|URL)")
_NUMBER_PLACEHOLDERS = re.compile(r"DIGIT|<(?:#|DECIMAL|TIME)>")
_OTHER_PLACEHOLDERS = re.compile(r"<[A-Za-z]+>")
_MASKED = re.compile(r"x{2,}")


def clean(text: str, source: str) -> str:
    """The text without what the makers of its source put in: masks, placeholders, blanks between words.

    A masked number becomes a number again (the features do not tell numbers apart); another mask vanishes, since any
    stand-in would give its source away.
    """
    text = _NUMBER_PLACEHOLDERS.sub("0", text)
    text = _OTHER_PLACEHOLDERS.sub("", text)
    if source == "fbs_sms":
        text = _PLACEHOLDERS.sub("", text).replace(" ", "")
    if source == "sms10k":
        text = _MASKED.sub("0", text)
    return text


def _read(path: Path) -> Iterator[_Row]:
    decoder = msgspec.json.Decoder(_Row)
    for number, line in enumerate(_lines(path), start=1):
        if line.strip():
            try:
                row = decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise UnreadableRows(f"{path}: line {number} is no labelled text: {error}") from error
            yield row


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as lines:
            yield from lines
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UnreadableRows(f"{path}: the gzip data is cut short or damaged; make the file again") from error


def read_rows(data_dir: Path | None, texts_dir: Path, sources: Sequence[str]) -> Rows:
    """All rows of the sources (in `data_dir`) and the project's own texts, each text once.

    FileNotFoundError if a source's file is missing; UnreadableRows if one is damaged or a line is not of its form.
    """
    texts: list[str] = []
    source: list[str] = []
    kind: list[str] = []
    says: list[list[int]] = []
    normal: list[bool] = []
    seen: set[str] = set()
    files = [(path, path.stem) for path in sorted(texts_dir.glob("*.jsonl"))]
    if data_dir is not None:
        files += [(data_dir / f"{name}.train.jsonl.gz", name) for name in sources]
    for path, name in files:
        for row in _read(path):
            text = clean(row.text, row.source)
            key = unicodedata.normalize("NFKC", text).casefold()
            if not text or key in seen:
                continue
            seen.add(key)
            said = _says(row)
            if row.source in _UNSAID_SOURCES:
                for category, words in _UNSAID_WORDS.items():
                    if said.get(category) == -1 and words.search(text):
                        del said[category]
            if not said:
                continue
            texts.append(text)
            source.append(row.source)
            kind.append(name)
            normal.append(row.label == "ok" and row.source in NORMAL)
            says.append([said.get(category, 0) for category in TRAINED_CATEGORIES])
    table = np.array(says, np.int8).reshape(-1, len(TRAINED_CATEGORIES))
    return Rows(texts, np.array(source), np.array(kind), table, np.array(normal, np.bool_))
