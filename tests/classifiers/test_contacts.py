"""Contacts are found in any disguise, and ordinary numbers of work talk are none."""

import pytest

from classifiers.contacts import find_contacts, to_look
from classifiers.folding import fold, fold_batch
from classifiers.keywords import Keywords, load_lists
from classifiers.measure import Classifiers
from models import Evidence, Observation

DISGUISED = [
    # number words and styled digits
    ("有意的打一三八零零幺三八〇〇〇", "一三八零零幺三八〇〇〇"),
    ("加我 壹叁捌零零零零壹叁伍柒", "壹叁捌零零零零壹叁伍柒"),
    ("详情①③⑧⓪⓪①③⑧⓪⓪⓪面谈", "①③⑧⓪⓪①③⑧⓪⓪⓪"),
    ("电话：１３８零零１３8OO0", "１３８零零１３8OO0"),
    ("1️⃣3️⃣8️⃣0️⃣0️⃣1️⃣3️⃣8️⃣0️⃣0️⃣0️⃣", "1️⃣3️⃣8️⃣0️⃣0️⃣1️⃣3️⃣8️⃣0️⃣0️⃣0"),
    ("𝟏𝟑𝟖𝟎𝟎𝟎𝟎𝟏𝟑𝟓𝟕", "𝟏𝟑𝟖𝟎𝟎𝟎𝟎𝟏𝟑𝟓𝟕"),
    # letters for digits
    ("一38OO138ooo", "一38OO138ooo"),
    ("找我lЗȢOOOOlЗƼ７", "lЗȢOOOOlЗƼ７"),
    # digits set apart
    ("1 3 8-0 0 1 3 8 0 0 0", "1 3 8-0 0 1 3 8 0 0 0"),
    ("1🔥3🔥8🔥0🔥0🔥1🔥3🔥8🔥0🔥0🔥0", "1🔥3🔥8🔥0🔥0🔥1🔥3🔥8🔥0🔥0🔥0"),
    ("微信 1 3 8 0 0 1 3 8 0 0 0", "1 3 8 0 0 1 3 8 0 0 0"),
    # other accounts than mobile numbers
    ("企鹅号三三一六八二零四五七", "三三一六八二零四五七"),
    ("加扣②⑧④⑦⑦①⑨", "②⑧④⑦⑦①⑨"),
    ("接单2八4七7一9零36", "2八4七7一9零36"),
]
NAMED = [
    "vx：abc12345",
    "Ѵх：аbс12345",
    "薇信 zhq8842",
    "薇:zhq8842",
    "➕v zhq8842",
    "➕薇zhq8842",
    "加威 zhq_8842",
    "扣扣 3316820457",
    "telegram @laobanjob",
    "飞机 @abc_123",
    "纸飞机：abc_123",
    "https://t.me/abcd",
    "t点me/abcdjob",
    "abc艾特qq点com",
    "abc 艾特 qq 点 com",
    "abcd(at)qq(dot)com",
    "abcd＠qq。com",
    "abcd#163.com",
    "加13800138000",
    "需要的私 13800138000",
    "搜抖音号 dy88421",
]
ORDINARY = [
    "订单号 20261103123456 已发货",
    "二〇二六年十一月二十三日开会",
    "本月产量1380台，分机8001，合计壹拾叁万捌仟元整",
    "会议号 123 456 789，密码 1234",
    "值班电话13800138000，联系人：张工",
    "联系小薇13800138000，陈威 13800138000，安徽13800138000",
    "请联系采购部李工，电话 138-0013-8000",
    "2026一2027年度计划，8:00一12:00，13:00一17:30",
    "一三五上班，二四六休息",
    "一二三四五六七，七六五四三二一",
    "①50②60③70④80",
    "1 3 5 7 8 10 12月有31天",
    "1、3、5、7、9、2、4、6、8、1、3",
    "1 3 5 2 4 1 0 2 1 3 4",
    "版本V1.2.3，固件v138b002",
    "飞机号CA1234，航班CZ3101",
    "wx:for-item报错，wx.login 返回 appid wx1234567890abcdef",
    "增加13800138000元，+8613800138000",
    "第三三零三会议室，八零一二房间，机号三八零零",
    "车牌粤B一三八，型号A10O1l0，物料编码 10I0O0l1",
    "hello 2023 world oil lol",
    "请加微信群核对，附加QQ邮箱里的表，邮箱zhangsan@qq.com",
    "工号 00138001380，税号 91310000MA1FL0000X",
]


def found(text: str) -> list[Evidence]:
    return find_contacts(text, fold(text))


@pytest.mark.parametrize(("text", "number"), DISGUISED)
def test_a_disguised_number_is_a_contact_by_itself(text: str, number: str) -> None:
    (one,) = found(text)
    assert text[slice(*one.span or (0, 0))] == number
    assert (one.signal, one.category) == ("contacts", "solicitation")


@pytest.mark.parametrize("text", NAMED)
def test_an_account_behind_a_nickname_or_a_call_is_a_contact(text: str) -> None:
    assert found(text)


@pytest.mark.parametrize("text", ORDINARY)
def test_numbers_and_accounts_of_work_talk_are_none(text: str) -> None:
    assert found(text) == []


def test_a_plain_number_counts_only_behind_a_word_that_calls() -> None:
    assert found("13800138000") == []
    assert found("我的手机13800138000") == []
    assert [one.why for one in found("要的加13800138000")] == ["招呼他人联系的号码"]


def test_what_is_shown_of_a_contact_is_masked() -> None:
    assert [one.matched for one in found("一三八零零幺三八〇〇一")] == ["138******01"]
    assert [one.matched for one in found("vx：abc12345")] == ["abc***45"]


def test_whoever_looks_at_few_texts_of_a_batch_misses_none() -> None:
    texts = [one for one, _ in DISGUISED] + NAMED + ORDINARY + ["今天两点开例会", "", "收到"] * 50
    batch = fold_batch(texts)
    looked = to_look(batch)
    assert [i for i, text in enumerate(texts) if found(text)] == [
        i for i in looked if find_contacts(texts[i], batch[i])
    ]
    assert not {"今天两点开例会", "收到"} & {texts[i] for i in looked}


def test_contacts_are_a_call_and_no_offence() -> None:
    classifiers = Classifiers(Keywords(load_lists()))
    one = Observation(type="message.created", sent_at=0, text="一三八零零幺三八〇〇〇")
    assert [(signal.classifier, signal.category) for signal in classifiers.measure([one])[0]] == [
        ("contacts", "solicitation")
    ]


@pytest.mark.parametrize(
    "text",
    [
        "1" * 100_000,
        "一" * 100_000,
        "一1" * 50_000,
        "1 " * 50_000,
        "o" * 100_000,
        "1️⃣" * 33_000,
        "\ud800一\udfff三" * 20_000,
        "\u202e一\u200f三\u200e八" * 15_000,
        "加" * 100_000,
        "加v" * 50_000,
        "vx:" * 33_000,
        "a" * 100_000,
        "abc@" * 25_000,
        "@qq.com" * 14_000,
        "t.me/" * 20_000,
        "",
    ],
)
def test_long_noise_holds_no_contact_or_a_few(text: str) -> None:
    assert len(found(text)) <= 8


def test_ten_thousand_marks_on_one_digit_hide_nothing() -> None:
    text = "一" + "\u0301" * 10_000 + "三八零零幺三八〇〇二"
    (one,) = found(text)
    assert one.span == (0, len(text))
    assert one.matched == "138******02"
