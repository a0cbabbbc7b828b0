"""Talk of machines, material and quotations, which trained scores take for something else."""

import re

# A message of which a trained score is surer than this is left to it.
SURE = 0.8
# Below this a message is more likely none of a category.
EVEN = 0.5
# Of a message this much is read.
_READ = 2000
# Machines and their parts, material, defects and the papers of a workshop; names of trades, not of people.
_WORKSHOP = re.compile(
    "注塑|射嘴|模[仁具芯胚]|顶针|脱模|冲[床头压]|皮带|轴[承套]|主轴|齿轮|联轴器|来料|卡料|料[号筒斗]|不良[品率]|良率|焊[盘接点机]|回流焊|贴片|点胶|丝印|保险丝|螺[丝栓母]"
    "|调机|换[型模]|机台|[0-9一二三四五六七八九十A-Za-z]号?机(?![会密票])|产线|拉线|工[位装艺序]|治具|夹具|报废|返[工修]|毛刺|漏检|客诉|8D|背光|灯[珠条]|导光板|偏光片"
    "|滤[袋筒芯]|除尘|风机|[水油真]泵|泵[站房]|阀门|液压|气[缸管路]|传感器|光栅|急停|配电|电[机柜缸]|马达|叉车|行车(?!记录)|吊[装具]|气瓶|爆破片|图纸|试产|打样|样[品件机]|设备|机器(?!人)|机组"
    "|备件|仪表|管[道路线]|护目镜|防护服|安全带|PLC|CNC|SMT|BOM|IQC|老爷机"
)
# What those who keep programs running speak of.
_PROGRAMS = re.compile("连接池|数据库|接口(?!人)|网关|日志|发版|回滚")
# What a quotation is made of.
_QUOTATION = re.compile(
    "报价|单价|含税|起订|打样|模具费|供应商|[比议询]价|性价比|交期|(?:降|涨|省|便宜|低)了?[0-9.]+[%元个毛分角]|[0-9.]+元?[/每一][片个台套公件斤]"
)
# Quoting is work; passing it on, or calling it secret, is not.
_KEPT = re.compile(
    "内部|保密|机密|秘密|绝密|外[传泄]|泄露|透露|透个?底|底[价牌]|[未没]有?(?:公开|公布|披露|公告|对外)|先别|[别要][往对跟和]|还没|[转发卖传拷]给|给了|截图|截个图|名单|朋友|同[学行]"
    "|竞[争品]|对手|前同事|家里|外[面人]|私下|偷偷|悄悄|返点|毛利|成本价|成交价|中标|标[底书]|[你您]?(?:微信|邮箱)|我们?给"
)
# Threats and calls have somebody they are made to or against.
_AT_SOMEBODY = re.compile(
    "[你他她]|老板|领导|厂长|主任|经理|大[家伙]|兄弟|一[起块]|[都全]别|[都全]不|集体|谁[敢不来去开]|咱|我们|弄死|揍|砍|捅死"
)
# What somebody saw is no rumour; what he heard may be.
_HEARSAY = re.compile(
    "[听据][^，,。]{0,2}说|传[说闻言]|内部消息|小道|爆料|风声|新闻|扩散|转发|瞒|封锁|压下|辟谣|网上|朋友圈|裁员|倒闭|搬[迁走]|死了|抓[了走]|跑路|真的假的|可靠|知情|有人[说讲来]|他们说|都说|说[的是]|讲个|偷偷|咱|下个?(?:月|星期|半年)|年底|知道[^，,。]{0,8}吗"
)
# This one or that one, and nobody.
_ONE_OF_THEM = re.compile("[这那][台条套款块批]")
# Building and water works: how deep, how wide, and what has to be measured before anybody goes down.
_SITE = re.compile("口径|管径|埋深|井[口盖室]|检查井|气体检测|有限空间|基坑|沟槽|支护|脚手架|围挡|护栏|工地")
# The house itself, of which everybody sees how it is; that somebody came to harm there is told, not seen.
_HOUSE = re.compile("食堂|包子|饭菜|电梯|停车|厕所|卫生间|空调|打印机|复印机|投影|会议室|车棚|饮水机|暖气")
_HARM = re.compile("毒|病|过期|致癌|拉肚子|住院|死|塌|爆炸|起火|着火|传染|贪|回扣")
# Who sends somebody to a person or a paper says 我让他, and so does who threatens.
_SENT = re.compile(
    "让(?:[他她]们?|对方)[^，,。!！]{0,4}(?:联系|填[表写单报]|登记|核[对实]|补[办交填]|签[字收]|[看查听]一?下?(?:官方|通[报知]|公告|文件|说明|手册)"
    "|把[^，,。]{0,6}[表料单图票章据件][^，,。]{0,2}[送发交拿带])"
)
_THREAT = re.compile("揍|砍|捅|弄死|打断|收拾|好看|后悔|废了|厉害|下场|小心|等着|跪|血|命")
# By when something is wanted.
_DUE = re.compile("最[晚迟](?:[今明后]|[本下]?[周月]|[0-9一二三四五六七八九十])|下班前")
_MISREAD = frozenset({"porn", "gambling", "negative_emotion", "incitement", "violence"})
_CALLS = frozenset({"incitement", "violence"})


def speaks_of_work(text: str, category: str, score: float) -> bool:
    """Say whether a trained score that no word supports reads the talk of a workshop, or of buyers and sellers.

    What is stuck, bare, burnt or beaten there is a part; a price per piece is no secret among those who negotiate it.
    A house and its sites are talked of alike, and who is sent to fill in a form is not threatened.
    """
    read = text[:_READ]
    if category == "off_topic":
        return bool(
            _WORKSHOP.search(read)
            or _PROGRAMS.search(read)
            or _SITE.search(read)
            or (score < SURE and _DUE.search(read))
        )
    if category == "rumour":
        seen = _WORKSHOP.search(read) or (score < EVEN and _HOUSE.search(read) and not _HARM.search(read))
        return bool(seen) and not _HEARSAY.search(read)
    if score >= SURE:
        return False
    if category == "abuse":
        return bool(_ONE_OF_THEM.search(read) and _WORKSHOP.search(read)) and not _AT_SOMEBODY.search(read)
    if category == "gambling" and _QUOTATION.search(read):
        return True
    if category == "leak":
        shown = _QUOTATION.search(read) or (score < EVEN and _SITE.search(read))
        return bool(shown) and not _KEPT.search(read)
    if category == "violence" and _SENT.search(read) and not _THREAT.search(read):
        return True
    if category not in _MISREAD or not _WORKSHOP.search(read):
        return False
    return category not in _CALLS or not _AT_SOMEBODY.search(read)
