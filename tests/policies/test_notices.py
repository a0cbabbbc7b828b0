"""What people are told, in all packs: clause, what was seen, what follows, how to appeal; never what was said."""

import pytest

from models import Evidence, Fine, Group, Subject, Violation
from models.observation import Millis
from policies.calendar import WorkingCalendar
from policies.lint import load_packs
from policies.notices import APPEAL, MONITORED, TENANT, amount_said, is_tenants, was_told, write_notice
from policies.schema import Binding, Response, Span
from streams.agents.record import EVIDENCE_KEPT

PACKS = load_packs()
BOUND = [
    (slug, clause_id, index)
    for slug, pack in PACKS.items()
    for clause_id, clause in pack.clauses.items()
    for index, binding in enumerate(clause.bindings)
    if binding.mode in ("automatic", "assisted") and binding.rule != "consequence"
]
# Words that no wording of a pack holds: what was said, and somebody's data.
SAID, DATA = "暗号甲乙丙丁", "139 0000 1234"
DAY: Millis = 86_400_000


def a_violation(clause: str, index: int, explanation: str, mend: str | None = None) -> Violation:
    evidence = tuple(Evidence("keywords", "ads", (0, 4), one, f"命中{one}") for one in (SAID, DATA))
    return Violation(
        id="v_1",
        clause=clause,
        rule="content.category",
        subject=Subject("member", "u1"),
        score=1.0,
        evidence=evidence,
        explanation=explanation,
        binding=index,
        mend=mend,
    )


def a_notice(
    slug: str, clause: str, index: int, explanation: str, *, mend: str | None = None, rests_on: str = ""
) -> str:
    return write_notice(
        PACKS[slug],
        rests_on or clause,
        a_violation(clause, index, explanation, mend),
        "warn",
        member="陈志强",
        group=Group(id="g1", name="生产工作群"),
        next_kinds="remove",
        zone="Asia/Shanghai",
        mend_by=1_794_963_600_000,
    )


@pytest.mark.parametrize(("slug", "clause", "index"), BOUND)
def test_no_notice_repeats_what_was_said_or_anybodys_data(slug: str, clause: str, index: int):
    notice = a_notice(slug, clause, index, f"内容被判为广告，依据：“{SAID}”、“{DATA}”")
    assert SAID not in notice
    assert DATA not in notice
    assert SAID not in a_notice(slug, clause, index, f"群昵称“{SAID}”不是真实姓名，请改为“陈志强”", mend="陈志强")


@pytest.mark.parametrize(("slug", "clause", "index"), BOUND)
def test_every_notice_says_clause_next_step_appeal_and_monitoring(slug: str, clause: str, index: int):
    notice = a_notice(slug, clause, index, "内容被判为广告")
    pack = PACKS[slug]
    for part in (
        pack.title,
        pack.clauses[clause].article,
        "摘要",
        "本次处理：警告",
        "再次违反将移出群聊",
        APPEAL,
        MONITORED,
    ):
        assert part in notice
    assert "{" not in notice


@pytest.mark.parametrize(("slug", "clause", "index"), BOUND)
def test_a_number_of_the_tenants_is_never_the_policys(slug: str, clause: str, index: int):
    binding = PACKS[slug].clauses[clause].bindings[index]
    assert (TENANT in a_notice(slug, clause, index, "内容被判为广告")) is is_tenants(binding)


def test_a_tenants_number_is_known_wherever_it_stands():
    span = {"hours": 2, "from": "tenant"}
    assert is_tenants(Binding(mode="automatic", params={"within": span}))
    assert is_tenants(Binding(mode="automatic", response=Response(mend_within=Span(days=1, source="tenant"))))
    assert not is_tenants(
        Binding(mode="automatic", params={"within": {"hours": 2}}, response=Response(mend_within=Span(days=1)))
    )


def test_the_exact_nickname_to_set_is_told():
    told = a_notice(
        "xianchuang",
        "xianchuang-05.1",
        0,
        "群昵称“风清扬”不是真实姓名（全称），请改为“陈志强”（群设置）",
        mend="陈志强",
    )
    assert "请改为“陈志强”（群设置）" in told
    assert "风清扬" not in told


def test_a_sanction_that_rests_on_another_clause_cites_both():
    told = a_notice("xianchuang", "xianchuang-17.1", 0, "内容被判为广告", rests_on="xianchuang-23.2")
    assert "第二条（五）1" in told
    assert "第二条（六，重号）1" in told


def test_the_time_that_is_told_is_the_time_that_evidence_is_kept():
    assert f"最多保存{EVIDENCE_KEPT // DAY}天" in MONITORED


@pytest.mark.parametrize(
    ("fine", "said"),
    [
        (Fine(amount_fen=2000), "20元"),
        (Fine(amount_fen=1050), "10.50元"),
        (Fine(amount_fen=1000, per="person"), "10元/人"),
        (Fine(least_fen=5000), "不低于50元，由批准人填写"),
        (Fine(least_fen=2000, most_fen=10_000), "不低于20元、不超过100元，由批准人填写"),
        (Fine(), "制度未定金额，由批准人填写"),
    ],
)
def test_a_sum_is_told_as_the_policy_has_it(fine: Fine, said: str):
    assert amount_said(fine) == said


@pytest.mark.parametrize(
    ("told_at", "is_told"),
    [
        (None, False),
        ("2026-11-17", True),
        ("2026-11-18", True),
        ("2026-11-19", False),
        (1_794_963_600_000, True),
        (1_794_963_600_001, False),
    ],
)
def test_a_group_was_told_by_the_time_of_its_notice(told_at: object, is_told: bool):
    group = Group(id="g1", facts={"monitoring_notice_at": told_at})
    assert was_told(group, 1_794_963_600_000, WorkingCalendar()) is is_told
