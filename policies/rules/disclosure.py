"""What a text gives away of a project that the tenant has named: figures, and what nobody outside knows yet.

A name of a project is no secret by itself: most messages that hold one are everyday work. It takes a price or a forecast with
a number, or words by which something is kept back or handed out, in the same text.
"""

import re2

from classifiers.simplified import simplified

_READ = 2000
_FIGURE = re2.compile(
    r"(?:[底标]价?|报价|定价|单价|均价|成本|毛利|利润|净利|结算价|供货价|采购价|收购价|上限|缺口|营收|销售额?|目标|出货|产量|年产|产能|预[测计估算]|良率|投资|收益率|回收期"
    r"|估值|份额|股份|合同额|标的|每(?:片|台|盒|吨|箱|平米?|千瓦时))[^。！？!?\n]{0,16}?[0-9一二两三四五六七八九十百千][0-9一二两三四五六七八九十百千万亿.%]*"
    r"|[0-9.]+(?:万|亿|%|成)[^。！？!?\n]{0,8}(?:底价|成本|毛利|利润|营收|目标|缺口)"
)
_KEPT_BACK = re2.compile(
    r"还?[未没](?:有)?(?:公告|官宣|公布|公开|披露|发布|宣布|下来|批)|外面[^，。]{0,3}(?:不知道|没人知道)|[你我]?们?别[往对]?外?(?:说|传|讲)|先(?:告诉|跟你|透)|透个?底"
    r"|瞒着|对外(?:称|只说)|内部(?:邮件|测算|口径|数据)"
)
_HANDED_OUT = re2.compile(
    r"(?:源代码|源码|图纸?|配方|尽调|报告|记录|数据|邮件|纪要|方案|样品|参数)[^，。！？!?\n]{0,8}(?:发给|发你|给你|打包|拷|传给)|(?:打包|拷|导)[了出]?(?:一份)?[^，。]{0,4}给"
)
# What everybody may know, or is handled as it should be.
_KNOWN = re2.compile(
    r"官网|公开|公示|官方|挂网|已(?:公告|公布|披露)|公告[^，。]{0,4}(?:登|发布)|零售|按流程|不要发|别发|不实|谣|辟谣"
)


def gives_away(text: str) -> bool:
    """Say whether a text in which a project is named tells a figure of it, or what is kept back."""
    read = simplified(text[:_READ]).encode("utf-8", "replace").decode()
    if _KNOWN.search(read):
        return False
    return any(one.search(read) is not None for one in (_FIGURE, _KEPT_BACK, _HANDED_OUT))
