"""Quoting is not saying: is a word named in a text, or spoken?"""

import re

from classifiers.keywords.matching import Hit
from classifiers.scolding import insults_nobody, owns_up

# Words of notices, warnings and reports. Hardly anybody who offers, threatens or insults writes them just before.
_BEFORE = re.compile(
    "谨防|警惕|切勿|请勿|严禁|禁止|(?<![恨巴舍])不得|杜绝|抵制|严查|打击|查处|反诈|防骗|冒充|识别|辨别|提防|当心"
    "|不要发|千万别|防止|不要信|不要点|别信|别点|不参与|远离|骂我|骂他|骂她|骂人|辱骂|被骂|说我是|说他是|叫我|恐吓|要求我"
    "|通报|案例|涉嫌|所谓|诸如|例如|比如|发现有人|有人发|有人在群|收到短信|短信说|骗子|关键词|敏感词|清理|清除|排查|拦截|过滤|屏蔽|黑名单|词库|整治|治理"
)
_AFTER = re.compile(
    "诈骗|骗局|骗子|是骗|套路|违法|违规|犯罪|案例|话术|信息的|广告的|一律|请举报|的行为|的短信|的电话|的链接|等词|等字"
    "|这个词|这两个字|这三个字|这句话|这种话|这类|此类|之类|都是假|别信|不要信|不可信|勿信|切勿|者将|将被|被抓|被骗|谨防|敲诈|小广告|黑名单|词库|的号|的账号|受害"
)
_QUOTES = {"“": "”", "「": "」", "『": "』", "《": "》", '"': '"', "‘": "’"}
_CLOSING = frozenset(_QUOTES.values())
_SENTENCE_END = re.compile("[。!?\n]")
# Right before what is not to be done. Not before abuse: 别他妈… is no advice.
_NOT_TO_DO = re.compile("(?:不要|别|勿|不能|不可|不许|不准)$")
# Before what happened to the accounts of many, or may happen to one: 近期多人微信被盗, 一旦号被盗了.
_OF_ANYBODY = re.compile("近期|近日|最近|多人|多名|不少人|客户|居民|群众|用户|网友|如果|如遇|假如|万一|一旦|要是|若")
# Inside a word with gaps: 数据不要外传，也别发朋友圈 forbids what it names, 修改微信密码，谨防账号被盗 guards against it.
_AVERTS = re.compile(
    "不要|不得|不许|不能|不准|(?<![特分类级])别(?!的|人|处)|勿|禁止|严禁|谨防|防止|以防|避免|小心|当心"
)
_AVERTED = frozenset({"outside_forwarding", "account_compromise"})
# What tells of the sender's own stance or of what he speaks, not of an offence: it stands beside what it warns of.
_CONTEXT = frozenset({"warning", "solicitation", "project"})
# How far a notice's words stand from what they name; further away they belong to something else.
_REACH = 16


def is_mention(folded: str, hit: Hit) -> bool:
    """Say whether a word found in a folded text is probably named, not spoken.

    True inside quotation marks, where the same sentence warns of it or reports it within 16 code points, and for abuse
    of oneself or of a thing. A guess in the sender's favour: such a word gives no signal, so it takes a trained score to
    accuse. Words of warnings and of calls always count.
    """
    if hit.category in _CONTEXT:
        return False
    before = _SENTENCE_END.split(folded[max(0, hit.start - _REACH) : hit.start])[-1]
    if hit.category in _AVERTED and _AVERTS.search(folded[hit.start : hit.end]):
        return True
    if hit.category == "outside_forwarding":
        # A circular is what is passed on here.
        before = before.replace("通报", "")
    after = _SENTENCE_END.split(folded[hit.end : hit.end + _REACH], maxsplit=1)[0]
    if _BEFORE.search(before) or _is_quoted(before, after):
        return True
    if hit.category != "abuse" and _NOT_TO_DO.search(before):
        return True
    # Whoever tells of a stolen account adds that its messages are not to be believed.
    if hit.category == "account_compromise":
        return _OF_ANYBODY.search(before) is not None
    if hit.category == "abuse" and (insults_nobody(before, after) or _is_own_head(folded, hit)):
        return True
    return _AFTER.search(after) is not None


def _is_own_head(folded: str, hit: Hit) -> bool:
    around = folded[max(0, hit.start - 2 * _REACH) : hit.end + 2 * _REACH]
    return "脑" in folded[hit.start : hit.end] and owns_up(around)


def _is_quoted(before: str, after: str) -> bool:
    for character in reversed(before):
        if character in _QUOTES:
            return _QUOTES[character] in after
        if character in _CLOSING:
            return False
    return False
