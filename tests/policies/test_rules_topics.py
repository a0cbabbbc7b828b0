"""Whether something belongs into this group, now, and between these people."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from cases import DAY, GROUP, HOUR, MINUTE, PEOPLE, House, found
from measuring import sees

from models import Attachment, Evidence, Fact, Mention, MessageRef, Person, Signal
from policies.rules import RULES, Case
from policies.rules.topics import named

TOPICS = {"会议通知": ("开会", "参会"), "外出报备": ("外出", "出差"), "业务交流": ("管网", "报价…评审")}


def off_topic(house: House, text: str, score: float = 0.9, category: str = "off_topic", **given: Any) -> Case:
    """A case with a trained score of a category, as the model will give it."""
    case = house.sees(text, **given)
    case.signals = (Signal("trained@test", category, score),)
    case.basis = replace(case.basis, points=lambda category: (0.7, 0.8))
    return case


def breaks(text: str, house: House | None = None, /, *, said: dict[str, Any] | None = None, **params: Any) -> bool:
    findings = found("topic.allowed", off_topic(house or House(), text, **(said or {})), **params)
    assert all(not one.certain for one in findings)
    return bool(findings)


@pytest.mark.parametrize(
    ("text", "matter"),
    [
        ("下午去住建局,外出报备", "外出报备"),
        ("明天出 差", "外出报备"),
        ("滤袋报价三家,请评审", "业务交流"),
        ("報價請評審", "业务交流"),
        ("报价见附件。其他事另请评审", None),
        ("车厘子拼团", None),
        ("", None),
        ("\ud800开会", "会议通知"),
    ],
)
def test_words_tell_what_a_text_is_about(text: str, matter: str | None) -> None:
    hit = named(text, TOPICS)
    assert (hit[0] if hit else None) == matter


def test_latin_words_stand_for_themselves() -> None:
    matters = {"系统": ("OA", "k3")}
    assert named("oa登不上", matters)
    assert named("今天的OA, 谁能看", matters)
    assert not named("boat 图", matters)


def test_strange_words_are_looked_for_as_they_are() -> None:
    assert named("价格待定", {"x": ("(.*)待定",)}) is None
    assert named("a" * 5000 + "开会", {"会": ("开会",)}) is None
    assert named("开会", {"会": ("…", "开会")}) is not None


@pytest.mark.parametrize(
    ("text", "params", "found_"),
    [
        ("车厘子好吃", {}, True),
        ("车厘子好吃", {"topics": TOPICS}, True),
        ("外出报备:下午去住建局", {"topics": TOPICS}, False),
        ("车厘子好吃", {"types": ("department",)}, True),
        ("车厘子好吃", {"types": ("company",)}, False),
        ("车厘子好吃", {"except_types": ("department",)}, False),
        ("车厘子好吃", {"exempt_roles": ("member",)}, False),
        ("车厘子好吃", {"exempt_roles": ("owner",)}, True),
    ],
)
def test_what_has_nothing_to_do_with_the_group(text: str, params: dict[str, Any], found_: bool) -> None:
    assert breaks(text, **params) == found_


def test_a_score_below_the_cut_asks_nobody() -> None:
    assert found("topic.allowed", off_topic(House(), "车厘子好吃", 0.6)) == []
    assert found("topic.allowed", off_topic(House(), "车厘子好吃", 0.9, "ads")) == []


@pytest.mark.parametrize(("by", "may"), [("member", True), ("passer-by", False)])
def test_the_staff_may_offer_the_houses_own_services(by: str, may: bool) -> None:
    params = {"category": "ads", "topics": {"本行服务": ("手机银行",)}, "own_offers": True}
    case = off_topic(House(), "手机银行缴费满减，点击领券", 0.99, "ads", by=by)
    assert (found("topic.allowed", case, **params) == []) == may


def test_an_advert_does_not_belong_because_it_names_a_topic() -> None:
    params = {"category": ("off_topic", "ads"), "topics": {"学习文件": ("学习",)}}
    assert found("topic.allowed", sees(House(), "面膜内部代理价,拉三个下线返现,学习资料免费送"), **params)
    assert not found("topic.allowed", sees(House(), "学习文件请下载,周五前学完"), **params)


@pytest.mark.parametrize(
    ("at", "found_"),
    [(90 * MINUTE, True), (-1, False), (11 * HOUR + 30 * MINUTE, False), (9 * HOUR, False), (3 * DAY + HOUR, False)],
    ids=["10:30", "08:59", "20:30", "18:00", "saturday"],
)
def test_in_working_hours_only(at: int, found_: bool) -> None:
    assert breaks("楼下新开麻辣烫,中午走起", said={"at": at}, working_hours=True) == found_
    assert breaks("楼下新开麻辣烫,中午走起", said={"at": at})


def test_those_on_duty_tell_what_others_were_at() -> None:
    text = "坝上钓鱼的三个人劝离了"
    weak = Signal("keywords@test", "off_topic", 0.5, (Evidence("keywords", "off_topic", matched="钓鱼"),))
    case = off_topic(House(), text)
    case.signals = (*case.signals, weak)
    assert not found("topic.allowed", case)
    case = off_topic(House(), "过节了,中午我请全科吃钓鱼台的点心")
    case.signals = (*case.signals, weak)
    assert not found("topic.allowed", case)
    case = off_topic(House(), "坝上钓鱼三缺一,来不来")
    case.signals = (*case.signals, weak)
    assert found("topic.allowed", case)


def test_a_declared_activity_suspends_the_rule() -> None:
    params = {"suspended_by": "activity"}
    house = House()
    text = "今晚线上辩论赛,正方先发言"
    assert breaks(text, house, **params)
    house.sees(type="task.stated", by="owner", fact=Fact("activity"))
    assert not breaks(text, house, said={"at": DAY - 1}, **params)
    assert breaks(text, house, said={"at": DAY}, **params)
    house.sees(type="task.stated", by="owner", fact=Fact("activity", True))
    assert not breaks(text, house, said={"at": 9 * DAY}, **params)
    house.sees(type="task.stated", by="owner", fact=Fact("activity", False))
    assert breaks(text, house, **params)


def test_only_too_often_where_the_policy_says_often() -> None:
    house = House()
    params = {"times": 2, "within": {"days": 7}}
    told = [breaks("车厘子好吃", house, said={"at": day * DAY}, **params) for day in (0, 1, 2, 10)]
    assert told == [False, False, True, False]
    assert not breaks("车厘子好吃", house, said={"at": 10 * DAY, "by": "finance"}, **params)
    assert sum(map(len, house.state.lately.values())) <= 60


def test_without_a_detector_the_binding_is_blind() -> None:
    rule = RULES["topic.allowed"]
    assert rule.blind(msgspec.convert({"category": "weather"}, type=rule.Params))
    assert rule.blind(msgspec.convert({"category": ["weather", "ads"]}, type=rule.Params)) is None


PAY = {"matters": {"工资": ("加班费", "奖金")}, "route": "直接向行政部反映", "keepers": ("财务",)}
CROWD = msgspec.structs.replace(GROUP, members=tuple(f"p{n}" for n in range(40)))


def venue(text: str | None, house: House | None = None, /, *, said: dict[str, Any] | None = None, **params: Any) -> Any:
    findings = found("topic.venue", sees(house or House(), text, **(said or {})), **params)
    assert all(not one.certain for one in findings)
    return [one.explanation for one in findings]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("我这个月加班费少两天,谁管?", ["涉及工资的事宜，建议直接向行政部反映"]),
        ("我上个月奖金没算进去", ["涉及工资的事宜，建议直接向行政部反映"]),
        ("我这个月加 班 费少两天,谁管?", ["涉及工资的事宜，建议直接向行政部反映"]),
        ("拖欠我们工资三个月了", ["涉及工资的事宜，建议直接向行政部反映"]),
        ("十月工资已发放", []),
        ("三号机什么时候能修好?", []),
    ],
)
def test_questions_that_go_to_an_office(text: str, told: list[str]) -> None:
    assert venue(text, **PAY) == told


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("十月的加班费按一点五倍发,名单已报", False),
        ("奖金批下来了,跟着工资一起", False),
        ("加班费已经发了,可少了两天", True),
        ("奖金批下来了,怎么不见我的", True),
        ("要求补奖金的老沈已经谈好了", False),
    ],
)
def test_what_is_settled_is_only_told_of(text: str, asks: bool) -> None:
    assert bool(venue(text, asking=False, **PAY)) == asks


def test_the_office_speaks_of_its_own_matters() -> None:
    assert venue("谁的奖金还没领?", said={"by": "finance"}, **PAY) == []
    assert venue("谁的奖金还没领?", **PAY)


def test_every_message_is_read_where_the_pack_wants_it() -> None:
    assert venue("十月奖金的事", asking=False, **PAY)
    assert not venue("十月奖金的事", **PAY)


def test_grievances_by_what_is_measured() -> None:
    told = venue("这破食堂谁爱吃谁吃,天天糊弄人", category="negative_emotion", route="向主管反映")
    assert told == ["可能属于负面情绪的内容，建议向主管反映"]
    assert venue("食堂今天有鱼", category="negative_emotion") == []
    assert RULES["topic.venue"].reads(
        msgspec.convert({"category": "negative_emotion"}, type=RULES["topic.venue"].Params)
    )


@pytest.mark.parametrize(
    ("text", "said", "told"),
    [
        ("@李工 3号机参数发我看看", {}, True),
        ("3号机参数发我看看", {"mentions": (Mention(name="李工"),)}, True),
        ("@李工 @王工 3号机参数发我看看", {}, False),
        ("@所有人 报表什么时候交?", {"mention_all": True}, False),
        ("@李工 收到,谢谢", {}, False),
        ("@李工 3号机参数发我看看", {"by": "leader"}, False),
        ("3号机参数发我看看", {}, False),
        ("@李工 【通知】周五停电", {}, False),
        ("老李,你那边3号机参数发我看看", {}, True),
        ("财务部小郑,我的报销什么时候到账?", {}, True),
        ("各位班长,明天的排班表发我一下", {}, False),
        ("小组长,今天谁带班?", {}, False),
    ],
)
def test_what_concerns_one_person_in_a_large_group(text: str, said: dict[str, Any], told: bool) -> None:
    people = (*PEOPLE, *(Person(id=f"p{n}", name=f"员工{n}") for n in range(40)))
    params = {"single_mention": True, "larger_than": 30, "route": "单独沟通"}
    assert bool(venue(text, House(people=people, group=CROWD), said=said, **params)) == told
    assert not venue(text, House(), said=said, **params)


@pytest.mark.parametrize(
    ("text", "told"),
    [("不好意思发错群了", True), ("误发,请忽略", True), ("这张表填错了,改一下", False), ("误差0.2毫米", False)],
)
def test_who_says_that_it_went_to_the_wrong_group(text: str, told: bool) -> None:
    assert bool(venue(text, mis_sent=True)) == told
    assert not venue(text)


@pytest.mark.parametrize(
    ("name", "by", "minutes", "told"),
    [
        ("2026年绩效考核表.xlsx", "member", 1, True),
        ("2026年绩效考核表.xlsx", "member", 11, False),
        ("2026年绩效考核表.xlsx", "keeper", 1, False),
        ("3号机点检表.xlsx", "member", 1, False),
    ],
)
def test_a_delicate_file_taken_back_at_once(name: str, by: str, minutes: int, told: bool) -> None:
    house = House()
    sent = sees(house, None, kind="file", id="f1", attachments=(Attachment(name=name),))
    assert found("topic.venue", sent, mis_sent=True) == []
    back = house.sees(type="message.recalled", by=by, at=minutes * MINUTE, recall_of=MessageRef("f1"))
    findings = found("topic.venue", back, mis_sent=True)
    assert [(one.subject.kind, one.subject.id) for one in findings] == ([("message", "f1")] if told else [])
    assert found("topic.venue", house.sees(type="message.recalled", recall_of=None), mis_sent=True) == []


def test_what_was_sent_is_forgotten() -> None:
    house = House()
    for n in range(200):
        found("topic.venue", house.sees(None, at=n, attachments=(Attachment(name="工资表.xlsx"),)), mis_sent=True)
    assert len(house.state.lately["files sent"]) <= 60
    for n in range(200):
        found("topic.venue", house.sees(None, at=n, attachments=(Attachment(name="点检表.xlsx"),)), mis_sent=True)
    back = house.sees(type="message.recalled", at=DAY, recall_of=MessageRef("m200"))
    assert found("topic.venue", back, mis_sent=True) == []
    assert house.state.lately == {}


HOSTILE = ("你脑残吧", "你才脑残,废物东西")


def quarrel(*said: tuple[str, str], minutes: float = 1, **params: Any) -> list[str]:
    house = House()
    told: list[str] = []
    for number, (by, text) in enumerate(said):
        case = sees(house, text, by=by, at=int(number * minutes * MINUTE))
        told += [one.subject.id for one in found("topic.argument", case, **params)]
    return told


def test_two_who_quarrel_by_turns_are_found_once() -> None:
    turns = [(("member", "finance")[n % 2], HOSTILE[n % 2]) for n in range(8)]
    assert sorted(quarrel(*turns)) == ["finance", "member"]
    assert sorted(quarrel(*turns, turns=8)) == ["finance", "member"]
    assert quarrel(*turns, turns=9) == []
    assert quarrel(*turns, minutes=10) == []


def test_others_may_speak_in_between() -> None:
    turns = [(("member", "finance")[n % 2], HOSTILE[n % 2]) for n in range(6)]
    with_others = [one for turn in turns for one in (turn, ("owner", "都少说两句"))]
    assert sorted(quarrel(*with_others)) == ["finance", "member"]


def test_one_who_scolds_alone_does_not_quarrel() -> None:
    assert quarrel(*[("member", HOSTILE[0])] * 9) == []
    assert quarrel(*[("member", HOSTILE[0])] * 9, ("finance", HOSTILE[1])) == []


def test_dissent_with_reasons_is_no_quarrel() -> None:
    said = [("member", "工期我有不同意见,建议延10天,理由如下"), ("finance", "我不同意,预算不够")] * 6
    assert quarrel(*said) == []


def test_a_new_quarrel_is_found_again() -> None:
    house = House()
    told = []
    for day in (0, 1):
        for n in range(6):
            case = sees(house, HOSTILE[n % 2], by=("member", "finance")[n % 2], at=day * DAY + n * MINUTE)
            told += [one.episode for one in found("topic.argument", case)]
    assert len(told) == 4
    assert len(set(told)) == 2


def test_a_quarrel_takes_little_room() -> None:
    house = House()
    for n in range(300):
        case = sees(house, HOSTILE[n % 2], by=("member", "finance")[n % 2], at=n)
        assert len(found("topic.argument", case)) in (0, 2)
    assert sum(map(len, house.state.lately.values())) <= 60


@pytest.mark.parametrize("given", [{"by": None}, {"by": "bot", "scope": "robot"}])
def test_nobody_quarrels_with_a_robot(given: dict[str, Any]) -> None:
    house = House()
    for n in range(8):
        said = given if n % 2 else {"by": "member"}
        assert found("topic.argument", sees(house, HOSTILE[0], at=n, **said)) == []
