"""What people are told: clause, evidence, consequence, how to appeal. In Chinese, one paragraph."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from models import Fine, Group, SanctionKind, Violation
from models.observation import Millis
from policies.calendar import WorkingCalendar
from policies.schema import Binding, Clause, Pack

SANCTION_NAMES: dict[str, str] = {
    "remind": "提醒",
    "warn": "警告",
    "recall": "撤回消息",
    "mute": "禁言",
    "remove": "移出群聊",
    "fine": "罚款（待审批）",
    "referral": "移交处理（待审批）",
    "task": "交由负责人处理",
}
# What no policy sets and every member needs to know; docs/members.md says the same at length.
APPEAL = "如有异议，可回复“申诉”并说明理由，由人工复核。"
KEPT_DAYS = 90
MONITORED = f"本群由系统依制度巡查，违规片段最多保存{KEPT_DAYS}天。"
# A number that the policy does not name must not be read as if it did.
TENANT = "所涉时限或次数由本单位设定，非制度原文。"
CAUTION = (
    "法律提示：用人单位对职工罚款缺乏一般法律依据（《企业职工奖惩条例》已于2008年废止），扣减工资受《工资支付暂行规定》限制，"
    "部分地区明令禁止；批准前请经法务或人力资源核实。本系统只作登记，不收款、不扣款。"
)
_QUOTED = re.compile(r"“([^”]*)”")


def sanction_name(kinds: str | None) -> str:
    return "、".join(SANCTION_NAMES.get(one, one) for one in (kinds or "").split("+") if one)


def write_notice(
    pack: Pack,
    clause_id: str,
    violation: Violation,
    kind: SanctionKind,
    *,
    member: str,
    group: Group,
    next_kinds: str | None,
    zone: str,
    mend_by: Millis | None = None,
    measure: str | None = None,
) -> str:
    """Word a notice. The clause's own wording is followed by what every notice has to say: clause, next step, appeal.

    `clause_id` is the clause that the sanction rests on, `measure` the policy's word for a referral. The wording is that of the
    clause that was broken, without anything that was said: a notice is often read by a whole group.
    """
    clause = pack.clauses[violation.clause]
    binding = clause.bindings[violation.binding] if violation.binding < len(clause.bindings) else None
    own = (binding.notice if binding else None) or clause.notice or "{member}，{explanation}。"
    until = datetime.fromtimestamp(mend_by / 1000, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M") if mend_by else ""
    places = {
        "member": member,
        "article": clause.article,
        "title": pack.title,
        "explanation": what_was_seen(violation),
        "next": sanction_name(next_kinds) or SANCTION_NAMES[kind],
        "expected": violation.mend or "",
        "group": group.name,
        "mend_by": until,
    }
    wording = own
    for name, value in places.items():
        wording = wording.replace("{" + name + "}", value)
    rests_on = dict.fromkeys((violation.clause, clause_id))
    parts = [wording, f"依据：{'；'.join(cite(pack, pack.clauses[one]) for one in rests_on)}。"]
    if until and "{mend_by}" not in own:
        parts.append(f"请于 {until} 前改正。")
    if binding is not None and is_tenants(binding):
        parts.append(TENANT)
    parts.append(f"本次处理：{SANCTION_NAMES[kind]}{f'（{measure}）' if measure else ''}。")
    if next_kinds:
        parts.append(f"再次违反将{sanction_name(next_kinds)}。")
    return "".join([*parts, APPEAL, MONITORED])


def what_was_seen(violation: Violation) -> str:
    """The explanation for a notice: without what was said, but with what is to be written instead."""
    told = violation.explanation.rstrip("。")
    return _QUOTED.sub(lambda quoted: quoted[0] if quoted[1] == violation.mend else "", told)


def amount_said(fine: Fine) -> str:
    """The sum of a fine as the policy has it; open sums stay open."""
    bounds = (("不低于", fine.least_fen), ("不超过", fine.most_fen))
    said = "、".join(f"{how}{yuan(fen)}" for how, fen in bounds if fen is not None)
    said = yuan(fine.amount_fen) if fine.amount_fen is not None else f"{said or '制度未定金额'}，由批准人填写"
    return f"{said}/人" if fine.per == "person" else said


def yuan(fen: int) -> str:
    return f"{fen // 100}元" if fen % 100 == 0 else f"{fen / 100:.2f}元"


def is_tenants(binding: Binding) -> bool:
    """Say whether a number in a binding is the tenant's choice because the policy names none."""
    response = binding.response.mend_within if binding.response else None
    given = [one.get("from") for one in binding.params.values() if isinstance(one, dict)]
    return "tenant" in given or (response is not None and response.source == "tenant")


def was_told(group: Group, at: Millis, calendar: WorkingCalendar) -> bool:
    """Say whether the members of a group had been told that it is monitored before `at`."""
    told_at = calendar.millis(group.facts.get("monitoring_notice_at"))
    return told_at is not None and told_at <= at


def reversal_notice(pack: Pack, clause: Clause, kind: SanctionKind, member: str, *, struck: bool) -> str:
    """Tell the member that a sanction is taken back, in the place where they were told of it.

    `struck`: its strike stays, because only what made it weigh so much was overturned.
    """
    what = f"{member}，此前依据{cite(pack, clause)}作出的“{SANCTION_NAMES[kind]}”经复核已撤销"
    return f"{what}{'' if struck else '，相应违规记录一并撤销'}。给您带来不便，谨致歉意。"


def cite(pack: Pack, clause: Clause) -> str:
    return f"{pack.title}{clause.article}（摘要：{clause.says}）"
