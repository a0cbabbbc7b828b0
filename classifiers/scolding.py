"""Scolding that insults nobody: of oneself (我这猪脑子, 笨死了我) or of a thing (这破电脑蠢得要死, 狗日的天气)."""

import re

_OF_ONESELF = re.compile(
    "(?<!你以为)我(?:自己)?(?:这|的)?(?:个?脑子|记性)?(?:可?真|就|又|也|才|简直|一定|可能)?(?:是|这)个?大?$"
    "|(?<!你以为)我(?:自己)?(?:真|就|又|也|才|简直)?(?:太|这么)$"
)
_OR_OF_ONESELF = re.compile(r"^了?我了?(?:\W|$)")
_THING = (
    "(?:天气|老天|鬼天|大雨|暴雨|电脑|笔记本|主机|手机|键盘|鼠标|打印机|复印机|扫描仪|投影|服务器|数据库|系统|软件|程序|代码|接口|网络|网速|网页"
    "|页面|表格|文件夹|PPT|ppt|excel|空调|电梯|闹钟|路况|机器|设备|水泵|阀门|传感器|死锁|[并发]锁|进程|线程|bug|缓存|日志|脚本|路由器|交换机|网线|格式|公式|报错|味道|气味|门禁|考勤机|导航|浏览器|输入法|编译器|插件|流水线)"
)
_OF_THING = re.compile(rf"{_THING}[^,，、;；]{{0,8}}$")
_OR_OF_THING = re.compile(rf"^(?:的|这|那|个|破|鬼|老|烂){{0,2}}{_THING}(?!都不|也不|不会|里|部|科|员|公司|厂)")
# A thing that somebody made or keeps is scolded with him.
_MADE_BY = re.compile("^[^,，。]{0,4}(?:做|写|设计|开发|搞|弄|管|维护|负责)")
_PERSON = re.compile("[你您他她@]")
# Whose head it was says "I", or the mistake that is put right beside it.
_MISTAKE = "(?:写|填|打|发|看|算|记|说|弄|装|拿|走|忘|搞)(?:错|反|漏|岔)"
_OWN_HEAD = re.compile(
    rf"我(?:今天|刚才?|刚刚|昨[天晚])?脑[子袋]|{_MISTAKE}.{{0,20}}脑[子袋](?!.{{0,6}}[吧吗嘛么])|脑[子袋].{{0,20}}(?:{_MISTAKE}|我[重改马])"
)
_ALONE = re.compile(
    "(?<!你以为)我(?:这|的)(?:个|破|猪)?(?:脑子|记性|眼神|手)|我(?:自己)?(?:可?真|就|简直)?是(?:个|一个|头|猪)"
    rf"|死(?:了)?我(?!们)|(?:破|鬼|烂|垃圾|[这那](?:[个台套](?!人)[^\W你他她]{{0,3}})?破?){_THING}|(?:狗日|见鬼|该死|操蛋)的(?:破|鬼)?{_THING}"
)
_SOMEBODY = re.compile(
    "[你您他她@丫]|们|某些|有些人|那[个种帮]人|这[个种帮]人|家伙|领导|老板|经理|主任|[科局所处]长|同事|师傅|厂家|供应商|客户|甲方|乙方|业主"
)


def insults_nobody(before: str, after: str) -> bool:
    """Say by what stands before and after it whether a word scolds the sender or a thing."""
    if _OF_ONESELF.search(before) or _OR_OF_ONESELF.search(after):
        return True
    if _PERSON.search(before):
        return False
    return bool(_OR_OF_THING.search(after) or (_OF_THING.search(before) and not _MADE_BY.search(after)))


def scolds_nobody(text: str) -> bool:
    """Say whether a text scolds its sender or a thing, and names nobody else: 我这破记性, 这破软件又卡死."""
    return owns_up(text) or (_ALONE.search(text) is not None and _SOMEBODY.search(text) is None)


def owns_up(text: str) -> bool:
    """Say whether somebody has his own head for a mistake, and names nobody else: 写错了，脑子被门夹了."""
    return _OWN_HEAD.search(text) is not None and _SOMEBODY.search(text) is None
