"""What an article's words suggest: a rule with parameters, a case that breaks it and one that only looks like it.

Words only suggest: each binding is marked as one to check. Modes never go beyond what every pack may say.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_ADVERT = "面膜内部代理价，拉三个下线返现，加微信"
_DIGITS = {"一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9, "十": 10}
_SPAN = re.compile(r"(\d+|[一二两三四五六七八九十]) ?(?:个)?(分钟|小时|工作日|日|天)(?:之?内|前|以内)?")
_UNITS = {"分钟": "minutes", "小时": "hours", "工作日": "working_days", "日": "days", "天": "days"}


@dataclass(frozen=True)
class Suggestion:
    """A binding as a pack writes it, and its first tests: `breaks` and `near` without name and expectations.

    `ladder`: it counts strikes on the pack's ladder. `response` answers a fault of state.
    """

    why: str
    rule: str
    params: dict[str, Any] = field(default_factory=dict)
    mode: str = "assisted"
    ladder: bool = False
    response: dict[str, Any] | None = None
    breaks: dict[str, Any] | None = None
    near: dict[str, Any] | None = None


@dataclass(frozen=True)
class _Cue:
    words: re.Pattern[str]
    suggestion: Suggestion
    unless: re.Pattern[str] | None = None


def suggest(text: str) -> Iterator[Suggestion]:
    """The bindings that an article's words suggest, the likeliest first; none where nothing can be judged."""
    seen: set[tuple[str, str]] = set()
    for cue in _CUES:
        found = cue.words.search(text)
        one = cue.suggestion
        key = (one.rule, str(one.params.get("category")))
        if found is None or key in seen or (cue.unless and cue.unless.search(text)):
            continue
        seen.add(key)
        why = f"见“{found[0]}”"
        span = span_in(text) if one.rule in _TIMED else None
        params = {**one.params, **({_TIMED[one.rule]: span} if span else {})}
        yield Suggestion(
            why, one.rule, _fitted(one.rule, params, text), one.mode, one.ladder, one.response, one.breaks, one.near
        )


# Rules whose number an article may name, and the parameter that takes it.
_TIMED = {
    "deadline.reply": "within",
    "deadline.receipt": "within",
    "roster.difference": "within",
    "lifecycle.expiry": "within",
}


_PERIODS = {"每日": 1, "每天": 1, "每周": 7, "每季": 92, "每年": 366}


def span_in(text: str) -> dict[str, int] | None:
    """The first length of time that a text names, as a pack writes it: 三个工作日内 → {working_days: 3}."""
    found = _SPAN.search(text)
    if found is None:
        return None
    number = int(found[1]) if found[1].isdigit() else _DIGITS[found[1]]
    return {_UNITS[found[2]]: number}


def _fitted(rule: str, params: dict[str, Any], text: str) -> dict[str, Any]:
    """Parameters that follow from the article's own words."""
    if rule == "name.format" and "部门" in text:
        return {**params, "form": "department_name"}
    if rule == "name.format" and "单位" in text:
        return {**params, "form": "unit_name"}
    if rule == "duty.periodic":
        every = next((days for word, days in _PERIODS.items() if word in text), 31)
        return {**params, "duty": text.rstrip("。；")[:40], "every": {"days": every}}
    if rule == "duty.joiner":
        return {**params, "duty": text.rstrip("。；")[:40]}
    return params


def _cue(words: str, rule: str, unless: str | None = None, **given: Any) -> _Cue:
    return _Cue(re.compile(words), Suggestion("", rule, **given), re.compile(unless) if unless else None)


def _said(message: str, **given: Any) -> dict[str, Any]:
    return {"message": message, **given}


def _content(
    category: str, words: str, mode: str = "assisted", breaks: str | None = None, near: str | None = None
) -> _Cue:
    return _cue(
        words,
        "content.category",
        params={"category": category},
        mode=mode,
        ladder=True,
        breaks=_said(breaks) if breaks else None,
        near=_said(near) if near else None,
    )


def _task(what: str, assignee: str = "owner") -> dict[str, Any]:
    return {
        "sanction": "task",
        "task": what,
        "assignee": assignee,
        "mend_within": {"working_days": 3, "from": "tenant"},
    }


_FOUND = "(?:建群|组建|建立|创建|成立)"
_AGREED = "(?:批准|审批|同意|核准)"
_CUES = (
    _cue(
        "实名|真实姓名|昵称|群名片|备注姓名",
        "name.format",
        params={"form": "real_name"},
        mode="automatic",
        response={"sanction": "remind", "mend_within": {"working_days": 3, "from": "tenant"}},
        breaks=_said("材料已报", card="小鱼干"),
        near=_said("小鱼干到货了，请后勤签收"),
    ),
    _cue(
        "群名称?(?!片)",
        "group.name",
        params={"declared": True},
        mode="automatic",
        response=_task("请恢复备案的群名或重新申报"),
        breaks={"steps": [{"by": "owner", "type": "group.renamed", "field": "name", "new": "相亲相爱一家人"}]},
        near=_said("群名要不要改成相亲相爱一家人？"),
    ),
    _content("ads", "广告|推销|营销|微商|拼团|代购|砍价", "automatic", _ADVERT, "三家广告公司的报价在附件里，请评审"),
    _content("porn", "色情|低俗|淫秽|黄色", "automatic"),
    _content(
        "gambling",
        "赌博|博彩",
        "automatic",
        "澳门线上百家乐，首充送88，加微信",
        "反赌博宣传周的海报请各部门张贴",
    ),
    _content("fraud", "诈骗|传销", "automatic"),
    _content(
        "abuse",
        "辱骂|谩骂|人身攻击|粗口|脏话|侮辱|诽谤",
        "automatic",
        "你个傻逼，脑子进水了",
        "这个方案我不同意，理由有三点",
    ),
    _content(
        "rumour",
        "谣言|未经证实|不实|小道消息|道听途说",
        breaks="听说二厂要裁一半人，先别往外讲",
        near="供水公司公告：明日8时至18时检修停水",
    ),
    _content("illegal_political", "政治|法律|法规|反动|国家政策"),
    _content("violence", "暴力|恐怖|威胁"),
    _content("incitement", "煽动|串联|闹事|罢工"),
    _content("negative_emotion", "负面情绪|抱怨|牢骚|消极"),
    _content("leak", "保密|机密|泄密|商业秘密|内部(?:信息|资料|文件)|涉密"),
    _cue(
        "涉密|机密|密级|秘密",
        "file.restricted",
        params={"category": "secrecy_marking"},
        breaks={"steps": [{"file": "机密★工作方案.docx"}]},
        near=_said("周五保密培训，学习涉密载体管理"),
    ),
    _cue(
        "刷屏|频繁发|重复发",
        "content.flooding",
        params={"posts": 8, "repeats": 4, "seconds": 60},
        mode="automatic",
        ladder=True,
        breaks={"steps": [{"message": "在吗", "repeat": 12, "every_seconds": 3}]},
        near={"steps": [{"message": "在吗"}, {"at": {"minutes": 5}, "message": "在吗"}]},
    ),
    _cue(
        "红包",
        "content.category",
        params={"category": "red_packet"},
        mode="automatic",
        ladder=True,
        breaks={"kind": "red_packet", "message": "开工大吉"},
        near=_said("慰问红包预算每人200元，请财务审核"),
    ),
    _content("off_topic", "无关|闲聊|聊天|闲谈"),
    _cue("个人信息|隐私|身份证|手机号", "personal.data"),
    _cue("链接|网址", "link.policy"),
    _cue("图片.{0,8}(?:说明|文字)", "image.needs_text"),
    _cue("(?:通知|公告).{0,16}(?:由|统一|方可|经).{0,12}发布|发布.{0,4}(?:通知|公告)", "posting.permission"),
    _cue("回执|回复.?收到|确认收到", "deadline.receipt"),
    _cue(
        "回复|答复|响应|回应",
        "deadline.reply",
        unless="回执|收到",
        breaks={"steps": [{"message": "系统登录不上，请问什么时候能恢复？"}], "until": "Fri 18:00"},
        near={
            "steps": [
                {"message": "系统登录不上，请问什么时候能恢复？"},
                {"at": {"minutes": 5}, "by": "office", "message": "已在处理，今天下午恢复"},
            ],
            "until": "Fri 18:00",
        },
    ),
    _cue(
        "离职|调离|调动|退群|退出",
        "roster.difference",
        mode="automatic",
        response=_task("请核实并清理不应在群内的成员", "administrator"),
        breaks={"given": {"colleague": {"status": "left", "left_at": "-30d"}}, "message": "早"},
        near={"given": {"colleague": {"status": "left", "left_at": "-30d", "member": False}}, "message": "早"},
    ),
    _cue(
        "邀请|拉人|拉入|外部人员|无关人员(?:入|进)",
        "member.invitation",
        breaks={"steps": [{"type": "member.invited", "target": "supplier-1"}]},
        near={"steps": [{"by": "owner", "type": "member.invited", "target": "supplier-1"}]},
    ),
    _cue(
        "(?:全体|全员|所有).{0,8}(?:加入|入群|进群)|应当?(?:加入|入群)",
        "roster.must_join",
        mode="automatic",
        response=_task("请邀请应入群人员或登记例外", "administrator"),
    ),
    _cue(
        f"{_FOUND}.{{0,16}}{_AGREED}|{_AGREED}.{{0,12}}{_FOUND}",
        "registry.approval",
        mode="automatic",
        response=_task("本群未经批准，请补办审批或解散"),
        breaks={"given": {"group": {"status": "applied"}}, "message": "早"},
        near={"message": "新群的申请已提交审批"},
    ),
    _cue(
        "备案",
        "registry.filing",
        unless="[与和同]备案",
        params={"fields": ["filed_at"]},
        mode="automatic",
        response=_task("请办理备案"),
        breaks={"given": {"facts": {"filed_at": None}}, "message": "早"},
        near={"message": "备案表已经交到办公室"},
    ),
    _cue("解散|注销|撤销群", "lifecycle.expiry", mode="automatic", response=_task("工作已结束，请解散本群")),
    _cue(
        "(?:每[日天周月季年]|定期).{0,12}(?:检查|巡查|清理|核查|核对|备份|整理)",
        "duty.periodic",
        params={"fact": "patrolled_at"},
        mode="automatic",
        response=_task("请完成本期检查并登记", "administrator"),
        breaks={"steps": [{"message": "早"}], "until": "+400d"},
        near={"steps": [{"message": "上周的检查记录在谁那里？"}]},
    ),
    _cue("培训|学习.{0,6}制度", "duty.joiner", params={"by": ["acknowledgement", "training_confirmed"]}),
    _cue("举报|投诉|检举", "report.intake"),
    _cue(
        "警告|禁言|移出|清退|踢出|处分|罚款|追究",
        "consequence",
        unless="离职|调离|调动",
        params={"by": "review", "options": ["warn", "mute", "remove"]},
    ),
)
