"""Pictures, voice messages and files: what stands beside them, and whose they are."""

from typing import Any

import pytest
from cases import DAY, MINUTE, House, found, overdue
from measuring import sees

from models import Attachment, Change, MessageRef, ReplyTo
from policies.rules import Finding

SECOND = 1000
Said = tuple[int, dict[str, Any]]
PICTURE: dict[str, Any] = {"kind": "image", "text": None}


def shown(*said: Said, until: int = 10 * MINUTE, **params: Any) -> list[Finding]:
    """What is found of pictures by a tick at `until`; each of `said` is (milliseconds, fields)."""
    house = House()
    late: list[Finding] = []
    for at, given in said:
        given = dict(given)
        case = sees(house, given.pop("text", None), at=at, **given)
        late += overdue("image.needs_text", case, **params)
        assert found("image.needs_text", case, **params) == []
    return late + overdue("image.needs_text", house.sees(at=until, by=None, type="clock.tick"), **params)


def test_a_picture_without_words_is_found_once_the_time_is_over() -> None:
    [finding] = shown((0, PICTURE))
    assert (finding.subject.kind, finding.subject.id) == ("member", "member")
    assert shown((0, PICTURE), until=3 * MINUTE - 1) == []
    assert shown((0, PICTURE), until=3 * MINUTE, within={"minutes": 4}) == []


EXPLAINED = {"text": "上图是3号线今日不良分布,请质检看看"}


@pytest.mark.parametrize(
    ("said", "breaks"),
    [
        ([(0, PICTURE), (40 * SECOND, EXPLAINED)], False),
        ([(0, PICTURE), (3 * MINUTE, EXPLAINED)], False),
        ([(0, PICTURE), (4 * MINUTE, EXPLAINED)], True),
        ([(0, EXPLAINED), (40 * SECOND, PICTURE)], False),
        ([(0, EXPLAINED), (4 * MINUTE, PICTURE)], True),
        ([(0, PICTURE), (40 * SECOND, EXPLAINED | {"by": "finance"})], True),
        ([(0, PICTURE), (40 * SECOND, EXPLAINED | {"by": "tablet"})], False),
        ([(0, {"kind": "image", "text": "3号线今日不良分布"})], False),
        ([(0, {"kind": "image", "text": "[图片]"})], True),
        ([(0, {"kind": "image", "text": "👍👍"})], True),
        ([(0, PICTURE), (40 * SECOND, {"text": "收到"})], True),
        ([(0, PICTURE), (40 * SECOND, {"text": "[表情]"})], True),
        ([(0, PICTURE), (40 * SECOND, {"text": "！！"})], True),
        ([(0, PICTURE), (40 * SECOND, {"text": "\ud800"})], True),
        ([(0, {"kind": "mixed", "text": None, "attachments": (Attachment(kind="image"),)})], True),
        ([(0, {"kind": "mixed", "text": "不良分布", "attachments": (Attachment(kind="image"),)})], False),
        ([(0, {"kind": "sticker"})], False),
        ([(0, {"kind": "file"})], False),
        ([(0, PICTURE | {"reply_to": ReplyTo(id="m0", quoted_text="3号线怎样?")})], False),
        ([(0, PICTURE | {"by": None})], False),
        ([(0, PICTURE | {"by": "bot", "scope": "robot"})], False),
        ([(0, PICTURE | {"id": "p"}), (MINUTE, {"type": "message.recalled", "recall_of": MessageRef("p")})], False),
        ([(0, PICTURE | {"id": "p"}), (MINUTE, {"type": "message.recalled", "recall_of": MessageRef("q")})], True),
        ([(0, PICTURE | {"id": "p"}), (MINUTE, {"type": "message.recalled"})], True),
    ],
)
def test_words_beside_a_picture(said: list[Said], breaks: bool) -> None:
    assert bool(shown(*said)) == breaks


def test_words_added_by_an_edit_count() -> None:
    edit = {"type": "message.edited", "edit_of": MessageRef("p"), "change": Change(field="text", new="不良分布")}
    assert shown((0, PICTURE | {"id": "p"}), (MINUTE, edit)) == []


def test_a_series_of_pictures_is_one() -> None:
    series = [(n * 10 * SECOND, PICTURE | {"id": f"p{n}"}) for n in range(40)]
    assert len(shown(*series[:9])) == 1
    recalls = [(100 * SECOND + n, {"type": "message.recalled", "recall_of": MessageRef(f"p{n}")}) for n in range(9)]
    assert len(shown(*series[:9], *recalls[:8])) == 1
    assert shown(*series[:9], *recalls) == []


def test_two_people_each_owe_their_words() -> None:
    found_ = shown((0, PICTURE), (1, PICTURE | {"by": "finance"}), (MINUTE, EXPLAINED))
    assert [one.subject.id for one in found_] == ["finance"]


def test_an_exempt_role_needs_no_words() -> None:
    assert shown((0, PICTURE | {"by": "keeper"}), exempt_roles=("administrator",)) == []
    assert shown((0, PICTURE | {"by": "keeper"}))


def test_who_spoke_takes_little_room() -> None:
    house = House()
    for n in range(200):
        assert found("image.needs_text", house.sees("在看", by=f"s{n}", at=n)) == []
    assert len(house.state.lately["spoke"]) == 30
    for n in range(200):
        found("image.needs_text", house.sees("在看", by="member", at=n))
    assert len(house.state.lately["spoke"]) == 30


def voices(*said: Said, **params: Any) -> list[Finding]:
    house = House()
    told: list[Finding] = []
    for at, given in said:
        given = {"kind": "voice", **given}
        told += found("format.text_first", sees(house, given.pop("text", None), at=at, **given), **params)
    return told


def test_six_voice_messages_in_a_row_are_hinted_at_once() -> None:
    row: list[Said] = [(n * MINUTE, {"id": f"v{n}"}) for n in range(9)]
    [finding] = voices(*row)
    assert (finding.certain, finding.episode) == (False, "v0")
    assert voices(*row[:5]) == []
    assert len(voices(*row, voices=2)) == 1


@pytest.mark.parametrize(
    ("between", "breaks"),
    [
        ({"kind": "text", "text": "文字说明如下"}, False),
        ({"kind": "text", "text": "文字说明如下", "by": "finance"}, True),
        ({"kind": "text", "text": "收到"}, True),
        ({"kind": "image"}, True),
        ({"by": "finance"}, True),
    ],
)
def test_who_writes_a_word_begins_anew(between: dict[str, Any], breaks: bool) -> None:
    row = [(n * MINUTE, {}) for n in range(3)] + [(3 * MINUTE, between)] + [(n * MINUTE, {}) for n in range(4, 7)]
    assert bool(voices(*row)) == breaks


def test_voices_far_apart_are_no_row() -> None:
    assert voices(*[(n * 11 * MINUTE, {}) for n in range(12)]) == []
    assert voices(*[(n, {"by": None}) for n in range(12)]) == []
    assert voices(*[(n, {"by": "bot", "scope": "robot"}) for n in range(12)]) == []


def test_voices_take_little_room() -> None:
    house = House()
    for n in range(300):
        found("format.text_first", house.sees(None, kind="voice", by=f"s{n}", at=n))
    assert len(house.state.lately["voiced"]) == 60
    found("format.text_first", house.sees(None, kind="voice", at=DAY))
    assert len(house.state.lately["voiced"]) == 1


def files(*names: str, **given: Any) -> dict[str, Any]:
    return {"kind": "file", "attachments": tuple(Attachment(name=one, **given) for one in names)}


@pytest.mark.parametrize("upload", ["file.uploaded", "message.created"])
@pytest.mark.parametrize(("done", "word"), [("file.deleted", "删除"), ("file.changed", "修改")])
@pytest.mark.parametrize(("by", "breaks"), [("finance", True), ("phone", False), ("tablet", False)])
def test_whose_file_it_was(upload: str, done: str, word: str, by: str, breaks: bool) -> None:
    house = House()
    assert found("file.tamper", house.sees(type=upload, by="phone", **files("台账.xlsx"))) == []
    findings = found("file.tamper", house.sees(type=done, by=by, **files("台账.xlsx")))
    assert [(one.subject.id, one.certain) for one in findings] == ([(by, True)] if breaks else [])
    assert all(one.explanation.startswith(word) for one in findings)


def test_an_upload_may_name_its_uploader_as_target() -> None:
    house = House()
    found("file.tamper", house.sees(type="file.uploaded", by=None, target="member", **files("台账.xlsx")))
    assert found("file.tamper", house.sees(type="file.deleted", by="finance", **files("台账.xlsx")))
    assert not found("file.tamper", house.sees(type="file.deleted", by="member", **files("台账.xlsx")))


def test_the_observation_itself_may_say_whose_it_was() -> None:
    deleted = {"type": "file.deleted", "target": "member", **files("旧.xlsx")}
    assert found("file.tamper", House().sees(by="finance", **deleted))
    assert not found("file.tamper", House().sees(by="member", **deleted))


@pytest.mark.parametrize("given", [{"by": "finance"}, {"by": None}, {"by": "finance", "attachments": None}])
def test_where_the_uploader_is_unknown_a_person_is_asked(given: dict[str, Any]) -> None:
    fields = {"type": "file.deleted", **files("旧.xlsx"), **given}
    [finding] = found("file.tamper", House().sees(**fields))
    assert not finding.certain


def test_who_keeps_the_files_may_tidy_them() -> None:
    house = House()
    found("file.tamper", house.sees(type="file.uploaded", **files("台账.xlsx")))
    deleted = {"type": "file.deleted", "by": "keeper", **files("台账.xlsx")}
    assert found("file.tamper", house.sees(**deleted))
    assert not found("file.tamper", house.sees(**deleted), exempt_roles=("administrator",))


def test_files_take_little_room_and_no_names() -> None:
    house = House()
    for n in range(500):
        found("file.tamper", house.sees(type="file.uploaded", **files(f"台账{n}.xlsx")))
    kept = house.state.lately["files"]
    assert len(kept) == 300
    assert all("台账" not in name for _, _, name in kept)
    found("file.tamper", house.sees("今天产量已报"))
    assert house.state.lately["files"] == kept


@pytest.mark.parametrize(
    ("name", "certain"),
    [
        ("setup.exe", False),
        ("SETUP.EXE", False),
        ("报价.pdf.exe", True),
        ("报价.pdf.exe. ", True),
        ("报价.docx .scr", True),
        ("报价\u202efdp.exe", False),
        ("报价.pdf", None),
        ("exe", None),
        ("说明exe.docx", None),
        ("", None),
    ],
)
def test_programs(name: str, certain: bool | None) -> None:
    findings = found("file.program", House().sees(**files(name)))
    assert (findings[0].certain if findings else None) == certain
    message = found("file.program", House().sees(**files(name)), subject="message")
    assert {one.subject.kind for one in message} <= {"message"}
    assert len(message) == len(findings)


def test_which_programs_and_whose() -> None:
    exe = files("setup.exe")
    assert not found("file.program", House().sees(**exe), extensions=("apk",))
    assert not found("file.program", House().sees(by="keeper", **exe), exempt_roles=("administrator",))
    assert not found("file.program", House().sees("见 setup.exe"))


@pytest.mark.parametrize(
    ("name", "size", "text", "breaks"),
    [
        ("高等数学(第七版)扫描版.pdf", 1, None, True),
        ("高等数学(第七版).pdf", 60_000_000, None, True),
        ("高等数学(第七版).pdf", 1, None, False),
        ("三体.epub", 1, None, True),
        ("机器学习.pdf", 1, "教材完整版,免费分享", True),
        ("CAD2026破解版.zip", 1, None, True),
        ("合同扫描版.pdf", 60_000_000, None, False),
        ("培训教材第二版扫描版.pdf", 1, "我司自编", False),
        ("本院操作教材第三版完整版.pdf", 60_000_000, None, False),
        ("教材征订清单完整版.xlsx", 1, None, False),
        ("员工手册完整版.pdf", 60_000_000, None, False),
        ("清查CAD破解版通知.docx", 1, None, False),
        ("3号机维修记录.pdf", 60_000_000, None, False),
    ],
)
def test_works_of_others(name: str, size: int, text: str | None, breaks: bool) -> None:
    case = sees(House(), text, **files(name, size=size))
    assert [one.certain for one in found("content.copyright", case)] == ([False] if breaks else [])


@pytest.mark.parametrize(
    ("text", "breaks"),
    [
        ("盗版软件下载,注册机激活码发群里", True),
        ("付费课全套 https://pan.baidu.com/s/1abc 提取码 x1y2", True),
        ("会议材料 https://pan.baidu.com/s/1abc 提取码 x1y2", False),
        ("规格书 https://www.supplier.com/spec.pdf", False),
        ("禁止使用盗版软件,各部门清查", False),
        ("电子书买了吗", False),
        ("某某影视全集百度网盘链接,提取码8k2d", True),
        ("破解版CAD安装包,自己装", True),
        ("弄来个破解免狗版,丢群里了谁要谁拿", True),
        ("破解免狗版装上后会中毒,别装", False),
        ("请各科自查电脑有无安装破解版软件,立即删除", False),
        ("会议资料已传网盘,提取码a1b2,请下载", False),
        ("系统许可证激活失败,请信息科处理", False),
    ],
)
def test_words_that_share_them(text: str, breaks: bool) -> None:
    assert bool(found("content.copyright", sees(House(), text))) == breaks


def test_how_large_a_scanned_book_is_and_which_words_are_ones_own() -> None:
    book = files("高等数学(第七版).pdf", size=10_000_000)
    assert found("content.copyright", sees(House(), None, **book), megabytes=5)
    assert not found("content.copyright", sees(House(), None, **book), megabytes=5, own_words=("高等数学",))
