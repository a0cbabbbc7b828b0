"""What has a form of its own: numbers of persons, addresses, and the markings of restricted documents.

A pattern measures form, not content: 机密★10年 is a marking, the word 涉密 in a sentence about a training is not. Numbers
are looked for in folded text, where width and odd signs are gone; addresses and markings in the text as written, because
folding takes the dots and stars away that they consist of. Expressions run on RE2, in time linear in the text; plain
tests before each of them keep a clean message below 1.5 µs.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, islice

import numpy as np
import re2
from msgspec import Struct
from stdnum import luhn
from stdnum.cn import ric

from classifiers.credentials import CATEGORY as CREDENTIAL
from classifiers.credentials import find_credentials
from classifiers.folding import Folded, FoldedBatch, fold
from classifiers.folding.table import CODE_POINTS
from classifiers.lazy import lazy
from models import Evidence, Observation

_compile = lazy(re.compile)
_compile_re2 = lazy(re2.compile)

SIGNAL = "patterns"

Span = tuple[int, int]

# Pieces of one category that are shown of one text; more are never read, and a pasted list may hold thousands.
_MOST = 20
# Code points of a marking, link or name that are kept as evidence.
_LONGEST_MATCH = 80
# Code points of a file name that are read; file systems allow 255.
_LONGEST_NAME = 1000

# Flags by which the door of a fleet says what it measured in words that it has sealed.
SEALED = "sealed:"
_WHY_SEALED = {
    "secrecy_marking": "密级标志，原文已封存",
    "internal_marking": "内部资料标志，原文已封存",
    "red_header_file": "公文版头或发文字号，原文已封存",
}

# What nobody sees; put inside a marking or an address it hides nothing from a reader.
_UNSEEN_SIGNS = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff"
    "\uffa0\U000e0000-\U000e0fff"
)
_UNSEEN = _compile(f"[{_UNSEEN_SIGNS}]")
# 内 部 资 料: three or more characters, each set apart.
_SPREAD = _compile(r"(?<![一-鿿])[一-鿿](?:[ 　\xa0]+[一-鿿](?![一-鿿])){2,}")
_SURROGATES = _compile("[\ud800-\udfff]")
# One look for all three; without spaces nothing is set apart.
_NOT_BARE = _compile(f"[{_UNSEEN_SIGNS} 　\xa0\ud800-\udfff]")


class Bare(Struct, frozen=True):
    """A text as people read it; `places[k]` is where its k-th code point stands in the original, None if at k."""

    text: str
    places: Sequence[int] | None = None

    def span(self, start: int, end: int) -> Span:
        """The code points of the original for `start` to before `end` of the bare text."""
        if self.places is None or start >= end:
            return start, end
        return self.places[start], self.places[end - 1] + 1


def bare(text: str) -> Bare:
    """The text without invisible signs and without the spaces between characters set apart; RE2 can read it."""
    if not _NOT_BARE.search(text):
        return Bare(text)
    # RE2 reads UTF-8, which lone surrogates have none in; one sign for each keeps the places.
    text = _SURROGATES.sub("\ufffd", text)
    dropped = {found.start() for found in _UNSEEN.finditer(text)}
    for spread in _SPREAD.finditer(text):
        dropped.update(i for i in range(*spread.span()) if text[i].isspace())
    if not dropped:
        return Bare(text)
    places = [i for i in range(len(text)) if i not in dropped]
    return Bare("".join(map(text.__getitem__, places)), places)


# What a folded text must hold before a pattern of it can be found: eleven digits or Latin letters, 密, 秘, 口令, 授, 内部, 红头,
# or 号 and the 20 of a year.
# All are counted at once, by code point.
_ENOUGH = 11
_COUNTS = np.zeros(CODE_POINTS, np.uint8)
for _signs, _count in (
    ("0123456789abcdefghijklmnopqrstuvwxyz", 1),
    ("密秘授", _ENOUGH),
    ("内红令", 6),
    ("部头口", 5),
    ("号", 9),
):
    _COUNTS[[ord(sign) for sign in _signs]] = _count

# -- numbers -----------------------------------------------------------------------------------------------------------

# The shortest number that counts has 11 digits; anything else in between is a sign of at most this length.
_ELEVEN_DIGITS = _compile(r"[0-9](?:[^0-9]{0,2}[0-9]){10}")
# Eleven digits and more with one sign between them; folding leaves one of several.
_GROUPED = _compile_re2(r"[0-9](?:[^0-9\p{L}]?[0-9]){10,}(?:[^0-9\p{L}]?x)?")
_GROUP = _compile(r"[0-9]+")
# Signs inside one telephone or card number. An identity number proves itself, whatever is put between.
_JOINS = frozenset(" -–—_.·/*")
_GAP = r"[^0-9a-z一-鿿]{0,3}$"
# What stands right before a number of something else than a telephone.
_OTHER_NUMBER = _compile(
    r"(?:(?:[订运货面快]单|单号|订单号码?|编号|编码|流水|序列|批号|料号|货号|条码|发票|票号|凭证|合同|工号|会员号|物料|代码|税号|案号|设备号"
    rf"|机身号)号?码?|(?<![a-z])(?:imei|sn|no|qq|order|id)号?)[是为]?{_GAP}"
)
# For cards: every kind of number that is not said to be one of a card or an account.
_CARD_LABEL = _compile(rf"(?:卡|[账帐][户号]?|户头|存折)的?(?:号码?)?[是为]?{_GAP}")
_OTHER_CARD = _compile(
    r"(?:会员|门禁|加油|电话|流量|sim|物联网?|手机|医保|社保|就诊|公交|购物|礼品|充值|上网|校园|饭|工|学生|健身|储值|提货)卡的?(?:卡?号码?)?[是为]?"
    + _GAP
)
_NO_CARD = _compile(
    r"(?:[号码单表]|物流|快递|编号|凭证|合同|订单|流水|序列|发票|物料|代码|(?<![a-z])(?:imei|iccid|isbn|sn|no|qq|order|id))"
    rf"[是为]?{_GAP}"
)
# The place and date of an identity number: cheap, and no to nearly everything.
_BIRTH = _compile(r"[1-8][0-9]{5}(?:18|19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])")
_COMPANY_NUMBER = _compile(r"(?:信用代码|税号|单号|代码证)[^0-9a-z]{0,3}$")
_ABOUT_CARDS = _compile(r"卡号|账号|帐号|账户|帐户|银行|开户|收款|储蓄卡|信用卡|打卡里|打到卡|工资卡")
_ABOUT_IDENTITY = _compile(r"(?<!不是)(?<!并非)(?:身份证|证件号)")
_BESIDE_PERSON = _compile(r"[\u4e00-\u9fff](?<![号次单码批])[\s:：,，]?$")
_PEOPLE_LISTED = _compile("名单|名册|人员|登记表|发放表|信息表|报名表|参[训会加]")
# Letters that label a telephone; other letters right before the digits make it a part of a code.
_PHONE_LABEL = _compile(r"(?<![a-z0-9])(?:tel|phone|mobile|mob|call|vx|wx|v|w)$")
# UnionPay 62, 81 and the older domestic ranges; Visa, Mastercard and JCB with 16 digits.
_CARD_PREFIX = _compile(
    r"(?:62|81[0-7]|9558|955100|966666|9400|9843|60[1-3]|685800|690755)[0-9]{10,17}$"
    r"|(?:4[0-9]|5[1-5]|2(?:22[1-9]|2[3-9][0-9]|[3-6][0-9]{2}|7[01][0-9]|720)|35(?:2[89]|[3-8][0-9]))[0-9]+$"
)
_MOBILE = _compile(r"(?:(?:00)?86)?1(?:3[0-9]|4[0-9]|5[0-35-9]|6[2567]|7[0-8]|8[0-9]|9[0-35-9])[0-9]{8}")
# How people set a telephone number; 1500 2000 300 are prices.
_PHONE_GROUPS = frozenset({(11,), (3, 4, 4), (3, 8), (7, 4), (1,) * 11})
# 0.13812345678 and 192.168.13812345678; 1.13812345678 is the first of a list.
_DECIMALS_BEFORE = _compile(r"(?:[0-9]{3}|(?<![0-9])0|\.[0-9]{1,2})\.$")
_FRACTION_AFTER = _compile(r"\.[0-9]{1,2}(?![0-9])")
# In evidence no long number stands whole, whoever's it is.
_LONG_NUMBER = _compile(r"\d(?:[ \-_.·]?\d){10,}[xX]?")

# -- addresses ---------------------------------------------------------------------------------------------------------

# Full width letters and signs become plain ones, one for one, so that places stay the same.
_PLAIN = {0xFF01 + i: 0x21 + i for i in range(94)} | {0x3000: 0x20, 0x3002: 0x2E}
_DOTTED_BY_CIRCLE = _compile(r"[A-Za-z0-9]。[A-Za-z]")
_TOP_LEVEL = (
    "com|cn|net|org|gov|edu|top|xyz|vip|cc|info|club|shop|site|online|store|ink|me|io|tv|co|app|dev|link|wang|biz|pro"
    "|work|live|fun|icu|ltd|group|tech|cloud|mobi|life|world|website|space|cyou|wiki|win|ren|asia|ly|gl|la|ai|gg|im"
    "|hk|tw|us|uk|jp|kr|ru|sg|eu|de|fr|example"
)
_IN_ADDRESS = r"[^\s<>\"'“”‘’()（）【】《》「」\[\]{}|，！？；、…\p{Han}\p{Hiragana}\p{Katakana}]"
_HAN_TOP_LEVEL = "中国|公司|网络|网址|集团|在线|中文网|我爱你|商城|网店|网站|公益|政务"
# Labels are counted: RE2 reads on as long as a match may still grow, with each match anew.
_LINK = _compile_re2(
    rf"(?i)(?:h[tx]{{2}}ps?|ftp)://(?:(?:[\p{{Han}}a-z0-9\-]+\.)+(?:{_HAN_TOP_LEVEL})(?:[:/?#]{_IN_ADDRESS}*)?"
    rf"|(?:[\p{{Han}}a-z0-9\-]+\.)*{_IN_ADDRESS}+)"
    rf"|(?:[a-z0-9][a-z0-9\-]*\.){{1,9}}(?:{_TOP_LEVEL})\b(?::[0-9]{{2,5}}\b)?(?:[/?#]{_IN_ADDRESS}*)?"
    r"|www\.[a-z0-9\-]+\.[a-z]{2,24}\b"
)
_EMAIL = _compile_re2(r"(?i)[a-z0-9][a-z0-9._%+\-]{0,63}@(?:[a-z0-9\-]+\.){1,9}[a-z]{2,24}\b")
# Every address has one of these, plain or full width; most dots stand in numbers.
_MAY_ADDRESS = _compile(r"(?i)[.．。][a-zａ-ｚ]|[:：][/／]{2}")
_BEFORE_DOMAIN = _compile(r"[A-Za-z0-9@._\-/\\]")
# A file name or a call goes on where a domain ends: main.dev.yaml, log.info(…).
_AFTER_NAME = _compile(r"[(_=]|\.[A-Za-z0-9]")
# Names of software, and abbreviations, that look like a domain.
_NO_LINK = frozenset({"asp.net", "vb.net", "ado.net", "ml.net", "paint.net", "java.io", "socket.io", "system.io"})
_NO_DOMAIN = _compile(
    r"(?i)(?:com|cn|org|net|io|java|self|this|window|document|event|logger|log|console|user|config|application|session|obj|item"
    r"|model|main|np|process|request|req|response|res|module|mr|mrs|ms|dr|prof|[a-z]|v?[0-9]{1,2}(?:\.[0-9]+)*|[a-z]+[0-9]{1,2})"
    r"\.(?:[a-z]+\.)?(?:app|store|info|link|shop|live|site|top|pro|me|io|cc|dev|work|group|fun|wang|online|cloud|tech|space|world)"
)
_SURE_TOP_LEVEL = (".com", ".cn", ".net", ".org", ".top", ".xyz", ".vip", ".cc")
_FILE_AS_DOMAIN = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg", ".tgz", ".zip", ".gz", ".js", ".css", ".pdf")

# -- markings ----------------------------------------------------------------------------------------------------------

_GRADE = "(?:[绝絕][ 　]{0,2}密|[机機][ 　]{0,2}密|秘[ 　]{0,2}密)"
_ANY_GRADE = _compile(_GRADE)
_STAR = "[★☆⭐✩✮✰✭✯＊*]"
_YEARS = "(?:[0-9０-９]{1,2} ?年|[一二三五十廿]{1,3}年|[长長]期|[启啟]用前|解密前)"
_OPEN, _CLOSE = r"[(（【\[〔［『「<〈《]", r"[)）】\]〕］』」>〉》]"
_QUOTED = _compile(r"[“\"『「‘'][^”\"』」’'\n]{0,8}$")
# Star and retention, or the word in brackets or alone at the head of a document. An asterisk alone may be a footnote.
_STARRED = _compile_re2(rf"{_GRADE}[ 　]*(?:[★☆⭐✩✮✰✭✯][ 　]*{_YEARS}?|[＊*][ 　]*{_YEARS})")
_RETAINED = _compile_re2(rf"(?:^|[\n 　({{（【\[〔《])({_GRADE}[ 　·:：]*{_YEARS})(?:$|[\n 　)）】\]〕》,，。;；])")
_STATED_GRADE = _compile_re2(
    rf"密[ 　]{{0,2}}级[ 　]*(?:[:：]|{_OPEN})[ 　]*({_GRADE})级?{_CLOSE}?(?:$|[\n 　,，。;；])"
    rf"|密级[ 　]+({_GRADE})[ 　]+保密期限"
)
_BRACKETED_GRADE = _compile_re2(rf"[(（【\[〔［『「<][ 　]*{_GRADE}[ 　]*[)）】\]〕］』」>]")
_GRADE_LINE = _compile_re2(rf"^[ 　]*{_GRADE}[ 　]*$")
_DOCUMENT_WORDS = _compile(r"关于|關於|通知|报告|方案|纪要|意见|决定|请示|批复|文件|会议|〔|明细|名单|规划|总结|汇报")
# Who speaks about a marking does not carry one. Right before it:
_TALK_BEFORE = _compile(
    r"(?:标有|标注|标着|标上|标明|标成|标为|注明|注有|印有|印着|写着|写上|写有|写成|带有|盖有|盖上|加盖|加上|加一句|打上|凡是?|所谓|比如|例如"
    r"|什么是|误标|误写|应为|应该是|改为|改成|叫|封皮|样式是)[^，。！？!?;；\n]{0,4}$"
)
# Anywhere before it in its line:
_TALK_IN_LINE = _compile(
    r"培训|讲的?|考[题试]|答[:：案]|选[:：]?$|示例|举例|格式|写法|样式|期限|标志|标识|怎么|什么|谁|有人|刚才|那个|请问|求|凡|提醒|发现|看到"
    r"|[不勿][能要得许准可会]?|没有?|严禁|禁止|封面|页脚|[★☆]"
)
_TALK_AFTER = _compile(
    r"^[”\"』」’'）)】\]]?(?:[的是这那不能可在也就还吧吗呢都]|[中里]的?[★文间]|[和或与及、/][ 　]?(?:绝密|机密|秘密)"
    r"|[ 　]?(?:等?字样|等字|[和与或]【|表示|代表|指的?|标密|[几三两]个?字|格式|样式|示例|怎么|如何|什么|意思|赶紧撤|快撤"
    r"|这[种类个句几]"
    r"|(?:文件|资料|材料)(?:管理|[的是不能可怎如要应]|保护|销毁|培训|在)|(?:管理|保密)(?:制度|规定|办法))"
    r"|[，,。—\- ]{0,3}(?:这[种类个句几]|请?撤回|赶紧撤|快撤)|级?[?？]"
    r"|[^，。！？!?;；\n]{0,14}(?:[?？]|吗[?？。 ]?$))"
)

_INTERNAL = "[内內]部(?:[资資]料|文件|材料|文稿|刊物|通[报報]|[传傳][阅閱]|掌握|使用|[参參]考)"
_ANY_INTERNAL = _compile(rf"{_INTERNAL}|[仅僅][供限][内內]部")
_KEEP = (
    r"(?:注意(?:保存|保密|保管)|妥善(?:保管|保存)|(?:请|切|千万)?(?:[严嚴]禁|[请請]?勿|不得|不要|禁止|不可|别|切勿|莫)"
    r"(?:对外|随意|擅自|私自|向外)?(?:外[传傳泄发發流露借]|[传傳]播|[转轉][发發载]|翻印|复制|泄[露漏密])"
    r"|[阅閱]后(?:即焚|销毁|收回)|[仅僅][供限](?:[内內]部|本单位|本公司|本部门)|不公[开開])"
)
_INTERNAL_PAIR = _compile_re2(
    rf"(?:(?:以上|以下|上述|此|该|本|这|这是|此为)[^，。！？!?；;\n]{{0,6}})?"
    rf"{_INTERNAL}{_CLOSE}?[ 　,，、:：;；。!！\-—·★\n]{{0,3}}"
    rf"(?:{_OPEN})?(?:[请請]|大家|各位|务必|千万|一定|要){{0,3}}{_KEEP}"
    rf"|{_KEEP}{_CLOSE}?[ 　,，、:：;；。!！\-—·★\n]{{0,3}}{_OPEN}?{_INTERNAL}"
)
_INTERNAL_BRACKETED = _compile_re2(
    rf"{_OPEN}[ 　]*(?:{_INTERNAL}|[仅僅][供限][内內]部(?:使用|参考|[传傳][阅閱]|交流|[查阅]阅|[学學][习習])?)"
    rf"[ 　]*{_CLOSE}"
)
_INTERNAL_ONLY = _compile_re2(
    r"(?:^|[\n。！!])[ 　*※★]*([仅僅][供限][内內]部(?:使用|参考|[传傳][阅閱]|交流|[学學][习習])"
    r"(?:[ 　,，、]{0,2}(?:[请請])?(?:[严嚴]禁|勿|不得|切勿|禁止)[^，。\n]{0,6})?)[ 　!！。*※]*(?:$|\n)"
)
# Trade secrets by their grade, telegrams, and what offices write on English papers.
_MAY_RESTRICT = ("内部", "商密", "商秘", "商业秘密", "confidential", "internal use")
_RESTRICTED = _compile_re2(
    rf"(?i)(?:^|[\n 　({{（【\[])(?:(?:核心|普通)商[密秘]|商密A{{1,3}})[★☆]?(?:[\n 　)）】\]·,，:：]|$)"
    rf"|{_OPEN}?商业秘密[ 　·・:：、]{{0,2}}[仅僅限][^，。！？!?\n]{{1,10}}(?:知悉|[阅閱]|使用)"
    r"|内部明电[ 　\n]{1,3}(?:发往|发电|等级|签批)"
    r"|^[ \[(【]*(?:strictly |highly |company )?confidential[ \])】]*(?:[\-—–:：|/\n]|$)|\b(?:for )?internal use only\b"
)
# Who points at what he sends carries the marking, whatever he said before.
_THIS = _compile_re2(r"^(?:以上|以下|上述|此|该|本|这)")
# Rules about internal documents, reminders of them, places where they are kept.
_RULE_BEFORE = _compile(
    r"提醒|强调|重申|要求|规定|制度|培训|学习|学会|牢记|遵守|纪律|所有|任何|凡|涉及|各类|对于|关于|怎么|管理|保管|抽查|检查|有人|谁|不是|并非|如果|若"
    r"|封面|页[脚眉]|写|印|承诺|第.{1,2}条|记住|三遍|再说一遍|说$"
    r"|(?:各位[^，,]{0,4}|大家|同事们|注意)[，,：:！! ]{0,2}(?:我们|咱们)?(?:公司|单位)?的?$|(?:我们|咱们|公司|单位)的?$"
)
_RULE_AFTER = _compile(
    r"^[”\"』」’']?(?:的?(?:规定|制度|要求|纪律|原则|培训|通知|处罚|行为)|是(?:规定|纪律|底线)|[，,。]?(?:违者|否则|违反|抽查|发现)|好|的?[吗吧呢]"
    r"|[?？]|[，,。—\- ]{0,3}这(?:[几两]个字|句)|字样)"
)
_NO_CARRIER = _compile(r"^(?:栏目|专区|频道|系统|平台|的|培训|板块)")

_DOCUMENT_FILE = r"\.(?:pdf|docx?|wps|ofd|xlsx?|et|pptx?|txt|zip|rar|7z|jpe?g|png|tiff?|bmp)"
_INTERNAL_FILE = _compile_re2(
    rf"(?i)[内內]部(?:[资資]料|文件|材料|掌握|[传傳][阅閱]|使用|[参參]考)[^\s，。！？,!?]{{0,40}}{_DOCUMENT_FILE}"
)
_INTERNAL_NAME = _compile_re2(
    r"[内內]部(?:[资資]料|文件|材料|掌握|[传傳][阅閱]|使用|[参參]考)|[(（【\[][内內]部[)）】\]]"
    r"|(?:[严嚴]禁|[请請]勿|不得|切勿|禁止)外[传傳泄发發]|注意(?:保存|保密)|[仅僅][供限][内內]部"
)
_ABOUT_FILES = _compile(
    r"^.{0,3}(?:说明|采购|价(?!格)|室|库|柜|架|管理|登记|清单|目录|借阅|归档|制度|办法|规定|规范|流程|保管员|销毁|培训|要求|须知|模板|格式|系统|平台|承诺|检查|整改)"
)
# 发文字号: an agency's short name, the year in brackets, a running number.
_NUMBER = _compile_re2(
    r"(\p{Han}{1,16})[ 　]?([〔﹝\[(（【［〈])[ 　]?(?:19|20|１９|２０)[0-9０-９]{2}[ 　]?年?[〕﹞\])）】］〉]"
    r"[ 　]?第?[ 　]?[0-9０-９]{1,4}[ 　]?[号號]"
)
_AGENCY_ENDS = frozenset("发發办辦字函文通令政委党黨规規纪紀电電议議呈批")
_NO_DOCUMENT = (
    "合同",
    "报告",
    "证书",
    "协议",
    "图纸",
    "批次",
    "订单",
    "项目",
    "编号",
    "标准",
    "样品",
    "记录",
    "案件",
    "判决",
    "民初",
    "刑初",
    "仲裁",
    "仲裁字",
    "仲字",
    "会议",
)
_NUMBER_LINE = _compile_re2(
    r"^[ 　]*[\p{Han}A-Z×]{2,16}[ 　]?[〔﹝\[(（【［〈](?:19|20|１９|２０)[0-9０-９]{2}[〕﹞\])）】］〉]"
    r"[ 　]?第?[0-9０-９]{1,4}[号號][ 　]*$"
)
_FILE_AFTER_NUMBER = _compile_re2(rf"(?i)^[^\n，。！？]{{0,80}}{_DOCUMENT_FILE}")
_ABOUT_MATTER = _compile_re2(
    r"[关關][于於].{1,60}的(?:通知|决定|意[见見]|通[报報]|批[复復]|[请請]示|函|命令|[纪紀]要|[办辦]法|方案|公告)"
)
_SCANNED = _compile(r"扫描|掃描|盖章|蓋章|签发|印发版|红头|紅頭|原件")
_RED_HEADER = _compile(r"[红紅][头頭](?:文件|扫描|掃描|原件|文|$|[^一-鿿])")
_ABOUT_RED_HEADERS = _compile(
    r"模板|样式|格式|规范|培训|管理|写法|制作|字体|字号|设计|排版|教程|说明|版头|目录|台账|登记|怎么|如何|什么"
)
_SHARES = _compile(
    r"发群里|发到群|发在群|发这|发给大家|发出来|发你们|发上来|传群里|传上来|传一份|传给|上传了|给大家看|大家看看|看一下|看看吧|分享|转给|转发|如下"
    r"|附上|见附件|附件|扫描|掃描|拍了|拍给|拍照|先睹为快|请查收|原文|全文|刚拿到|截图|截[了一]|翻拍"
)
# What stands above and below a document's text.
_HEAD = _compile(r"签发人|签批盖章|主送|抄送|特急|加急|各(?:乡镇|县区|单位|部门|支行)[^，。\n]{0,10}[:：]")
_NOT_SHARED = _compile(
    r"不得|不要|不能|不可|不准|不许|严禁|禁止|勿|别|没有|尚未|还没|未印发|挂网|官网|官方网站|门户网站|公开|公告栏|公示|OA|oa|系统里|机要|什么时候|何时|吗|？|\?|谁|哪"
)


def to_read(texts: Sequence[str], batch: FoldedBatch) -> list[int]:
    """The texts in which `find_patterns` may find something, by index in their batch; in all others it finds nothing."""
    counted = np.zeros(len(batch.codes) + 1, np.int64)
    _COUNTS.take(batch.codes).cumsum(out=counted[1:])
    ends = counted[batch.starts]
    reads = ends[1:] - ends[:-1] >= _ENOUGH
    reads[[i for i, text in enumerate(texts) if _is_dotted(text)]] = True
    found: list[int] = reads.nonzero()[0].tolist()
    return found


def _is_dotted(text: str) -> bool:
    return "." in text or "．" in text or ("。" in text and _DOTTED_BY_CIRCLE.search(text) is not None)


def find_patterns(text: str, folded: Folded) -> list[Evidence]:
    """Everything with a form of its own in one text, by category and in the order of the text; nearly always nothing.

    `folded` is the folding of `text`; spans count code points of `text`. Categories: identity_number, bank_card,
    mobile_number, email, link, credential, secrecy_marking, internal_marking, red_header_file. Of a category at most 20
    are given.
    """
    found: list[Evidence] = []
    if _is_dotted(text):
        found += _addresses(text)
    plain = folded.text
    if _ELEVEN_DIGITS.search(plain):
        links = [one.span for one in found if one.span is not None]
        found += islice(_numbers(folded, links), 3 * _MOST)
    found += (
        Evidence(SIGNAL, CREDENTIAL, span, None, f"内容含{what}")
        for span, what in islice(find_credentials(text, plain), _MOST)
    )
    if "密" in plain and ("绝" in plain or "机" in plain or "秘" in plain):
        found += _marked(text, _secrecy, "secrecy_marking", "密级标志")
    if any(map(plain.__contains__, _MAY_RESTRICT)):
        found += _marked(text, _internal, "internal_marking", "内部资料标志")
    if "红头" in plain or ("号" in plain and "20" in plain):
        found += _marked(text, _red_header, "red_header_file", "公文版头或发文字号")
    return found


def find_in_file_names(observation: Observation) -> list[Evidence]:
    """What the names of the attached files say; `matched` is the name, masked where it holds a person's number.

    The evidence has no span: it does not stand in the text.
    """
    found: list[Evidence] = []
    for attachment in observation.attachments or ():
        if not attachment.name:
            continue
        name = bare(attachment.name[:_LONGEST_NAME]).text
        for category, carries, why in (
            ("secrecy_marking", _name_is_secret, "文件名带密级标志"),
            ("internal_marking", _name_is_internal, "文件名带内部资料标志"),
            ("red_header_file", _name_is_red_header, "文件名为红头文件或带发文字号"),
            ("leak", _name_is_kept, "文件名像内部名册、工资、客户或底价资料"),
        ):
            if carries(name):
                found.append(Evidence(SIGNAL, category, None, _shown(name), why))
        if sum(map(str.isdigit, name)) >= 11:
            found += (
                Evidence(SIGNAL, one.category, None, one.matched, f"文件名中的{one.why}")
                for one in islice(_numbers(fold(name), ()), 3 * _MOST)
            )
    return found


def carries_secrecy(text: str) -> bool:
    """Say whether a secrecy marking stands in a text; what `find_patterns` calls one."""
    return "密" in text and any(True for _ in _secrecy(bare(text).text))


def find_sealed(observation: Observation) -> list[Evidence]:
    """What was measured in an observation before its words were sealed; the evidence has neither span nor words.

    Doors take such flags off what comes from outside, so that nobody is accused by a flag.
    """
    flags = observation.flags or ()
    return [
        Evidence(SIGNAL, category, None, None, why)
        for category, why in _WHY_SEALED.items()
        if SEALED + category in flags
    ]


def mask(number: str) -> str:
    """A person's number with all but its first three and last two signs hidden."""
    return f"{number[:3]}{'*' * (len(number) - 5)}{number[-2:]}" if len(number) > 5 else "*" * len(number)


def _marked(text: str, spans: Callable[[str], Iterator[Span]], category: str, why: str) -> Iterator[Evidence]:
    read = bare(text)
    for start, end in islice(spans(read.text), _MOST):
        matched = _shown(read.text[start:end])
        yield Evidence(SIGNAL, category, read.span(start, end), matched, f"{why}“{matched}”")


def _shown(text: str) -> str:
    """What is kept of a match, with long numbers masked."""
    # Cut first, for a match may be long, but behind a number that reaches over the edge.
    return _LONG_NUMBER.sub(lambda found: mask(found.group()), text[: 2 * _LONGEST_MATCH])[:_LONGEST_MATCH]


# -- numbers -----------------------------------------------------------------------------------------------------------


def _numbers(folded: Folded, taken: Sequence[Span]) -> Iterator[Evidence]:
    """Numbers of persons outside the spans that are `taken` (links carry long numbers of their own)."""
    text = folded.text
    for found in _GROUPED.finditer(text):
        run = _Run(text, *found.span())
        i = 0
        while i < len(run.groups):
            number = run.number_from(i)
            if number is None:
                i += 1
                continue
            category, what, end, i_after = number
            start = run.groups[i][0]
            span = folded.span(start, end)
            if not any(low < span[1] and span[0] < high for low, high in taken):
                digits = "".join(sign for sign in text[start:end] if sign.isdigit() or sign == "x")
                yield Evidence(SIGNAL, category, span, mask(digits), what)
            i = i_after


class _Run:
    """Groups of digits with one sign between them; a number takes one group or several."""

    def __init__(self, text: str, first: int, last: int) -> None:
        self.text = text
        self.last = last
        self.groups: list[Span] = [one.span() for one in _GROUP.finditer(text, first, last)]
        self.digits = "".join(text[low:high] for low, high in self.groups)
        sizes = [high - low for low, high in self.groups]
        # How many digits stand before each group, and which group ends behind so many.
        self.before = [0, *accumulate(sizes)]
        self.ends = {size: j for j, size in enumerate(self.before)}

    def number_from(self, i: int) -> tuple[str, str, int, int] | None:
        """The number that begins with group `i`: category, name, its end, and the group after it."""
        text, place, start = self.text, self.before[i], self.groups[i][0]
        for size in (11, 13, 15, 16, 17, 18, 19):
            after = self.ends.get(place + size)
            if after is None:
                continue
            digits = self.digits[place : place + size]
            groups = self.groups[i:after]
            end = groups[-1][1]
            if size in (15, 17, 18) and (stop := _identity_number(text, digits, start, end, self.last)):
                return "identity_number", "身份证号码", stop, after
            # A card has at most five groups, a telephone three or each digit for itself.
            if 5 < len(groups) != 11:
                continue
            if any(text[low - 1] not in _JOINS for low, _ in groups[1:]):
                continue
            sizes = [high - low for low, high in groups]
            if size >= 16 and min(sizes[:-1], default=4) >= 4 and _is_bank_card(digits, text, start, end):
                return "bank_card", "银行卡号", end, after
            if (
                _MOBILE.fullmatch(digits)
                and (sizes[0] - size + 11, *sizes[1:]) in _PHONE_GROUPS
                and _is_telephone(text, start, end)
            ):
                return "mobile_number", "手机号码", end, after
        return None


def _identity_number(text: str, digits: str, start: int, end: int, last: int) -> int | None:
    """Where the identity number ends that begins with these digits; None if they are none."""
    if len(digits) == 15:
        # Without a check digit only what is said to be one is one.
        if not _ABOUT_IDENTITY.search(text[max(0, start - 12) : start]):
            return None
        digits = f"{digits[:6]}19{digits[6:]}"
        digits += ric.calc_check_digit(digits + "0")
    elif len(digits) == 17:
        rest = text[end:last]
        if (
            len(rest) > 2
            or not rest.endswith("x")
            or (text[last : last + 1].isascii() and text[last : last + 1].isalpha())
        ):
            return None
        digits, end = digits + "X", last
    if not _BIRTH.match(digits) or _COMPANY_NUMBER.search(text[max(0, start - 12) : start]):
        return None
    return end if ric.is_valid(digits) or _is_said_to_be_one(text, start) else None


def _is_said_to_be_one(text: str, start: int) -> bool:
    """Say whether a number with a wrong check digit is called an identity number, or follows a name in a list of people:
    a slip in copying hides nobody."""
    if _ABOUT_IDENTITY.search(text[max(0, start - 12) : start]):
        return True
    return (
        _BESIDE_PERSON.search(text[max(0, start - 3) : start]) is not None
        and _PEOPLE_LISTED.search(text[max(0, start - 500) : start]) is not None
    )


def _is_letter(sign: str) -> bool:
    return sign.isascii() and sign.isalpha()


def _is_bank_card(digits: str, text: str, start: int, end: int) -> bool:
    if not luhn.is_valid(digits) or len(set(digits)) < 4 or _is_letter(text[end : end + 1]):
        return False
    before = text[max(0, start - 16) : start]
    if _OTHER_CARD.search(before):
        return False
    # What stands nearest says what the number is.
    if not _CARD_LABEL.search(before):
        if _NO_CARD.search(before):
            return False
        if not _ABOUT_CARDS.search(before) and not _ABOUT_CARDS.search(text[end : end + 6]):
            # The international brands have 16 digits, UnionPay 16 or 19; of such numbers one in ten passes the check.
            return (
                not _is_letter(before[-1:])
                and _CARD_PREFIX.match(digits) is not None
                and (len(digits) == 16 or (len(digits) == 19 and digits[0] in "689"))
            )
    return digits[0] in "3456789"


def _is_telephone(text: str, start: int, end: int) -> bool:
    before = text[max(0, start - 12) : start]
    if _is_letter(text[end : end + 1]) or _FRACTION_AFTER.match(text[end : end + 4]) or _DECIMALS_BEFORE.search(before):
        return False
    if _is_letter(before[-1:]):
        return _PHONE_LABEL.search(before) is not None
    return _OTHER_NUMBER.search(before) is None


# -- addresses ---------------------------------------------------------------------------------------------------------


def _addresses(text: str) -> Iterator[Evidence]:
    read = bare(text)
    if not _MAY_ADDRESS.search(read.text):
        return
    plain = read.text.translate(_PLAIN)
    mails: list[Span] = []
    if "@" in plain:
        for found in _EMAIL.finditer(plain):
            if found.group().lower().endswith(_FILE_AS_DOMAIN):
                continue
            mails.append(found.span())
            name, _, domain = found.group().partition("@")
            yield Evidence(SIGNAL, "email", read.span(*found.span()), f"{mask(name)}@{_shown(domain)}", "电子邮箱")
            if len(mails) == _MOST:
                break
    links = 0
    for found in _LINK.finditer(plain):
        start = found.start()
        address = found.group().rstrip(".,;:!?*~")
        end = start + len(address)
        # With a scheme it is a link, whatever stands in it: http://www.a.gov.cn@evil.top/ leads to evil.top.
        if "://" not in address and (
            any(low < end and start < high for low, high in mails)
            or not _is_domain(address, plain, start, end, read.text[start:end])
        ):
            continue
        yield Evidence(SIGNAL, "link", read.span(start, end), _shown(read.text[start:end]), "链接")
        links += 1
        if links == _MOST:
            return


def _is_domain(address: str, plain: str, start: int, end: int, written: str) -> bool:
    """Say whether an address without :// is one, rather than a file, a version, a call or a piece of a longer name."""
    if (start and _BEFORE_DOMAIN.match(plain[start - 1])) or _AFTER_NAME.match(plain[end : end + 2]):
        return False
    host = address.lower()
    if "。" in written and not host.partition("/")[0].endswith(_SURE_TOP_LEVEL):
        return False
    return host not in _NO_LINK and not _NO_DOMAIN.fullmatch(host) and not _is_abbreviation(host)


def _is_abbreviation(address: str) -> bool:
    """Say whether this is a version rather than a domain: 3.co, 1.2.pro; 58.com is one."""
    name = address.rpartition(".")[0]
    return name.replace(".", "").isdigit() and len(name) < 4 and not address.endswith((".com", ".cn", ".net"))


# -- markings ----------------------------------------------------------------------------------------------------------


def _around(text: str, start: int, end: int, size: int) -> tuple[str, str]:
    """What stands before and after in the same line, at most `size` code points of each."""
    return text[max(0, start - size) : start].rpartition("\n")[2], text[end : end + size].partition("\n")[0]


def _is_talk(text: str, start: int, end: int) -> bool:
    """Say whether a marking is spoken about: 标有“机密★10年”字样的文件."""
    before, after = _around(text, start, end, 24)
    return bool(
        _TALK_BEFORE.search(before)
        or _TALK_IN_LINE.search(before)
        or _QUOTED.search(before)
        or _TALK_AFTER.match(after)
    )


def _secrecy(text: str) -> Iterator[Span]:
    if not _ANY_GRADE.search(text):
        return
    starred = False
    for found in _STARRED.finditer(text):
        start, end = found.start(), found.start() + len(found.group().rstrip())
        starred = True
        if not _is_talk(text, start, end):
            yield start, end
    if starred:
        return
    for pattern in (_RETAINED, _STATED_GRADE):
        for found in pattern.finditer(text):
            span = next(found.span(i) for i in range(1, pattern.groups + 1) if found.group(i))
            if not _is_talk(text, *span):
                yield span
    size = len(text.strip())
    for found in _BRACKETED_GRADE.finditer(text):
        start, end = found.span()
        before, after = map(str.strip, _around(text, start, end, 40))
        # At the beginning or the end of a line, and the line belongs to something. A secret is also a word of novels.
        if (
            (not before or not after)
            and size - (end - start) >= 4
            and not before.endswith(("密级", "级别", "等级"))
            and ("秘" not in found.group() or _DOCUMENT_WORDS.search(before + after))
            and not _is_talk(text, start, end)
        ):
            yield start, end
    yield from _grade_lines(text)


def _grade_lines(text: str) -> Iterator[Span]:
    """A line of its own above a document."""
    place = 0
    for line in text[:200].split("\n")[:4]:
        if "密" in line and _GRADE_LINE.search(line):
            rest = text[place + len(line) :].lstrip()
            title = rest.partition("\n")[0]
            if _DOCUMENT_WORDS.search(title) or (_DOCUMENT_WORDS.search(rest) and len(rest) >= 20):
                yield place + len(line) - len(line.lstrip()), place + len(line.rstrip())
        place += len(line) + 1


def _internal(text: str) -> Iterator[Span]:
    for found in _RESTRICTED.finditer(text):
        if not _is_talk(text, *found.span()):
            yield found.span()
    if not _ANY_INTERNAL.search(text):
        return
    reached = 0
    for found in _INTERNAL_PAIR.finditer(text):
        start, end = found.span()
        before, after = _around(text, start, end, 14)
        if _QUOTED.search(before) or _RULE_AFTER.match(after) or _TALK_BEFORE.search(before):
            continue
        if _RULE_BEFORE.search(before) and not _THIS.search(found.group()):
            continue
        yield start, end
        reached = end
    size = len(text)
    for found in _INTERNAL_BRACKETED.finditer(text, reached):
        start, end = found.span()
        before, after = map(str.strip, _around(text, start, end, 40))
        if (
            (not before or not after)
            and size - (end - start) >= 4
            and not _NO_CARRIER.match(after)
            and not _is_talk(text, start, end)
        ):
            yield start, end
    for found in _INTERNAL_ONLY.finditer(text, reached):
        yield found.span(1)
    for found in _INTERNAL_FILE.finditer(text, reached):
        if not _ABOUT_FILES.match(found.group()[4:]):
            yield found.span()


def _red_header(text: str) -> Iterator[Span]:
    if ".gov.cn" in text:
        # The same document on a public site of the government is nobody's secret.
        return
    numbers = [
        found for found in islice(_NUMBER.finditer(text), _MOST) if _is_document_number(found.group(1), found.group(2))
    ]
    if not numbers and not _RED_HEADER.search(text):
        return
    shared = bool(_SHARES.search(text)) and not _NOT_SHARED.search(text)
    for found in numbers:
        start, end = found.span()
        first = text.rfind("\n", 0, start) + 1
        after = text.find("\n", end)
        line = text[first : after if after >= 0 else len(text)]
        if (
            (_NUMBER_LINE.search(line) and len(text) - len(line) >= 10)
            or _FILE_AFTER_NUMBER.search(text[end : end + 100])
            or (_ABOUT_MATTER.search(text) and (shared or (_HEAD.search(text) and not _NOT_SHARED.search(text))))
        ):
            yield start, end
    if not numbers:
        for red in _RED_HEADER.finditer(text):
            if shared and not _ABOUT_RED_HEADERS.search(text):
                yield red.start(), red.end()
                return


def _is_document_number(agency: str, bracket: str) -> bool:
    """〔〕 is official by itself; other brackets need the short name of an agency before them: 局发(2025)3号."""
    if agency.endswith(_NO_DOCUMENT):
        return False
    return bracket in "〔﹝" or (len(agency) >= 2 and agency[-1] in _AGENCY_ENDS)


# -- file names --------------------------------------------------------------------------------------------------------

_SECRET_NAME = _compile_re2(
    rf"{_GRADE}[ 　\x{{fe0f}}]*{_STAR}|(?:^|[ 　_\-—({{（【\[〔《·.、]){_GRADE}[ 　·:：_\-]*{_YEARS}"
    rf"|{_OPEN}[ 　]*{_GRADE}(?:文件|[级級])?[ 　]*{_CLOSE}"
    rf"|^(?:[绝絕]密|[机機]密)[ 　_\-—·.、，,:：]"
    r"|^秘密[ _\-—].*(?:通知|报告|方案|纪要|意见|决定|请示|批复|名单|总结|汇报)"
    rf"|^{_GRADE}(?:文件|[资資]料|材料|[档檔]案)(?:[ 　_\-—0-9(（.]|$)"
    rf"|[ 　_\-—]{_GRADE}[ 　_\-—0-9]*(?:\.[A-Za-z0-9]{{1,5}})?$"
)


# What a house keeps of its people, customers and prices; not the empty form for it.
_KEPT_NAME = _compile_re2(
    "(?:工资|薪酬|薪资|奖金|绩效)(?:发放|分配|汇总|调整)?(?:表|明细|清单|台账|方案)|股权激励|客户(?:名[单录]|明细|资料|清单|台账|数据|信息表)"
    "|花名册|(?:经销商|代理商|供应商)(?:返利|底价|报价|成本)|成本(?:明细|核算)表?|底价|标底|报价底"
)
_NO_CONTENT = _compile("模板|空[白表]|样[表例本]|格式|申请|采集|制度|办法|流程|通知|说明|培训|公示|公开")


# Songs and films have secrets too.
_ENTERTAINMENT = (".mp3", ".flac", ".mp4", ".mkv", ".avi", ".mov", ".epub", ".mobi")


def _name_is_secret(name: str) -> bool:
    if "密" not in name or name.lower().endswith(_ENTERTAINMENT):
        return False
    return _SECRET_NAME.search(name) is not None


def _name_is_internal(name: str) -> bool:
    return any(not _ABOUT_FILES.match(name[found.end() :]) for found in _INTERNAL_NAME.finditer(name))


def _name_is_kept(name: str) -> bool:
    return _KEPT_NAME.search(name) is not None and not _NO_CONTENT.search(name)


def _name_is_red_header(name: str) -> bool:
    if _RED_HEADER.search(name):
        return not _ABOUT_RED_HEADERS.search(name)
    if any(_is_document_number(found.group(1), found.group(2)) for found in _NUMBER.finditer(name)):
        return True
    return _SCANNED.search(name) is not None and _ABOUT_MATTER.search(name) is not None
