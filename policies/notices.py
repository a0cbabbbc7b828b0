"""What people are told: clause, evidence, consequence, how to appeal. In Chinese, one paragraph."""

from datetime import datetime
from zoneinfo import ZoneInfo

from models import Group, SanctionKind, Violation
from models.observation import Millis
from policies.schema import Clause, Pack

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
APPEAL = "如有异议，可回复“申诉”并说明理由，由人工复核。"


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
) -> str:
    """Word a notice. The clause's own wording is followed by what every notice has to say: clause, next step, appeal."""
    clause = pack.clauses[clause_id]
    binding = clause.bindings[violation.binding] if violation.binding < len(clause.bindings) else None
    wording = (binding.notice if binding else None) or clause.notice or "{member}，{explanation}。"
    until = datetime.fromtimestamp(mend_by / 1000, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M") if mend_by else ""
    places = {
        "member": member,
        "article": clause.article,
        "title": pack.title,
        "explanation": violation.explanation.rstrip("。"),
        "next": sanction_name(next_kinds) or SANCTION_NAMES[kind],
        "expected": violation.mend or "",
        "group": group.name,
        "mend_by": until,
    }
    for name, value in places.items():
        wording = wording.replace("{" + name + "}", value)
    parts = [wording, f"依据：{cite(pack, clause)}。"]
    if until and "{mend_by}" not in ((binding.notice if binding else None) or clause.notice or ""):
        parts.append(f"请于 {until} 前改正。")
    parts.append(f"本次处理：{SANCTION_NAMES[kind]}。")
    if next_kinds:
        parts.append(f"再次违反将{sanction_name(next_kinds)}。")
    parts.append(APPEAL)
    return "".join(parts)


def reversal_notice(pack: Pack, clause: Clause, kind: SanctionKind, member: str, *, struck: bool) -> str:
    """Tell the member that a sanction is taken back, in the place where they were told of it.

    `struck`: its strike stays, because only what made it weigh so much was overturned.
    """
    what = f"{member}，此前依据{cite(pack, clause)}作出的“{SANCTION_NAMES[kind]}”经复核已撤销"
    return f"{what}{'' if struck else '，相应违规记录一并撤销'}。给您带来不便，谨致歉意。"


def cite(pack: Pack, clause: Clause) -> str:
    return f"{pack.title}{clause.article}（摘要：{clause.says}）"
