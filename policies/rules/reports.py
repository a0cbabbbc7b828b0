"""Reports by members. They take the sealed path: who reported stays masked, and nothing of the text is copied."""

from collections.abc import Hashable, Iterable, Mapping
from typing import Any, Literal

import re2
from msgspec import Struct

from models import Cause, Evidence
from models.observation import MESSAGE_TYPES
from policies.deadlines import Deadline
from policies.rules.base import Case, Finding, Place, Rule, own_text, readable
from policies.schema import Span

# A group can have this many reports open at once; the oldest gives way.
MOST_OPEN = 50


class ReportParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`about` words the entry: what members are asked to report under this clause.

    `masked`: the policy itself protects the reporter, and the entry says so; nobody is shown either way. `investigate`
    says who looks into it and approves what is published, as wording. `within`: instead of the report itself, that
    nobody stated `handled` in this span is what is found. `said`: what somebody tells the group openly is taken in too,
    that there is an `intruder`, a danger to `security`, or a `breach` that management should see to.
    """

    about: str = ""
    masked: bool = False
    investigate: str = ""
    within: Span | None = None
    handled: str = "report_handled"
    said: Literal["", "intruder", "security", "breach"] = ""


class ReportIntake(Rule):
    """A member reported something, or a report was not handled in time. Always for a person to look at.

    A statement that one report was handled names it by `ref`; without, it speaks for all that are open. What was said
    openly is handled once somebody of the management says so in the group. Serves
    `report:intake`, `report:whistleblower`, `case:investigation`, and `sla:response` for reports.
    """

    name = "report.intake"
    Params = ReportParams
    watches = MESSAGE_TYPES | {"report.filed", "task.stated"}
    needs = "reports filed by members; that they were handled, as a stated fact"

    def cues(self, params: ReportParams) -> Mapping[Hashable, str]:
        return {_TOLD[params.said]: _TOLD_WORDS[params.said]} if params.said else {}

    def see(self, case: Case, params: ReportParams, place: Place) -> Iterable[Finding]:
        seen = case.seen
        told = seen.is_message and bool(params.said) and not case.is_robot
        if told and params.within is not None and case.sender_role != "member":
            self._answered(case, place)
        elif not (seen.type == "report.filed" or (told and _tells(case, params.said))):
            if seen.fact:
                self._stated(case, params, place)
        elif params.within is None:
            # What was said openly is found on the message itself.
            cause = None if seen.is_message else Cause("report", seen.id)
            yield self._finding(case, params, "群内反映问题" if seen.is_message else "收到成员举报", cause)
        else:
            due_at = case.calendar.after(case.now, params.within)
            # The report's id only: who filed it is not remembered.
            data = {"open": True} if seen.is_message else None
            place.set_deadline(
                case, subject=case.view.group.id, cause=seen.origin_id, due_at=due_at, data=data, most=MOST_OPEN
            )

    def _stated(self, case: Case, params: ReportParams, place: Place) -> None:
        fact = case.seen.fact
        if fact and fact.name == params.handled and self._counts(case):
            for one in place.deadlines(case):
                if fact.ref in (None, one.cause):
                    place.end(case, one)

    def _answered(self, case: Case, place: Place) -> None:
        """Close what was said openly, where the management says that it is seen to, or replies to it."""
        reply_to = case.seen.reply_to.id if case.seen.reply_to else None
        sees_to = _SEES_TO.search(readable(own_text(case.seen)[:READ])) is not None
        for one in place.deadlines(case):
            if one.data.get("open") and (sees_to or one.cause == reply_to):
                place.end(case, one)

    def _counts(self, case: Case) -> bool:
        """Say whether the statement was taken note of: not everybody may state facts."""
        fact = case.seen.fact
        return fact is not None and bool(case.view.fact(fact.name)) and case.state.stated.get(fact.name) == case.now

    def due(self, case: Case, params: ReportParams, deadline: Deadline) -> Iterable[Finding]:
        yield self._finding(case, params, "成员举报在规定时间内没有处理记录")

    def _finding(self, case: Case, params: ReportParams, what: str, cause: Cause | None = None) -> Finding:
        about = f"（{params.about}）" if params.about else ""
        by = f"请{params.investigate}核查，结果经批准后公布" if params.investigate else "请核实"
        kept = "举报人受制度保护，不显示、不查问" if params.masked else "举报人信息已隐去"
        return Finding(
            subject=case.group_subject,
            explanation=f"{what}{about}，{by}；{kept}",
            evidence=(Evidence(signal="report", category="report", why="成员举报"),),
            cause=cause,
            category="report",
        )


def _tells(case: Case, kind: str) -> bool:
    """Say whether a message reports something of a kind, and neither teaches it nor tells that it is over."""
    text = readable(own_text(case.seen)[:READ])
    return _TOLD[kind].search(text) is not None and _OVER.search(text) is None


# Of a message this much is read.
READ = 500
_OUTSIDER = (
    "外人|外来人|陌生人|陌生号|生面孔|外单位|外部人员|无关人员|不认识的|不明身份|[卖推][^，。,\\n]{1,6}的|中介|推销|业务员"
    "|广告号|小号"
)
_OURS = r"(咱们?|我们|本)[^，。,\n]{0,6}"
_TOLD: dict[str, Any] = {
    "intruder": re2.compile(
        rf"(群里|群内|群中|本群|咱群|这群|进群|我们群|咱们群)[^。\n]{{0,12}}({_OUTSIDER})|({_OUTSIDER})[^。\n]{{0,8}}(混|溜|拉|加|跑)?(进|在)(来|了|群|咱群|我们群|本群)"
        rf"|(不是|不属于|不像){_OURS}(公司|单位|厂|车间|部门|局|科室|项目|班组|院)?的?(人|员工|职工|同事)?[^。\n]{{0,16}}(请出|踢|移|清|退群|剔|拉进|进来|混)"
        rf"|(谁|哪个)[^，。\n]{{0,6}}(拉|加)[^，。\n]{{0,8}}({_OUTSIDER})"
    ),
    "security": re2.compile(
        r"(电脑|手机|笔记本|账号|帐号|邮箱|服务器|共享盘|主机|系统|内网|终端|网盘|硬盘)[^。\n]{0,12}(中毒|中病毒|中了?木马|木马|勒索|被(黑|盗|入侵|攻击|锁|加密|植入)|后缀[^，。]{0,4}变|异地登|异常登|陌生登|泄露|泄漏)"
        r"|(U盘|优盘|工牌|门禁卡|笔记本|硬盘|密钥|令牌|加密狗)[^。\n]{0,8}(丢了|丢失|被偷|不见了|找不到)|收到[^。\n]{0,12}(钓鱼|可疑|诈骗|来路不明)[^。\n]{0,6}(邮件|链接|短信|附件)"
        r"|(有封|一封)[^。\n]{0,8}(可疑|钓鱼)[^。\n]{0,4}邮件|(误|不小心|手滑|刚才)[^。\n]{0,4}(点了?|打开)[^。\n]{0,10}(链接|邮件|附件|钓鱼)"
        r"|(图纸|资料|数据|名单|源码|代码|文件|方案)[^。\n]{0,10}(外泄了?|泄露了|泄漏了|泄密|被拷走|流出去|挂到网上|传到外网)|(发现|有个?)[^。\n]{0,10}(安全)?漏洞"
    ),
    "breach": re2.compile(
        r"(有人|有个人|那谁|某些人|某人)[^。\n]{0,14}(骂|刷屏|拉票|推销|吵架|(发|刷|传|晒)[^。\n]{0,10}(广告|链接|黄|段子|谣|小视频|投票|砍|产品|保健|理财|无关|小说|鸡汤|脏|隐私|病历|兼职|彩|贷))[^。\n]{0,16}(管管|管一?下|处理|删|撤|踢|警告|提醒|制止)"
        r"|(投诉|举报|反映|反应)(一下|一个|一件|个|件|下)[^。\n]{0,3}(事|问题|情况|[:：,，])|(我|本人)(要|想)?(投诉|举报)[^电率信]|(向|给|跟)(管理员|群主|领导)[^。\n]{0,4}(提|反映|举报)[^。\n]{0,6}(建议|意见|问题|情况)"
        r"|(管理员|群主)[^。\n]{0,10}(管管|管一?下|处理一?下|看一?下)[^。\n]{0,12}(广告|链接|刷屏|骂人|红包|段子|谣言|拉票)"
    ),
}
# Of these words each message that reports so holds one.
_TOLD_WORDS = {
    "intruder": "外人|外来|陌生|生面|外单|外部|无关|不认|不明|卖|推|中介|业务|广告|小号|不是|不属|不像",
    "security": "中毒|中病|中[了木]|木马|勒索|被[黑盗入攻锁加植偷拷]|后缀|异地|异常|陌生|泄|丢|不见|找不|可疑|钓鱼|诈骗|来路"
    "|链接|邮件|附件|流出|外网|网上|漏洞",
    "breach": "管|看[下一]|处理|删|撤|踢|警告|提醒|制止|看看|投诉|举报|反[映应]|建议|意见|问题|情况",
}
_OVER = re2.compile(
    r"演练|培训|讲座|讲课|学习|案例|宣传|防范|谨防|如何|怎么办理|制度|规定|严禁|不得|不准|请勿|禁止|如有|如果|若有|一旦|凡是|定期|自查|排查|统计|月报|已(经)?(移出|踢|请出|清理|清出|退出|处理|修复|解决|恢复|撤回|删|核实|答复|办结)"
    r"|是我(请|邀|拉)|测试|没有(发现|问题)|未发现|群规"
)
_SEES_TO = re2.compile(
    r"收到|已|马上|这就|处理|核实|核查|撤回|移出|请出|清理|删|踢|警告|谢谢(提醒|反映|上报|举报)|感谢(提醒|反映|上报|举报)|知道了|我来|我(去)?(看|查|问|找)|联系"
)
