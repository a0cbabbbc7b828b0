"""What a message does in a work group: acknowledge, announce, ask for a reply or waive it, ask a question, instruct.

All functions read plain text as its sender wrote it, with simplified or traditional characters. They leave out what a
reply quotes («「王处：…」» above a line of dashes), and of a long text they read the first 2,000 and the last 200 code
points: an announcement says what it is at its beginning, and whether it wants an answer at its end.

Most talk does none of this. `NEEDED` is what `classifiers.cues` needs to say which of these functions each text of a
chunk is worth asking.
"""

import re
from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from itertools import pairwise
from zlib import crc32

from classifiers.lazy import lazy
from classifiers.simplified import simplified

_compile = lazy(re.compile)

_FIRST, _LAST = 2000, 200
# Code points of somebody else's words before them that are passed over.
_LONGEST_QUOTE = 20_000
# Receipts are short; what is longer says more than that.
_LONGEST_RECEIPT = 120
# Of a longer text without a question mark only the last sentence is asked; reports have headings such as 为什么要做.
_LONGEST_UNMARKED = 120
# Of a text longer than this only the ends are: articles ask their readers many things.
_LONGEST_ASKING = 300
# Around a quoted question of which something is told stand at least so many letters.
_SHORTEST_TALK = 5
# Who asks without a question mark is brief.
_LONGEST_SENTENCE = 60

_QUOTE = _compile(r"(?s)\s*「.*」[ \t]*\r?\n[-—─－ \t]{3,}(?:\r?\n|$)")
_SENTENCE = _compile(r"[^。!！;；\n?？]+[?？]*")
_LINK = _compile(r"(?:https?://|www\.)[^\s\u4e00-\u9fff，。]{1,500}")


# Callers ask several questions about the same message, one after the other, and some of them twice.
_asked_again = lru_cache(maxsize=16)


@_asked_again
def _read(text: str) -> str:
    """The sender's own words, bounded and simplified."""
    if text.lstrip()[:1] == "「":
        quote = _QUOTE.match(text[:_LONGEST_QUOTE])
        text = text[quote.end() :] if quote else text
    if len(text) > _FIRST + _LAST:
        text = f"{text[:_FIRST]}\n{text[-_LAST:]}"
    return simplified(text).strip()


# --- receipts -------------------------------------------------------------------------------------------------------

_BETWEEN = _compile(
    "(?:[\\s.。,，!！~～…、;；:：\\-—_/|·()（）【】“”\"'*^+☀-➿⭐️\u200d\u20e3\U0001f000-\U0001faff\ud800-\udfff]"
    "|\\[[^\\[\\]\\s]{1,8}\\])+"
)
_HAN = "[一-鿿]"
_ORGANISATION = (
    "(?:部|科|室|处|组|队|车间|班|中心|办|所|股|局|公司|村|社区|镇|乡|街道"
    "|院|店|站|厂|区|线|行|园|校|库|年级|支部|工会|县|市)"
)
_SURNAME = (
    "(?:欧阳|司马|上官|诸葛|皇甫|尉迟|令狐|慕容|东方|[赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏水窦章云苏潘葛"
    "奚范彭郎鲁韦昌马苗凤花方俞任袁柳酆鲍史唐费廉岑薛雷贺倪汤滕殷罗毕郝邬安常乐于傅皮卞齐康伍余元卜顾孟平黄和穆萧尹姚邵湛汪祁毛禹狄米贝"
    "臧计伏成戴宋庞熊纪舒屈项祝董梁杜阮蓝闵席季麻强贾路娄江童颜郭梅盛林刁钟徐邱骆高夏蔡田樊胡凌霍虞万支柯管卢莫房解应宗丁宣邓洪包石崔吉"
    "龚程裴陆荣翁甄曲封靳段富焦巴谷侯全班仲宁仇甘厉武符刘景詹龙叶黎白蒲赖卓池乔阎闫桂温庄晏柴瞿连艾向古易廖耿匡文欧沃利聂冷辛简饶曾关"
    "查游权覃甯岳尚祖涂邢肖付代小老阿大])"
)
_TITLE = (
    "(?:总|工|处|处长|局|局长|科|科长|主任|经理|书记|部长|队长|院长|校长|所长|站长|厂长"
    "|店长|班长|组长|主席|秘书|老师|哥|姐|董|股长|镇长|师傅|助理|专员|妈妈|爸爸|家长)"
)
# Goods and money that arrive begin with a surname too: 包裹, 余款.
_NAME = rf"{_SURNAME}(?![货款裹票额])[一-鿿](?:[^\W\dA-Za-z款货裹票额的了]{{0,2}}?){_TITLE}?"
_WHO = (
    rf"(?:我们?|本人|这边|我这边|(?!各|请)(?:{_HAN}|[0-9A-Za-z]){{1,12}}{_ORGANISATION}(?:{_NAME})?|{_NAME}"
    rf"|{_HAN}{{1,2}}{_TITLE})"
)
_THING = "(?:会议|领导)?(?:通知|文件|邮件|资料|材料|要求|指示|任务|消息|信息|表格|方案|指令|来文|提醒|精神)"
_STRONG = (
    rf"(?:{_THING})?[也均都]?(?:已经|已)?(?:(?:收到|收悉|明白|清楚|了解|知道|知悉|知晓|阅知|阅悉|悉知|晓得|敬悉|获悉)(?:了|啦|咯|喽|哈|哦|噢|呀|啊){{0,2}}"
    rf"|收到了?{_THING}了?|(?:明白|知道|了解|晓得)的|(?:已|已经)(?:阅读|阅|读|悉|看到|看|签收|传达|转达|转)了?|看到了|阅"
    r"|好(?:的|嘞|滴|哒|咧|呢|呀|啊|勒|叻|吧|哦|哈|噢)+|好好好|没问题|没毛病|遵命|遵照执行|照办|得令|执行|坚决(?:服从|执行|落实|拥护|照办)"
    r"|要得[嘞哦嘛]?|可以的|没得问题|阔以的?|保证完成(?:任务)?|服从(?:安排)?|严格执行|按要求执行|妥了?|妥妥的|必须的|回复收到|欧了"
    r"|(?i:o了|okk*|okay|ok[的啦]|roger|copy|noted|got|received|understood))"
)
_WEAK = "(?:好|行|是|悉|收|可以|可|中|成|[嗯恩]{1,4}|1{1,6})"
_AGREED = _compile(r"[👌👍🙏🫡💪✅🆗✔☑]|\[(?i:ok|好的|收到|强|赞|抱拳|合十|敬礼|点赞|thumbsup|salute|worship)\]")
_THANKS = (
    rf"(?:大家|领导|您|你们?|各位)?[多太]?(?:非常)?(?:谢谢|感谢|谢|辛苦|麻烦)(?>了|啦|啊|哈|您|你|大家|各位|领导|老师|提醒|通知|告知|支持|同事们?"
    rf"|{_HAN}{{1,2}}{_TITLE})*"
)
_ADDRESS = rf"(?:各位)?(?:领导们?|老板|大家|老大|首长|亲|{_HAN}{{0,2}}{_TITLE})"
_CALM = rf"请(?:领导|您|各位领导|大家|组织|{_HAN}{{1,2}}{_TITLE})?放心"
_WHEN = (
    r"(?:今[天晚早]|明[天早晚]|[上下]午|中午|晚上|下班|周[一二三四五六日天末]|[0-9]{1,2}(?:[点时]半?|[:：][0-9]{2})|[一二三四五六七八九十两]{1,3}点半?|月底)(?:之?前"
    r"|内)?"
)
_PROMISE = (
    rf"(?:我们?这?边?|本人|这边|{_HAN}{{1,6}}{_ORGANISATION})?(?>会|将|一定|定|必|坚决|严格|认真|马上|立马|立即|立刻|即刻|尽快|抓紧|这就|现在|就|稍后|等下|等会儿?"
    rf"|待会儿?|随后|回头"
    rf"|按照?(?:要求|时|期|规定|通知|指示|计划|会议精神)|照|及时|积极|全力|争取|准时|务必|组织|配合|继续|先|再|去|来|[向给把跟和](?:您|你|大家|客户|他们?|领导|供应商)?|我(?:们|部"
    rf"|科|处)?这?边?|这边|{_WHEN}){{1,6}}"
    r"(?:办|落实|执行|处理|安排|整改|完成|上报|报|提交|交|发|反馈|回复|答复|核|查|看|准备|参加|到|过来|过去|改|弄|做|搞|跟进|联系|通知|传达|转达|学习|配合|组织|填"
    rf"|写|补|出发|贯彻|部署|更新|修改|调整|对接|协调|排查|检查|催|整理|汇总|推进|布置|注意|遵守|问|沟通|确认|开始|来|去)(?:{_HAN}|[A-Za-z0-9]){{0,8}}"
)
_ACKNOWLEDGES = _compile(
    rf"[嗯哦噢喔哈]{{0,3}}(?:{_WHO})?{_STRONG}(?>{_STRONG}|{_THANKS}|{_CALM}|{_PROMISE}|{_ADDRESS}|[嗯哦噢喔哈])*+"
)
_NODS = _compile(_WEAK)
_STANDS_BESIDE = _compile(rf"{_WHO}|(?>{_THANKS}|{_CALM}|{_PROMISE}|{_ADDRESS})++|[嗯哦噢喔哈]{{1,3}}")
_LISTED = _compile("[0-9]{1,4}|[A-Za-z]{2,12}")
_MENTION = _compile(rf"@[^\s@，,:：]{{1,20}}?(?:(?={_STRONG}(?:[\s,，。!！]|$))|[\s,，:：]|$)")
# What every receipt holds, but for a mere nod.
# Alternatives that all begin with a plain letter are ten times as fast to look for; `NEEDED` holds these strings too.
_RECEIPT_WORDS = (
    "收[到悉]|明白|清楚|了解|知[道悉晓]|晓得|阅|悉|已[读看签传转]|看到|好[的嘞滴哒咧呢呀啊勒叻吧哦哈噢好]|没问题|没毛病|要得|可以的|没得问题|阔以|遵[命照]|照办|得令|执行|坚决|保证|服从|妥|必须的"
    "|欧了|👌|👍|🙏|🫡|💪|✅|🆗|✔|☑|\\[[强赞抱合敬点TSW]|o[kK了]|O[kK了]|roger|Roger|copy|Copy|noted|Noted|got|Got|received|Received"
    "|understood|Understood"
)
_RECEIPT_WORD = _compile(_RECEIPT_WORDS)
_NODS_BEGIN = "好行是悉收可中成嗯恩1"
_NOD_WORD = _compile(f"[{_NODS_BEGIN}]")
_LONGEST_NOD = 16
_ASKS_BACK = _compile(r"[吗么呢?？谁哪]|多少|几[点个]|请(?!.{0,6}放心)|没有|(?:到|白|楚)没|不对|但")
# 好呢 and 好的呢 agree; every other 呢 asks.
_AGREES = _compile("好的?呢")


@_asked_again
def is_receipt(text: str) -> bool:
    """Say whether the message only acknowledges: 收到, 明白, 好的, 已阅, 1, 👌, 遵照执行.

    Names, departments, mentions, thanks, emoticons and a promise may stand beside it: 销售部 王强 收到;
    @王处 收到，马上办。 Things that arrived (收到货了, 收到投诉了) and questions (收到了吗) are none.
    """
    text = _read(text)
    if not 0 < len(text) <= _LONGEST_RECEIPT:
        return False
    if not _RECEIPT_WORD.search(text) and (len(text) > _LONGEST_NOD or not _NOD_WORD.search(text)):
        return False
    if _ASKS_BACK.search(_AGREES.sub("", text)):
        return False
    agreed = _AGREED.search(text) is not None
    strong = listed = False
    for part in _BETWEEN.split(_MENTION.sub(" ", text)):
        if not part:
            continue
        if _RECEIPT_WORD.search(part) and _ACKNOWLEDGES.fullmatch(part):
            strong = True
        elif _NODS.fullmatch(part):
            agreed = True
        elif _LISTED.fullmatch(part):
            listed = True
        elif not _STANDS_BESIDE.fullmatch(part):
            return False
    return strong or (agreed and not listed)


# --- notices --------------------------------------------------------------------------------------------------------

_NOUN = "(?:通知|公告|通告|公示|启事|通报|(?:温馨|重要|友情|特别|安全|紧急)(?:提示|提醒))"
_NOTICE_WORDS = (
    "通知|公告|通告|公示|启事|通报|提[示醒]|周知|转告|各位|全体|各[部科单中车村班处股室组项分支网病商乡镇校店站所团小区]|参[会加]人员|与会"
    "|特此|会议|培训|活动时间|敬告|预告|喜报|尊敬|所有人|定于|拟于|经研究|经班子|[日天儿周月号]起|即日|开[始会放]|停[课诊水电气业用机收产运止]"
    "|封[路闭]|作废|废止|顺延|推迟|延[期误]|打烊|禁火|放假|假安|调[整休]|会取|安排：|变更|检修|维护|清洗|消[杀毒]|盘点|演练|体检|疫苗|年检|集合|举行|召开|启用|截止|发放|领取|讲座"
)
_NOTICE_WORD = _compile(_NOTICE_WORDS)
_START = r"\A[^\w【\[〔『@《]{0,8}(?:@[^\s@]{1,20}\s+){0,5}(?:@(?:所有人|全体成员|all)\s*)?[^\w【\[〔『@《]{0,8}"
_TITLED = _compile(rf"{_START}[【\[〔『]{{1,2}}\s*([^】\]〕』\n]{{0,40}}?){_NOUN}[^】\]〕』\n]{{0,8}}[】\]〕』]{{1,2}}")
_HEADED = _compile(
    rf"{_START}(?:(?:各位|全体"
    rf"|各)[^\n，,:：!！]{{1,12}}[，,:：!！]\s*)?([^\n，,。:：!！?？@]{{0,16}}?){_NOUN}(?:[(（][^\n)）]{{1,12}}[)）])?\s*(?:[:：!！]"
    rf"|\n)\s*\S"
)
_ABOUT = _compile(
    rf"(?m)^\W{{0,6}}((?:[^\n，,。!！?？]{{1,24}}(?:{_ORGANISATION}|集团|政府|委|会))?\s*"
    rf"|转发?[:：]?\s*)关于[^\n。!！?？]{{2,60}}?的[^\n，。的]{{0,6}}?{_NOUN}"
    r"(?:[(（][^\n)）]{1,20}[)）])?[》】\]]?\s*(?:$|[:：])"
)
_CLOSED = _compile(
    r"(?:^|[\s,，。.;；!！])(?:以上[,，]?)?特此(?:通知|公告|通告|公示|告知|通报|函告)\s*(?:[。.!！;；\n]|$)"
)
_AS_FOLLOWS = _compile(
    r"(?:通知|公告|通告|公示|通报)(?:事项)?如下|(?:^|[\n。])\s*现(?:通知|公告)[^\n。]{4}|(?m:^)\W{0,4}(?:现|特)?通知(?:大家|各位|各[部科][门室]|所有人"
    r"|全体\w{0,6})(?:一下|个事)?\s*[:：,，]\s*\S"
    r"|\A\W{0,4}(?:现|特)?通知(?:一下|个事|一个事)?\s*[:：]\s*\S"
    r"|\A(?:各[^\n，,:：]{1,8}[，,:：])?刚?接到?(?:上级|总部|公司|集团|物业|[省市区县局镇乡厂]|街道|办公室|学校|[总分]行)?"
    r"[^\n,，:：]{0,10}通知[,，:： ]"
    r"|\A上级来通知了?[,，:：]"
)
_ADDRESSED = _compile(
    rf"{_START}(?:尊敬的|亲爱的)?(?:(?:各位|全体)(?!领导[:：,，!！\s])|各(?=[部科单中车村班处股室组项分支网病商乡镇校店站所团小区]))[^\n:：,，!！。?？]{{0,16}}(?:[:：,，!！]|\s)"
)
_ANNOUNCES = _compile(
    r"定于|拟于|将于|经研究|现将|自[^\n，。]{1,16}起|周知|请知悉|转告|安排如下|停课|停诊|改[为版到]|启动|截止|逾期|封存"
    r"|(?:[今明后]天|[今明]晚|周[一二三四五六日末]|\d[日号点]|[上下]午|中午)[^\n。]{0,24}(?:召开|举行|放假|停[电水气网机]|检修|维护|开会|演练)(?![了过的吗])"
)
_MEETING = _compile(
    r"(?m)^\W{0,4}(?:[一二三四五六\d][、.．]\s*)?(会议时间|会议地点|参会人员|参加人员|与会人员|培训时间|培训地点|活动时间|活动地点|时间|地点|会议(?:议题|内容|主题))\s*[:：]"
)
# 【停水】, 秋收假安排：, 讲座预告, 尊敬的旅客：, 敬告各位, 通报批评：: a heading or address of an announcement.
_HEADING = _compile(
    rf"{_START}(?:[【\[](?:停[水电气诊课业]|[^】\]\n]{{0,8}}(?:取消|变更|停收|调整|改期|延期))[^】\]\n]{{0,4}}[】\]]"
    r"|(?:门诊|停诊|会议|培训|考试|班车|发车|值班|[^\s，,。:：]{0,4}假)(?:安排|调整|信息|变更)\s*(?:[:：]|\n)"
    r"|[^\s，,。:：]{2,6}预告\s*[:：|｜]|喜报|敬告(?:各位|广大)|通报批评\s*[:：]"
    r"|(?:尊敬的|亲爱的)(?!领导)[^\s，,。:：]{2,8}[:：]|(?:紧急|重要|缴费|培训|会议|放假|停[水电气]|封路|检修|变更)通知(?:[\s📢]|，(?!谁|我|你))"
    r"|(?:物业|社区|学校|公司|工会|行政|后勤|人事|财务)?(?:通知(?:各|到每)[^\n，,:：]{1,8}|提醒(?:您|各位[^\n，,:：]{0,6}))[，,:：]"
    r"|(?:温馨|特别|友情)提示(?:大家|各位)?[，,])\s*(?:\S\s*){4}"
)
_MAY_HEAD = _compile(
    "安排|调整|信息|变更|预告|喜报|敬告|通报|尊敬的|亲爱的|通知|提醒|提示|取消|改期|延期|【停|\\[停|停收"
)
# From a date on, or for a reason, something is so for all: 从下个月起…改为, 因台风…停课, 明天…检修.
_ON = (
    r"(?:[今明次][日天晚早儿]|即日|后天|[下本]?周[一二三四五六日末]|[下本][周月]|[\d一二三四五六七八九十][日号点]|\d[:：]\d\d"
    r"|月底|[上下]午|当[日天晚])"
)
_STOPS = (
    "(?:停(?:[课诊水电气业用机收产运]|止)|放假|补课|调休|封闭|封路|作废|废止|顺延|延期|推迟|延误|改期|打烊"
    "|禁火|不上课|不营业|闭馆|歇业)"
)
_TAKES_EFFECT = _compile(
    rf"(?:(?:自|从)[^\n，,。]{{1,10}}|{_ON})(?:起|开始)|(?:因|由于|受|为迎接)[^\n。]{{2,24}}[，,][^\n。]{{0,24}}?{_STOPS}|{_ON}[^\n。]{{0,16}}?(?:{_STOPS}"
    r"|检修|维护|清洗|消杀|消毒|盘点|演练|体检|打疫苗|年检|培训|集合|[举召][行开]|开放|启用|截止|发放|领取|开会|讲座)"
)
# To whom something is announced, it is also said what they have to do or may not: without that it is a mere report.
_DIRECTS = _compile(
    r"请(?![假问教客示]|领导|甲方)|敬请|务必|不得|严禁|禁止|勿|须|携带|自备|带[好上齐]|提前|逾期|过期|过时|缺席|另行|[为至]止|截止|统一|一律|凭|绕行|谅解|见谅|不便|互相转告|照[旧常]|退[费款号]"
    r"|[为改][到为至成]|不再|取消|补贴|换[鞋卡成]|全[员体]"
)
_BY_ORDER = _compile(
    r"自[^\n，。]{2,10}起(?:正式)?[施执实]行|经[^\n，。]{0,8}(?:研究|讨论)(?:决定|同意)?[，,]|(?:定于|拟于|将于)[^\n，。]{2,16}?(?:在[^\n，。]{2,12})?"
    r"(?:召开|举行|举办|放假|开展|进行|组织|开放|停)"
)
_MAY_ANNOUNCE = _compile(
    "起|停|封|废|延|开始|放假|改期|取消|打烊|禁火|检修|维护|清洗|消杀|消毒|盘点|演练|体检|疫苗|年检|培训|集合|举行|召开|开放|开会|启用|截止|发放|领取|讲座|调休|补课|研究|定于|拟于|将于"
)
# What is told of oneself, of others or of the past, however much it looks like that.
_TOLD = _compile(
    r"我(?!们|校|院|行|司|局|部|市|区|县|厂|站|园|镇|村|代表)|客户|甲方|供应商|对方|他|她|昨[天日晚]|上[周次个]|已(?!预约|挂号|报名)|正在|了吗|没有?$|是不是|听说|[吗呢?？]\s*$|预计"
    r"|争取|申请|建议|改了|停了|取了|开了|谁|刚|完了|师傅说|问[下问一]|安监|总包"
)
# Who wants something handed in by a date instructs, and announces nothing: 请各车间周五前报检修计划.
_HAND_IN = _compile(r"前[^\n，,。]{0,6}?(?:上报|报送|报[^废警修]|提交|交[^通接流警]|填[报写]|反馈|发我|给我)")
_MINUTES = _compile("纪要|会议记录|已(?:经)?召开|小结|总结")
_SHORTEST_ANNOUNCEMENT = 16
_SHORTEST_RULE = 10
# 特此通知 by itself tells nothing.
_SHORTEST_CLOSED = 8
# Somebody who writes so before the word talks about a notice.
_TALK = _compile(
    r"看[下了到看一]|看$|[发写改拟做出转](?:[了的个下过]|$)|收到|昨[天晚]|前天|[那这][个条份]|没|谁|催|什么|哪|上次|之前|刚才|等[着个]?$|^按|根据|按照|[见找等个份条说再下]$"
    r"|忘|我|你|他|记得|麻烦|起草|帮|一下|学习|传达|贯彻|落实|[了过到把跟和对]$|不是|是不|(?<!布|告)的$|有$"
)
# 关于…的 in a title, which may hold any word.
_OF_WHAT = _compile("关于.*的$")
# What follows the word where it is talked about: 【通知】看到了吗, 通知：谁发的.
_ANSWERED = _compile(r"^\W*(?:(?:我|大家|你们?)?(?:已|都)?(?:收到|看到|转发|发了|阅|知道)|是谁|谁)")
_SHORT = 16
# One of these stands in every notice but those that are known by whom they address, or by their list of time and place.
_CALLED_ONE = _compile("通知|公告|通告|公示|启事|通报|提示|提醒|特此")


@_asked_again
def is_notice(text: str) -> bool:
    """Say whether the message itself is a notice or announcement to the group, one passed on to it included.

    Told by its form: 【通知】…, 停电通知：…, a title 关于…的通知, 温馨提示：…, 特此通知, 现将…通知如下, 各位同事：…定于…,
    or the list of time, place and people of a meeting. Talk about a notice is none: 通知发了吗, 看下通知.
    """
    text = _read(text)
    # That it holds one of these words is asked last, since most talk is no notice anyway and looking for so many takes longest.
    return len(text) >= 5 and _announces(text) and _NOTICE_WORD.search(text) is not None


def _announces(text: str) -> bool:
    if _CALLED_ONE.search(text):
        for pattern in (_TITLED, _HEADED, _ABOUT):
            match = pattern.search(text)
            if match is not None and not _TALK.search(_OF_WHAT.sub("", match[1].strip())):
                rest = text[match.end() - (pattern is _HEADED) :].strip()
                return not (rest and len(rest) <= _SHORT and (_ANSWERED.search(rest) or _asks(rest)))
        if _AS_FOLLOWS.search(text) or (len(text) > _SHORTEST_CLOSED and _CLOSED.search(text)):
            return True
    if _MAY_HEAD.search(text) and _HEADING.match(text):
        return not _ANSWERED.search(text) and not (len(text) <= 60 and text[-1] in "?？吗")
    if len(text) >= _SHORTEST_RULE and _MAY_ANNOUNCE.search(text) and _rules(text):
        return True
    if len(text) < _SHORTEST_ANNOUNCEMENT:
        return False
    if _ADDRESSED.search(text) and _ANNOUNCES.search(text):
        return not (len(text) <= 60 and text[-1] in "?？吗")
    labels = set(_MEETING.findall(text)) if ":" in text or "：" in text else ()
    return len(labels) > 1 and any(len(one) > 2 for one in labels) and not _MINUTES.search(text)


def _rules(text: str) -> bool:
    """Say whether something is so for all from a date on, without a heading."""
    if _TOLD.search(text) or _HAND_IN.search(text):
        return False
    return _BY_ORDER.search(text) is not None or bool(_DIRECTS.search(text) and _TAKES_EFFECT.search(text))


# --- replies --------------------------------------------------------------------------------------------------------

_REPLY_WORDS = "回|答复|收到|看到|接龙|确认|阅后|签收|扣|吱"
_REPLY_WORD = _compile(_REPLY_WORDS)
# 回复 with what may follow where the group is meant: 请回复收到, but not 请回复客户.
_TO_US = (
    r"(?=$|[\s,，。.!！、;；:：~～)）】”\"'“「@…]|收到|确认|[1我本]|一?下|此(?:条|消息|通知)|是否|能否|姓名|部门|参加|人数|知悉|已|谢|为|或|并|即可|哈|哦|啊|呀|吧|到群"
    r"|群|在|明白|了(?![吗么?？]))"
)
_REPLY = r"(?:回复|回执|答复|接龙|签收|确认收到|回个?收到|回个?话|回个?1|回一声|反馈收到|吱一?声|[扣打]个?1)"
_SOFT = (
    "(?:烦请|敬请|务请|请|望|麻烦|务必|均?需要?|要|都|一律|后|也|均|必须|的|者|人员|同志们?|同事们?|以后|之后|各位|大家|所有人|全体|及时|尽快|立即|马上|统一|在?群[里内]|逐一|逐个|给我"
    "|跟我|给个|一下)"
)
_ASKED = _compile(
    rf"(?:收到|看到|看完|阅后|阅知|已阅|知悉|阅读|获悉|悉知)[”\"]?[,，。!！\s]{{0,2}}{_SOFT}{{1,6}}[,，\s]?(?:{_REPLY}|确认|回){_TO_US}"
    r"|(?:^|[\s,，。!！;；、])(?:收到|阅后)(?:回复|回执|扣|回|接龙)1?(?=[\s,，。!！~～]|$)"
    rf"|(?:请|麻烦|望|务必|均需)[^。!！?？\n请]{{0,8}}?(?:到的|我的|各|全体|大家|所有|相关|未)[^。!！?？\n请]{{0,12}}?(?:确认){_TO_US}"
)
_REQUESTED = _compile(rf"(?:请|麻烦|望|务必|均需)([^。!！?？\n请]{{0,20}}?){_REPLY}{_TO_US}")
_BEFORE_IT = _compile(r"[^。!！?？\n]{0,10}\Z")
# Before or inside such a request: somebody else is to answer or to be answered, or the request itself is in question.
_ELSEWHERE = _compile(
    r"客户|对方|邮件|供应商|甲方|业主|他们|[他她]|要不要$|需不需要$|用不用$|是否需要$|我$|来[电函信]|投诉"
)
# Shopping together is no business of the group's: 要的请接龙.
_SHOPPING = _compile(r"(?:要|买|订|团|拼)[^，。\n]{0,4}$")
_WAIVED = _compile(
    r"(?<!不是)(?:无[需须]|毋[需须]|不[用必]|不需要?|勿需|勿|免|(?<![特个分级差])别|不要|不再|可不|莫)"
    r"(?:再|逐[一个条]|一一|都|大家|各自|各位|在?群[内里]|集体|刷屏|单独|重复|另行?|专门|统一|全部){0,3}"
    rf"(?:(?:{_REPLY}|回应|[刷发报]收到){_TO_US}|回(?=$|[\s,，。.!！;；~～)）】]|了(?![吗么?？])))"
)


@_asked_again
def asks_reply(text: str) -> bool:
    """Say whether the message wants the group to acknowledge or answer: 收到请回复, 请大家接龙, 请各部门回复.

    Never where the same message waives it, and not where somebody else is to be answered: 请尽快回复客户.
    """
    text = _read(text)
    if not _REPLY_WORD.search(text):
        return False
    return (_ASKED.search(text) is not None or _requests_reply(text)) and not _WAIVED.search(text)


def _requests_reply(text: str) -> bool:
    read = 0
    for match in _REQUESTED.finditer(text):
        leading = _BEFORE_IT.search(text[max(read, match.start() - 10) : match.start()])
        before = leading[0] if leading else ""
        read = match.end()
        elsewhere = _ELSEWHERE.search(before) or _ELSEWHERE.search(match[1])
        if not elsewhere and not ("接龙" in f"{before}{match[0]}" and _SHOPPING.search(before)):
            return True
    return False


def waives_reply(text: str) -> bool:
    """Say whether nobody has to reply, or nobody should: 无需回复, 不必逐一回复, 请勿回复收到, 免回."""
    text = _read(text)
    return _REPLY_WORD.search(text) is not None and _WAIVED.search(text) is not None


# --- questions ------------------------------------------------------------------------------------------------------

_QUESTION_SIGNS = (
    "\\?|？|吗|么|嘛|咋|啥|谁|哪|几|呢|否|多少|多久|多大|怎|何|请[问教]|求[问助]|想了解|想咨询|能不能|可不可|是不是|要不要"
    "|会不会|用不用|需不需|去不去|来不来|在不在|行不行|对不对|还是"
)
_QUESTION_SIGN = _compile(f"{_QUESTION_SIGNS}|没|问|不")
# Where 不 or 没 stands between: 改不改.
_CHOSEN = "[开改通够走做换修发交用买签算批报补停收退拆装查成到关上寄送拿]"
# Answers nobody: talk to oneself, surprise, agreement sought, scolding.
_RHETORICAL = _compile(
    r"^\W*(?:是吗|是吧|真的吗|真的假的|真的|对吧|不会吧|好的?呢|是不是|可不是吗?|不是吗|好吗|好吧|啊|哦|嗯)\W*$|难道|何必|何苦|岂[能有不]|谁不|凭什么|有没有搞错|谁知道呢|(?:还"
    r"|又)能(?:怎么[样办]|咋[样办整])|谁能(?:顶得|受得|扛得|忍|不)|谁谁|(?:要是|如果|万一)[^，,。?？]{0,2}(?:谁|哪位)|(?:本来|正|还)想问|^\W*这不\w{1,5}[吗嘛]"
    r"|([能会行去来要用])不\1[^，,。?？]{0,8}(?:[得要]看|看[天情]|再说|先[试做干弄])|服了|反人类|离[了大]?谱|无语"
    r"|至于吗|不是(?:很|挺)好吗"
    r"|谁(?:说(?!了算)|让[我咱你]|懂啊|能想到|还没个|家没)|你问我，?我问谁|都几点了|咋说呢|纳闷|可不是吗|[来着的]来着，哦|自言自语"
    r"|谁(?:想|需?要)(?![^，,。]*[?？吗呢])\w{0,6}(?:就|直接|自己|自行|随时)\w|谁(?![和跟与])\w{1,8}谁(?!\W*$)|谁的\w{1,6}我放|哪\w{1,2}就|自愿|整理了|(?:谁|哪[位个家])[^，,。?？]{0,6}我都|几\w{1,3}几\w{1,3}都|[烦唉]\W*$"
)
# Questions that are told of or taught: 客户问能不能…，我说不能; 作文题目叫《我为什么…》; 先抛出问题：….
_REPORTED = _compile(
    r"(?:客户|客人|顾客|居民|村民|业主|家长|患者|用户|小朋友|孩子|学生|记者|甲方|他|她|大爷|大妈|老人)们?(?:来|都|就|总|老|又)?问(?!题|一?下|问|谁|哪)|问得最多|问[我住了]\w|题目|提纲|笔记"
    r"|抛出问题|疑难解答|这句|讲到|《[^》]*》|那一?[栏项]|原来是|汇报：|台下|开场白|海报文案"
)
_QUOTED = _compile('[“「『"][^”」』"]{2,40}[”」』"]')
# The asker's own answer follows: 为什么要戴安全帽？因为….
_ANSWERED_AT_ONCE = _compile(r"[?？]\s*(?:因为|答|那是|原因|没人吱声|很简单|当然)|自己答|又自己")
# Such an ending is politeness where something is asked for, and a question elsewhere: 这样写好吗.
# A question that only praises: 谁打扫的？真干净，点赞.
_PRAISES = _compile("[?？][^?？]*(?:点赞|[真太好]棒|厉害|给力|表扬|好样的|了不起|👍|赞一个|值得学习)")
_POLITE_END = _compile(r"(?:好吗|好么|好不好|行吗|行不行|可以吗|OK吗|ok吗|是吧|对吧|知道吗|懂吗)\W*$")
_ASKS_FAVOUR = _compile(r"请|大家|各位|别|不要|麻烦|一点|点儿|注意|安静|都")
_ASKED_FOR = _compile(
    r"请问(?!题)|请教(?![过了])|求问|求助|想(?:咨询|了解|问一?下|问个|问问)|^\W*(?:各位\w{0,4}|大家|领导|老师)?[,，\s]?(?:我?想|麻烦|弱弱|跟大家|我)?问(?:一下|下|问|个问题"
    r"|个事)(?:[,，:：\s]|大家|各位|有)"
    r"|^\W*(?:有没有|有)(?:人|谁|哪位|同事|大佬|朋友)[^。]{0,8}(?:知道|会|能|用过|有|懂|遇到)|(?:^|[,，\s])(?:谁|哪位\w{0,3}|哪个)(?:知道|有|会|能|在|去|来"
    r"|负责|懂|那里?|手[上里]|带|拿|看到|看见|见过|管)(?!都|也|事)"
)
_ENDS_ASKING = _compile(
    r"(?:吗|(?<![什怎这那多要])么|(?:[了到好完过位齐上出成行定清发交来去回楚]|收到|明白)没有?|没有?了没|[有在能行会要]没有?|在不在|什么|啥|谁|哪[里儿个些天位步]?|多少|多久|多大"
    r"|几[点号个人份天台楼次]|为什么|为啥|为何|怎么[样办回]?事?|怎样|咋[样办整弄]|如何)\s*(?:[呀啊呢哈哦了来着的]{0,2})[~～…\s,，.]*$"
)
_CLAUSE_ASKING = _compile(
    r"(?:[^什怎这那多要]么|吗)(?:[,，~～\s]|$)|怎么(?![都也])\w{1,6}$|(?:谁|哪[位家])(?![都也])|哪[个天种边](?![都也])\w{0,4}$|(?:什么时候"
    r"|啥时候|几时|(?<!任)何时|几点|几号|哪天|在哪|去哪|哪里|多少钱|为什么|为啥|咋|什么情况|什么意思|什么原因|怎么回事|怎么[不没还])(?![都也])"
    r""
    r"|^\w{0,10}(?:能不能|可不可以|是不是|要不要|会不会|有没有|用不用|需不需要|去不去|来不来|在不在|行不行|对不对)(?!都|搞错)"
)
# Alternatives that all begin with a plain letter, see above.
_ALSO_ASKING = _compile(
    r"第几\w|还(?:剩|有|差|要|得|需)\w{0,3}(?:几\w|多少)|怎么(?:样(?:[,，\s]|$)|才能)|了没[,，]|意见没[,，]|问题没[,，]|吗(?:老师|各位|大家|领导|\w[总工哥姐])"
    r"|哪[条份版批款类组路段层间张本处站期台车](?![都也])"
)
# 左旋还是右旋, 改不改, 能报销车票不.
_CHOICE = _compile(
    rf"(?:是|按|走|用|要|继续|先)[^，,。]{{1,14}}还是[^，,。]{{1,12}}(?:[，,]|$)|({_CHOSEN})[不没]\1(?![都也随看])"
    r"|够不[~～…\s,，.]*$|(?:能|可以|会|要|去)\w{1,10}(?<![我说要可能也都并])不[~～…\s,，.]*$"
)
# 人呢, 报表呢: short, with nothing that tells of oneself.
_WHERE_IS = _compile(r"(?:^|[,，])\W*[^我在还着正,，没]{1,6}呢\W*$")
# Words that make an interrogative part of a statement: 看看有没有问题, 不知道什么时候, 教大家怎么弄.
_EMBEDDED = _compile(
    r"看看|看下|看一下|检查(?![组表单井]|记录|结果|报告)|确认(?![函单])|核[实对查](?!表)|讨论(?![稿会])|商量|研究(?![院所室])|不?知道|告诉|教|说明(?!书)|想想|想办法|无论|不管|不论|谁\w{1,8}谁|学习(?![班卡]|[资材]料)|了解|明确|清楚(?!没)|[搞弄]明白|查到|取决|关于|没有?什么|不怎么|什么都|哪里都|谁都|多少都"
    r"|有什么(?:问题|需要|情况|事)|记录(?![本表单仪补归填])|统计(?![表局员])|反馈(?![表单]|意见)|说一下|问下|问一下|去问|问问|写明|注明|排查(?![表组])|通知(?![单书栏发贴])"
)
_WHO_KNOWS = _compile(
    r"帮(?:我|忙)看|(?:告诉|回|跟|[给发交]到?)我|(?:谁|有人|哪位\w{0,3}|你们?|您|大家)(?:也|还)?(?:知道|了解|清楚|看看|看下)"
)


def is_question(text: str) -> bool:
    """Say whether the message asks something that wants an answer, with or without a question mark.

    报表今天能出吗; 谁知道会议室密码; 请问…; 物资到位没有; …怎么弄. Not asked are courtesies (大家安静一点好吗), what is
    said for effect (难道…吗, 是吗), questions told of (看看有没有问题), and whatever stands in a notice.
    """
    text = _read(text)
    if not _QUESTION_SIGN.search(text):
        return False
    return _asks(text) and not is_notice(text)


def _asks(text: str) -> bool:
    if "://" in text or "www." in text:
        text = _LINK.sub(" ", text)
    if ("?" in text or "？" in text) and (_ANSWERED_AT_ONCE.search(text) or _PRAISES.search(text)):
        return False
    outside = _QUOTED.sub("", text)
    if outside != text and sum(map(str.isalnum, outside)) > _SHORTEST_TALK:
        text = outside
    sentences = [one for one in map(str.strip, _SENTENCE.findall(text)) if one]
    if len(text) > _LONGEST_ASKING:
        sentences = [sentences[0], sentences[-1]] if sentences else []
    elif len(text) > _LONGEST_UNMARKED:
        sentences = [one for one in sentences[:-1] if one[-1] in "?？"] + sentences[-1:]
    return any(_sentence_asks(one) for one in sentences if _QUESTION_SIGN.search(one))


def _sentence_asks(sentence: str) -> bool:
    if sentence[-1] in "?？":
        asks = any(one.isalnum() for one in sentence)
    elif _ASKED_FOR.search(sentence):
        asks = "请问清" not in sentence
    else:
        # Of a long sentence the last clauses are asked: what was found comes first, what is wanted at its end.
        asks = _asks_unmarked(sentence if len(sentence) <= _LONGEST_SENTENCE else _last_clauses(sentence))
    if not asks or _RHETORICAL.search(sentence) or _REPORTED.search(sentence):
        return False
    return not (_POLITE_END.search(sentence) and _ASKS_FAVOUR.search(sentence))


def _last_clauses(sentence: str) -> str:
    """The clauses that begin in the last sixty code points of a sentence."""
    return sentence[-_LONGEST_SENTENCE:].partition("，")[2]


def _asks_unmarked(sentence: str) -> bool:
    chooses = ("不" in sentence or "没" in sentence or "还是" in sentence) and _CHOICE.search(sentence)
    asking = chooses or any(one.search(sentence) for one in (_CLAUSE_ASKING, _ENDS_ASKING, _ALSO_ASKING, _WHERE_IS))
    if not asking:
        return False
    return not _EMBEDDED.search(sentence) or _WHO_KNOWS.search(sentence) is not None


# --- instructions ---------------------------------------------------------------------------------------------------

_DEADLINE = (
    r"(?=[今明后本下周星月年底节会中上晚早\d一二三四五六七八九十两])(?:(?:今[天晚日]|明[天早晚日]|后天|本周[一二三四五六日内末]?|下周[一二三四五六日]?|周[一二三四五六日末]"
    r"|星期[一二三四五六日天]|\d{1,2}月\d{1,2}[日号]|\d{1,2}[日号]|月底|年底|节前|会前|下班|中午|[上下]午|晚上?|早上|\d{1,2}(?:[点时]半?|[:：]\d{2})"
    r"|[一二三四五六七八九十两]{1,3}[点时]半?)\s*)"
)
_TO_DO = (
    r"(?:上报|报送|报备|报到|报[给我名]?|提交|上交|交[给我]?|发[给我到]?|送[到来交达]?|完成|反馈|填[写报]?|备[好齐足]|准备|落实|整改|处理|上传|汇总|核[对实查]|提供|签[字到收]|更新"
    r"|清[理点]|排查|到位|参[加会]|到场|集合|出席|改[好完名]?|做[好完]|弄好|整理|统计|检查|自查|安排|通知|组织|回复|传达|学习|打扫|盘点|登记|补[齐充交]|修[改好]|解决|跟进|执行|遵守"
    r"|值班|在岗|拿[来到]|带[好上来]|注意|配合|办[理好完]?|联系|对接|查[明清看一]?|到[会我]?)"
)
# Of these words each of the expressions below needs one.
_INSTRUCTION_WORDS = (
    "[请前内速望把各备]|为止|务必|必须|要求|麻烦|抓紧|立即|立刻|马上|尽快|一律|限期|全体|所有|相关|大家|带[好上]|[上提]交|上报|报[送给名数备到]|发我|发给|完成|参[加会]|到[会场齐]"
    "|集合|出席|汇总|核对|盘点"
)
_INSTRUCTION_WORD = _compile(_INSTRUCTION_WORDS)
_BY_WHEN = _compile(rf"{_DEADLINE}(?:下班)?(?:之?前|以前|内|为止)[^。!！?？\n]{{0,24}}?{_TO_DO}.{{0,3}}")
_ON_THE_DAY = _compile(
    rf"{_DEADLINE}[^。!！?？\n]{{0,16}}?(?:[上提]?交(?![通流期接叉货付])|上报|报[送给名数备到]|发我|发给我|完成|备[好齐足]|准备|参[加会]|到[会场齐]|集合|出席|汇总"
    rf"|核对|盘点|带[好上]).{{0,3}}"
)
_PLEASE = _compile(r"请(?<![^,，:：\s]请)(?![假客问教示])[^。，,!！?？\n]{3,16}")
_DEMANDED = _compile(
    rf"(?:请(?<![邀申]请)(?![假客问教示])|务必|必须|要求|烦请|麻烦|抓紧|立即|立刻|马上|尽快|火速|速速?|一律|限期|望)[^。!！?？\n，,]{{0,18}}?{_TO_DO}.{{0,3}}"
)
_HAND_OVER = _compile(
    r"把[^。，,!！?？\n]{1,16}?(?:发|交|报|给|拿|送|传|整理|做|改|弄|填|准备|备|打印|处理|搬|收|关|订|查|核|修|装|贴|挂|补)(?:给?我|给|一下|下|好|上来|过来|出来|到|完|齐).{0,2}"
)
_ALL_OF_YOU = _compile(
    r"(?:^|[,，。!！\s])(?:全体|各(?:部门|科室|单位|中心|车间|村|班组?|处室|股室|组|项目部?|分公司|支部|门店|小组)|所有人|相关人员|大家)[^。!！?？\n]{0,16}?(?:参[加会]"
    r"|到[会场]|集合|出席|在岗|到位|配合|执行|遵守|落实|上报|报送|提交|交|准备|备|整改|自查|排查|盘点|完成|做好|汇总).{0,3}"
)
_PREPARED = _compile(
    r"(?:备好?|准备好?|带好|带上)[^。，,!！?？\n]{0,6}(?:材料|资料|台账|汇报|数据|PPT|ppt|发言|文件|方案|报告|表)"
)
# Words with which somebody speaks of what was done, of himself, or of others.
_OF_ONESELF = _compile(
    r"(?<![给发报交找和跟向到把])我(?!这[里儿]?(?:来|$)|办公室|邮箱|.{0,2}$)|本人|这边[会将已]|[他她]|客户|供应商|对方|厂家|甲方|争取|预计|计划[^表书]|已经?|正在|刚|昨"
    r"|给[您你]|发[您你]|向[您领]|报您|[了过]\W*$|[了过]$|没|未能|是不是|领导(?:审|批|指|过目)"
)
_ANSWERS = _compile("收到|好的|明白|正在|已经?[^，,]{2,8}[，,]")
# 请领导查收, 请各位放心: courtesies to those above.
_UPWARD = _compile(
    "请[^。，,]{0,8}(?:审阅|审批|批示|指示|过目|查收|查阅|知悉|放心|稍等|稍候|谅解|见谅|关照|包涵|指教|批准|示下|休息|保重|慢[走用]|多喝水|吃好|注意(?:身体|保暖|防暑|安全$))|请(?:甲方|客户)"
)


def instructs(text: str) -> bool:
    """Say whether the message tells others to do something, by a date or on demand.

    请各科室今天下班前报送材料; 下午三点前把台账发我; 明天备好材料. Who may instruct is the caller's affair. Not counted are
    receipts, questions, promises and reports of one's own work (我三点前发您, 已提交), courtesies (请领导审阅).
    """
    text = _read(text)
    if len(text) < 4 or not _INSTRUCTION_WORD.search(text):
        return False
    return any(_tells(one.strip()) for one in _SENTENCE.findall(text) if len(one) > 3) and not is_receipt(text)


def _tells(sentence: str) -> bool:
    if not sentence or sentence[-1] in "?？吗" or _ANSWERS.match(sentence):
        return False
    for pattern in (_BY_WHEN, _ON_THE_DAY, _PLEASE, _DEMANDED, _HAND_OVER, _ALL_OF_YOU, _PREPARED):
        for match in pattern.finditer(sentence):
            start = max(sentence.rfind(mark, 0, match.start() + 1) for mark in "，, ") + 1
            said = sentence[start : match.end()]
            if not _OF_ONESELF.search(said) and not _UPWARD.search(said):
                return True
    return False


# --- answers --------------------------------------------------------------------------------------------------------

# Characters that tell nothing of what a text is about; a pair that holds one is left out.
_EMPTY = frozenset(
    "的了吗呢吧啊呀哦嘛么嗯哈是在有不没我你您他她它们这那个就都也还和与及或到去来要会能可以很太什怎哪谁几多少请把被为着"
)
_COMMON = frozenset(
    re.findall(
        "..",
        "麻烦帮忙帮下一下大家各位今天明天昨天后天上午下午中午晚上现在时候时间通知收到回复知道好像对吧说下看下看看早上本周下周上周"
        "今晚昨晚明晚今早明早周一周二周三周四周五周六周日领导同事谢谢已经问题情况事情东西地方工作公司部门",
    )
)
_MOST_PAIRS = 24
_SPOKEN_OF = _compile(
    rf"(?:(?![{''.join(sorted(_EMPTY))}])[㐀-鿿]){{2,}}|[A-Za-z]{{2,}}|[A-Za-z0-9]*[0-9][A-Za-z0-9]*号?"
)


@_asked_again
def gist(text: str) -> frozenset[int]:
    """What a text is about, as at most 24 numbers of 16 bits to compare with those of another: pairs of characters that mean
    something, and names in Latin letters or digits. Hundreds of pairs share a number, so the text cannot be read back."""
    pairs: list[str] = []
    for part in _SPOKEN_OF.findall(_read(text)):
        if part[0] < "㐀":
            pairs.append(part.lower())
        else:
            pairs += [pair for pair in map("".join, pairwise(part)) if pair not in _COMMON]
        if len(pairs) >= _MOST_PAIRS:
            break
    return frozenset(crc32(pair.encode("utf-8", "replace")) & 0xFFFF for pair in pairs[:_MOST_PAIRS])


# What a question asks for, and what then answers it. Any of these may stand in any statement, so each is read only as an
# answer to its own question.
_ASKS_FOR: dict[str, tuple[re.Pattern[str], re.Pattern[str]]] = {
    "when": (
        _compile(r"什么时候|啥时候?|何时|几[点号天时]|哪[天日一]|多久|多长时间|周几|来得及"),
        _compile(
            r"\d|[点号半]|[一二两三四五六七八九十几](?:根烟|支烟|趟|圈|刻)|节[前后]|[今明后当][天早晚日]|周[一二三四五六日末]|下[周个]|月底|马上|快了|一会|稍|小时|分钟|[上下]午|中午|晚上|随时|现在|已经|刚|还[没得要]|尽快"
        ),
    ),
    "who": (
        _compile("谁|哪[位个]|负责人|找哪|何人"),
        _compile(
            rf"我|@|[他她]|师傅|在(?:[这那呢的弄管搞负值修跟看]|\W|$)|群|{_HAN}{_TITLE}|(?<!在){_ORGANISATION}(?:[来修管的在负处那这派去]|\W|$)|[小老阿]{_HAN}|^\W*{_HAN}{{2,4}}\W*$"
        ),
    ),
    "where": (
        _compile("哪[里儿]?|在哪|去哪|位置|地点"),
        _compile("[在楼室库柜边处里这那门桌路号层间台部科办厅口架墙箱盘]|群文件|附件|目录|^\\W*离"),
    ),
    "number": (
        _compile("多少|几|多[大高长重远厚深宽快]|够"),
        _compile(r"\d|[一二三四五六七八九十百千万两半俩仨]|没[有了]|剩|不多|够|满|光了"),
    ),
    "how": (
        _compile("怎么|咋|如何|怎样|为什么|为啥|为何|什么原因|什么问题|啥问题|什么情况|怎么回事"),
        _compile(
            "先|按|点击?|打开|重[启装试]|[用试换改调]|因为|由于|问题|原因|[要得]|流程|步骤|坏|堵|断|松|漏|没|通知|说|跳|烧|卡|填|申请|找|拧|听"
        ),
    ),
    "what": (_compile("什么(?!时候)|啥(?!时)|哪[份版批款类组段种些]"), _compile(r"是|用|按|\d|版|型|款|第|、|和")),
    "whether": (
        _compile(r"吗|么\W*$|没有?\W*$|([^\W\d])不\1|可不可|有没有|能否|可否|是否|还是|不\W*$"),
        _compile(
            r"^\W*(?:@\S+\s*)?(?:[是对行能不没有嗯好要会已得需肯就还早]|可|应该|估计|可能|差不多|刚|都)|可以|不[用行能是要]|没[有问]|还没|已经?|来得及|随便|都行|批了|[开合]格"
        ),
    ),
}
# Who says so takes the matter up, passes it on, or tells how far it is.
_TAKES_UP = _compile(
    r"我(?:们|这边)?(?:来|去|这就|马上|现在|问|看|查|帮|联系|处理|安排|负责|让|叫|找|带|知道|通知|[过已])|马上|这就|稍等|稍后|等[下会我]|正在|已(?!下班)"
    r"|等[^，。]{0,6}[签批定回到]|发(?:你|您|到|群|邮箱|过)|看(?:手册|说明|文档|群文件|附件|公告|图纸|邮件)|问[了过]|[得要][看问等找]|^[这那](?:个(?![人天菜歌剧店]|表情)|事|块)|不[会懂]"
    r"|叫了|喊了|派(?:人|师傅|[了单电维])|在(?:[修查看弄]|处理|路上|办)|安排|联系|转[告给达交]|帮[你您他]|尽快|抓紧|收到|[修换弄改处理搞查]+好了|处理完|恢复了|解决了|查[到过]了|[补修换加]上了"
    r"|(?:[昨今前]|上周|[半连]夜|夜里|中午|[上下]午|早上|刚)[^，,。]{0,4}(?:换|修|弄|交|装|送|发|拉|拿|搬|清|补|报|查|验|办|做|测|通|签|批|贴|改|焊|疏|盖)[好完掉走上过]?[的了]?\W*$"
)
# What helps with trouble of which somebody told without a question.
_HELPS = _compile(
    "下午|明[天早]|先|试|喊|叫|走|绕|重[启装新]|[换修停切关]|检查|复位|派|师傅|厂家|问题|原因|看到|知道|明白|拍|发[我张个]|报修|备[机件用]|上报"
)
# Who begins so right after a question answers it, whatever he tells besides: 有，食堂刚送来两桶。
_YES_OR_NO = _compile(
    r"(?:[还都]?有|[还都]?没有?|不?是|对|不?能|[不可]?以?行|可以|不?会|不?在|不?要|不?用|[还都]?没|[修换装发交送批签寄领清测查改关开停拆])[的了啊呢呀哦]?(?:[,，。.!！\s]|$)"
)
# What is said all day long and answers nobody.
_IDLE = _compile(
    r"^(?:早|早上好|[上下]午好|晚安|哈+|呵+|嘿+|嘻+|[6６]+|辛苦了?|好累|累|下班|吃饭|开饭|周末愉快|节日快乐|恭喜|加油|顶|牛|厉害|路过|同问|\+1|我也|一样|急|在线等|[唉哎哇哦噢]+)+\W*$"
    "|天气|下[雨雪]|降温|好[冷热]|真[冷热]|食堂|外卖|奶茶|咖啡|球赛|堵车"
)
# What people say of themselves and the day beside their work. It answers nobody unless it takes up what was asked.
_ASIDE = _compile(
    "太阳|月亮|彩虹|晚霞|花[开香]|蚊子|[雨雪]天|梅雨|冰雹|真[毒热冷香帅美]|好[美香帅听看]|可爱|绝了|好吃|难吃|[早午晚]饭|夜宵|火锅|烧烤|撸串|奶茶|下午茶|茶叶|零食|水果|红烧|面馆|餐厅"
    "|饿|[犯好太]困|困[死了]|睡[着了过觉]|午[休睡]|没睡|减肥|我请|限号|运动会|家长会|(?:[今这][天年]|最近|天气)[^，,。]{0,4}(?:真|太|好[热冷]|不错|热|冷)"
    "|我家|[我谁]的?(?:儿子|女儿|孩子|老公|老婆|媳妇|对象|爸|妈)|[谁我]家|[小大]?[猫狗](?!眼)|宠物|头发|袜子|新买的|嗓子|膝盖|牙疼|吃坏|球[赛拍队]|比赛|电影|综艺|电视剧|追剧|开黑|演唱会|彩票|股[票市]|表情包|头像|[节周]末去"
    "|旅游|爬山|团购|超市|理发|同[学事]聚会|同[学事]结婚|笑死|丑[死哭]|气人|公交卡|朋友圈|步数|豆浆|蛋[挞糕]|面包|雨伞|手机屏|洗车|穿错|头条|热搜|双十一"
    "|我[妈爸姐弟哥妹舅]|(?:孩子|娃|儿子|女儿)[^，,。]{0,3}[考会学]|小区门|瑜伽|健身|广场舞|发型|演员|明星|生日|相亲|恋爱|结婚了|牙医"
)
# Something that stands elsewhere begins a matter of its own.
_ELSEWHERE_AT = _compile(
    r"^\W*(?:[0-9一二三四五六七八九十A-Z]+(?:[楼层线区栋]|号[炉机泵车床罐塔阀线库])|楼[上下道]|隔壁|外面|地铁|门口|前台|大厅|小区|停车场|[下上]午的|大家|各位|提醒)(?![^，,。]?(?:[有在剩放]|抽屉|柜|架))[^，,。]{2,}"
    r"|^\W*食堂"
)
# Code points of an answer that need not tell what it is about.
_BRIEF = 4


@_asked_again
def asked_for(text: str) -> tuple[str, ...]:
    """What a question asks for (when, who, where, number, how, what, whether); nothing where it only tells of trouble."""
    text = _read(text)
    return tuple(name for name, (asks, _) in _ASKS_FOR.items() if asks.search(text))


def is_to_the_point(
    text: str,
    asked: Sequence[str],
    about: Collection[int],
    *,
    brief: bool = True,
    next_said: bool = False,
    aside: bool = False,
) -> bool:
    """Say whether a statement may answer a question of which `asked_for` and `gist` are given.

    It takes the matter up, says what was asked for, or is about the same. Talk of something else, and what is said all day
    long, is none; where `brief`, a few words are taken for an answer too. What is `next_said` after a question answers it
    in whatever words, unless it is an aside or begins another matter: 拧到底再回半圈 names nothing of what was asked.
    `aside`: it is measured as talk of no work.
    """
    plain = _read(text)
    if next_said and _YES_OR_NO.match(plain):
        return True
    if _IDLE.search(plain):
        return False
    if _TAKES_UP.search(plain) or not gist(text).isdisjoint(about):
        return True
    if aside or _ASIDE.search(plain):
        return False
    if any(_ASKS_FOR[one][1].search(plain) for one in asked if one in _ASKS_FOR):
        return True
    if len(plain) < _BRIEF:
        return True
    if _ELSEWHERE_AT.search(plain):
        return False
    return next_said or (brief and (len(plain) == _BRIEF or _HELPS.search(plain) is not None))


# Who says what he will do, did, or whether he comes, has taken note of a notice.
_TAKES_NOTE = _compile(
    r"收悉|收到(?![^，,。]{0,4}[货款钱件票])|知[道悉晓]|明白|了解|清楚|看到了?|阅|照办|遵[命照]|没问题|一定|准时|按时|[按照]要求|落实|执行|配合|马上|参[加会]|出席|到场|报名|[来去到]不了|不[能去来]|请[个了]?[病事年]?假"
    r"|出差|值班|休[假息]|没空|有事|无异议|没有?意见|同意|已[经交报填办完提发确认学看读传转]|[一二三四五六七八九十两\d]+人|我[^，。]{0,3}[来去到在]|会到|^嗯|在路上|赶[来过回]|[点分]前到|准点|晚到|迟到|这就|安排|(?i:got|get|o+k|ojbk|ye[sp])|^欧克|👌|👍|🙏|🫡|✅"
    r"|^得[嘞令了]|记[下住]了|^已|必到|(?:尽量|争取|能|[全都]|晚[点些])到|^到$|得晚点|算(?:上我|我一)|^(?:都|全)?(?:完成|搞定|[交填弄办做报写改发])[完好齐]?了$|搞定|发[你您]"
    r"|(?:晚点|稍后|回头|下班前|今晚|明[早天])[交给补报发弄填]|赶不[上及]|来不及|去不成|[轮倒调]休|替我|换[^，。]{1,4}[去来]|^[哦噢]+好?$|^(?:谢谢|感谢|多谢|辛苦)|懂了?$"
    r"|^我们?[留上值守顶盯跟]|^[留派喊]我|[看瞅瞧]见了|^支持|^无$|照做|^是的?$|^行"
)
_MISSED = _compile(r"[没未](?:有)?(?:收到|看到|接到|通知)|才(?:看|知)|不(?:知道|清楚|明白)|没(?:听|明)")
_PARTS = _compile(r"[,，。.!！;；~～…\s]+")


@_asked_again
def takes_note(text: str) -> bool:
    """Say whether the message acknowledges, in any wording: 收到, 知道了,我请假, 我准时到, 我们组两人参加.

    Wider than `is_receipt`, for whoever already owes an answer: more may stand beside it. A mere question is none.
    """
    if is_receipt(text):
        return True
    parts = [one for one in _PARTS.split(_read(text)) if one]
    if any(is_receipt(one) for one in parts):
        return True
    return any(_TAKES_NOTE.search(one) and not _MISSED.search(one) and not _sentence_asks(one) for one in parts)


# --- lists to sign ---------------------------------------------------------------------------------------------------

# A list that people add themselves to.
_NUMBERED = _compile(r"(?m)^\s*\d{1,3}\s*[.、．)）,，:：]")
_LISTS = _compile("接龙|报名|登记|名单|统计")
# Whoever begins one is alone on it.
_BEGUN = _compile(r"\s*#?\s*接龙")


def is_form(text: str) -> bool:
    """Say whether this is a list that one after another copies and adds a line to: 接龙, 报名, 登记."""
    if _LISTS.search(text) is None:
        return False
    return len(_NUMBERED.findall(text)) >= (1 if _BEGUN.match(text) else 2)


# --- all at once ----------------------------------------------------------------------------------------------------

Act = Callable[[str], bool]
# What a text must hold to do something; $ is where a word ends: 到没. Some signs of agreement need a nod beside them, or what
# looks like one: [thumbsup] 李行.
NEEDED: dict[Act, str] = {
    is_receipt: rf"{_RECEIPT_WORDS}|\[[tsw]|[{_NODS_BEGIN}]$|[{_NODS_BEGIN}][{_NODS_BEGIN}以]",
    is_notice: _NOTICE_WORDS,
    asks_reply: _REPLY_WORDS,
    waives_reply: _REPLY_WORDS,
    is_question: rf"{_QUESTION_SIGNS}|{_CHOSEN}[不没]|问[一下个问]|有[人同大朋]|[没不]$|[没不][有呀啊呢哈哦了来的]",
    instructs: _INSTRUCTION_WORDS,
}
