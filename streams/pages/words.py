"""Bindings in Chinese, for people who do not read YAML: what is looked at, and what follows."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from policies.notices import SANCTION_NAMES, amount_said
from policies.rules import RULES
from policies.rules.consequence import ConsequenceParams, fine_of
from policies.rules.content import NAMES
from policies.schema import Binding, Ladder, Pack, Response, Rung, Span

MODES = {"automatic": "自动", "assisted": "人工复核", "record-only": "只作记录", "out-of-scope": "不适用"}
STANDINGS = {"live": "生效", "blind": "暂时看不到", "reasoned": "不判定"}
STAGES = {"adopted": "已通过", "provisional": "暂行", "draft": "征求意见稿", "reported": "据报道，未见原文"}
ROLES = {
    "owner": "群主", "manager": "群负责人", "administrator": "管理员", "publisher": "发布人",
    "supervisor": "直接上级", "office": "主管办公室", "leader": "领导", "member": "成员",
    "subject": "当事人", "initiator": "发起人",
}  # fmt: skip
SCOPES = {"group": "本群", "pack": "适用本制度的各群", "organisation": "全单位"}
# What each rule looks at.
LOOKED_AT = {
    "content.category": "消息内容",
    "content.repeated": "同一人屡次发布的消息",
    "content.flooding": "同一人短时间内的发言次数和重复次数",
    "content.copyright": "整本书籍、付费课程、破解软件等",
    "file.restricted": "上传文件的名称和密级标志",
    "file.program": "打开即运行的程序文件",
    "file.tamper": "删除或改动他人上传的文件",
    "image.content": "图片内容",
    "image.needs_text": "图片前后有无本人的文字说明",
    "format.text_first": "连续发送的语音条数",
    "topic.allowed": "消息是否属于本群规定的话题",
    "topic.venue": "应在别处沟通的事项",
    "topic.argument": "两人之间你来我往的争吵",
    "link.policy": "链接的域名是否在允许之列",
    "link.danger": "危险链接和可执行文件",
    "personal.data": "他人的身份证号、电话、银行卡号、住址等",
    "name.format": "群昵称与名录是否相符",
    "group.name": "群名与备案及规定格式是否相符",
    "registry.approval": "建群是否经过批准",
    "registry.announced": "群内自称另行建群",
    "registry.filing": "备案事项是否齐全",
    "registry.roles": "群主、管理员的设置",
    "registry.duplicate": "是否与已有的群重复",
    "registry.handover": "群主、负责人离职或调动后的交接",
    "fault.unmended": "提醒后到期仍未改正",
    "lifecycle.expiry": "工作结束后群是否按时解散",
    "lifecycle.dissolution": "解散是否经过同意",
    "lifecycle.idle": "群是否长期无人发言",
    "lifecycle.busy": "临时群、讨论组是否经常使用",
    "roster.difference": "群成员与名录的差异（离职、调动、外部人员等）",
    "roster.closed": "不在规定范围内的成员",
    "roster.must_join": "应入群而未入群的人员",
    "member.invitation": "邀请他人入群是否经过同意",
    "member.exit": "在职人员自行退群",
    "member.inactive": "成员长期不发言",
    "posting.permission": "通知、公告由谁发布",
    "deadline.reply": "提问或交办是否按时得到答复",
    "deadline.receipt": "要求回执的通知是否按时得到回执",
    "duty.periodic": "负责人的定期职责是否按期完成",
    "duty.joiner": "新成员入群后应办的事项",
    "policy.acknowledged": "新版制度发布后成员是否确认",
    "duty.record": "群内宣布的决定，提请登记存档",
    "duty.shirking": "对提问或请求推诿",
    "report.intake": "成员的举报",
    "consequence": "",
}
# What their parameters say; a number or word of the pack follows. What is not named here is shown as the pack writes it.
PARAMETERS = {
    "within": "时限", "after": "期限", "every": "每", "window": "时间窗", "types": "限", "except_types": "不含",
    "departments": "部门", "posts": "职务", "leaders": "领导除外", "fields": "事项", "by": "批准人",
    "office": "报送", "form": "格式", "path": "改名步骤", "pattern": "格式", "declared": "须与备案一致",
    "repeats": "重复", "seconds": "秒数", "duty": "职责", "keeper": "责任人", "fact": "凭据", "matters": "事项",
    "topics": "话题", "route": "应转至", "allow": "允许", "turns": "往复次数", "voices": "语音条数",
    "kinds": "种类", "administrator_departments": "管理员部门", "owner_departments": "群主部门",
    "owner_posts": "群主职务", "owner_tags": "群主须为", "working_hours": "仅工作时间", "about": "事由",
    "of": "对象", "requested": "仅限要求回执的", "from": "提问人", "members_share": "成员重合", "days": "天数",
    "only": "限于", "limits": "人数上限", "own": "本部门人员除外", "founded": "须由其建群",
    "registered_administrators": "管理员须登记", "uninvited": "含未见邀请而入群的",
    "from_leaders": "领导发出的", "name_has": "群名含", "except_small": "小群除外", "managers": "群负责人",
    "administrators": "管理员", "least": "至少", "most": "至多",
    "manager_of_owner_department": "管理员中须有群主部门的主管", "owner_is": "群主须为",
    "owner_post": "群主职务", "owner_tag": "群主须为", "owner_accounts": "群主账号",
    "mended_by": "凭此视为已改正", "by_initiator": "由发起人解散", "cancel": "注销备案",
    "handover_fact": "交接凭据", "consent_fact": "同意凭据", "tags": "标签", "members": "人数",
    "kept_fact": "保留凭据", "interim": "先行回复", "asked": "所问", "suspended_by": "暂停凭据",
    "single_mention": "只点名一人的", "larger_than": "人数多于", "hostile": "含攻击性言辞",
    "own_allowed": "本人的除外", "exempt_roles": "不限制", "shorteners": "含短链接", "masked": "隐去举报人",
    "tag": "标签", "department": "部门", "post": "职务", "minutes": "分钟", "roles": "身份",
    "owner_name": "群主昵称", "manager_suffix": "负责人后缀", "like": "形如", "without": "不得含",
    "people": "不得含人名", "purpose": "须看得出用途", "longest": "最长字数", "unfiled": "含未备案的",
    "classes": "群类别", "internal_share": "内部人员比例", "owner_alone": "只有群主", "appointee": "指定人",
    "kept": "保留凭据", "exception": "例外凭据", "done": "完成凭据", "filed": "备案凭据", "ended": "结束凭据",
    "handover": "交接凭据", "consent": "同意凭据", "verified": "核实凭据", "gate": "有权邀请",
    "approver": "批准人", "removals": "含移出成员", "may_clear": "可由其清退", "agreed": "须本人同意",
    "passed_on": "含转发",     "own_offers": "含本单位员工推介的自有业务", "leavers": "含已离职的",
    "recent": "仅限新近变动的", "found_by": "仅限由此发现的",
    "objected": "经劝阻仍退群的", "allow_fact": "允许域名的凭据", "banned_by": "禁止链接的凭据",
    "beside": "同时含", "subject": "对象", "domains": "域名", "list_fact": "名单凭据", "several": "条数不少于",
    "extensions": "文件后缀", "megabytes": "大小（MB）不小于", "own_words": "自有资料用语", "times": "次数",
    "asking": "仅限询问", "mis_sent": "含误发后撤回的", "delicate": "敏感文件用语", "keepers": "责任人",
    "by_leaders": "仅限领导和群主所问", "started": "首次登记后起算", "shown_by": "凭此视为已办",
    "facts": "凭据", "investigate": "调查部门", "handled": "处理人", "said": "含群内公开反映的",
    "claimed": "含所称未登记的编号", "as_published": "公布发布权限后", "hidden": "含部分隐去的号码",
    "notices": "含管理人员所发的", "each": "逐人提醒", "complaints": "含投诉和诉求",
    "category": "类别", "to": "转交", "together": "备案须与建群同时", "let_in_by": "不含由其邀请入群的", "names": "群名用语",
}  # fmt: skip
# What a filing holds, as facts are named.
FACTS = {
    "name": "群名", "purpose": "用途", "content": "发布内容", "member_range": "成员范围",
    "filed_at": "备案日期", "owner": "群主", "administrator": "管理员", "administrators": "管理员",
    "initiator": "发起人", "created_at": "建群日期", "date": "建群日期", "work_ended_at": "工作结束日期",
    "cancel_flow_started_at": "注销流程发起日期", "dissolution_consent": "解散同意",
    "name_approval": "群名审批", "notice_authorised": "发布授权", "leader_consent": "领导同意",
}  # fmt: skip
_FORMS = {"real_name": "真实姓名", "unit_name": "单位加姓名", "department_name": "部门加姓名"}
_TAGS = {
    "party_member": "党员", "customer": "客户", "unrelated": "无关人员", "strangers": "外部人员",
    "left": "离职", "transferred": "调动", "stranger": "外部人员", "unconfirmed": "未转正", "question": "提问",
    "assignment": "交办", "issue": "反映的问题", "both": "提问和交办",
    "intruder": "无关人员入群", "security": "信息安全问题", "breach": "群内违规和意见",
}  # fmt: skip


def looked_at(binding: Binding) -> str:
    """What a binding looks at, with its parameters; empty where it looks at nothing."""
    if binding.rule is None or binding.rule not in RULES:
        return ""
    params = dict(binding.params)
    what = LOOKED_AT.get(binding.rule, binding.rule)
    category = params.pop("category", None)
    if category is not None and what:
        named = [category] if isinstance(category, str) else category
        what = f"{what}：{'、'.join(NAMES.get(one, str(one)) for one in named)}"
    if binding.rule == "consequence":
        return ""
    told = "；".join(_parameters(params))
    return f"{what}（{told}）" if told else what


def _parameters(params: Mapping[str, Any]) -> Iterator[str]:
    for key, value in params.items():
        name = PARAMETERS.get(key, f"`{key}`")
        if key == "posts" and isinstance(value, int):
            name = "发言条数"
        if value is True:
            yield name
        elif value not in (None, False, [], {}, ""):
            yield f"{name}{'' if name == '每' else ' '}{_value(value)}"


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        span = _span_of(value)
        if span is not None:
            return span_words(span)
        return "，".join(f"{PARAMETERS.get(key, key)} {_value(one)}" for key, one in value.items())
    if isinstance(value, list | tuple):
        return "、".join(map(_value, value))
    text = str(value)
    return _FORMS.get(text) or _TAGS.get(text) or FACTS.get(text) or ROLES.get(text) or text


def _span_of(value: Mapping[str, Any]) -> Span | None:
    try:
        return msgspec.convert(value, type=Span)
    except msgspec.ValidationError:
        return None


def span_words(span: Span) -> str:
    """A length of time in Chinese; it says when the number is the tenant's own."""
    parts = [
        f"{number:g} {unit}"
        for number, unit in (
            (span.days, "天"),
            (span.working_days, "个工作日"),
            (span.hours, "小时"),
            (span.minutes, "分钟"),
        )
        if number
    ]
    notes = [*(["按工作时间计"] if span.working else []), *(["本单位设定"] if span.source == "tenant" else [])]
    return (" ".join(parts) or "立即") + (f"（{'，'.join(notes)}）" if notes else "")


def follows(binding: Binding, pack: Pack) -> str:
    """What follows from a finding under a binding."""
    if binding.rule is None or binding.mode not in ("automatic", "assisted"):
        return ""
    if binding.rule == "consequence":
        return _consequence(msgspec.convert(binding.params, type=ConsequenceParams))
    ladder = pack.ladders.get(binding.ladder or "")
    steps = ladder_words(ladder) if ladder else response_words(binding.response) if binding.response else ""
    if binding.mode == "automatic":
        return steps or "只记录"
    return f"交人复核，确认后：{steps}" if steps else "交人复核"


def _consequence(params: ConsequenceParams) -> str:
    what = "、".join(map(_measured(params), params.drafts or params.kinds))
    if not what:
        return "随有关条款的处理阶梯执行"
    of = f"违反 {'、'.join(params.of)} 时" if params.of else ""
    condition = f"，须先由人认定：{params.condition}" if params.condition else ""
    approver = f"，由{params.approver}决定" if params.approver else ""
    return f"{of}{'拟' if params.drafts else '由人选定'}：{what}{condition}{approver}"


def _measured(params: ConsequenceParams) -> Callable[[str], str]:
    """How a kind of sanction is named: with its sum and payer, or the policy's word for it."""
    payers = params.fine.payers if params.fine else ()
    paid = f"，由{'、'.join(ROLES.get(one, one) for one in payers)}承担" if payers else ""
    said = {"fine": f"{amount_said(fine_of(params.fine))}{paid}", "referral": params.referral}
    return lambda kind: sanction_words([kind]) + (f"（{said[kind]}）" if said.get(kind) else "")


def ladder_words(ladder: Ladder) -> str:
    steps = "；".join(f"第 {rung.strikes:g} 次：{_rung(rung)}" for rung in ladder.rungs)
    return f"{steps}（{SCOPES[ladder.scope]}累计，{span_words(ladder.window)}内）"


def _rung(rung: Rung) -> str:
    asked = [one for one in rung.sanctions if rung.asks(one)]
    sure = [one for one in rung.sanctions if one not in asked]
    told = "、".join(filter(None, (sanction_words(sure), f"{sanction_words(asked)}（由人决定）" if asked else "")))
    extra = [f"{rung.seconds // 60} 分钟"] if rung.seconds else []
    if rung.task:
        extra.append(f"{ROLES.get(rung.assignee, rung.assignee)}：{rung.task}")
    return told + (f"（{'，'.join(extra)}）" if extra else "")


def response_words(response: Response) -> str:
    told = sanction_words(response.sanctions)
    if "task" in response.sanctions:
        told += f"（{ROLES.get(response.assignee, response.assignee)}{'：' + response.task if response.task else ''}）"
    return told + (f"，{span_words(response.mend_within)}内改正" if response.mend_within else "")


def sanction_words(kinds: Any) -> str:
    return "、".join(SANCTION_NAMES.get(one, str(one)) for one in kinds)
