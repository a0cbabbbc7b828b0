"""What colleagues arrange, which trained scores take for an advert: lists to sign, and what the house hands out."""

import re

from classifiers.conversation import is_form

# Of a message this much is read.
_READ = 2000
# Where in the house something is fetched.
_HANDED_OUT = re.compile(
    "[到去在](?:行政|人事|财务|工会|办公室|前台|门卫|门岗|传达室|保安室|仓库|库房|食堂|会议室|[一-鿿]{1,4}[部科室处])[^，,。！!？?\n]{0,6}(?:领取|认领|领一?下|自取|登记|签收)"
)
# Whoever offers goods or services names a price, an account or a lure.
_OFFERS = re.compile(
    "[vV薇微徽溦]\\s?信|[加➕+]\\s?[vV薇微徽溦]|[vV][xX]|[wW][xX]|[Qq]{2}|扣扣|企鹅号|绿泡泡|二维码|扫码|加我|[➕+]我|私[聊我信]|[0-9][0-9.]*\\s?[元块]|[￥¥]|包邮|团购|拼[团单]|下单|[打特]折|[五六七八九0-9]折|优惠|特价|原价|内部价"
    "|批发|货源|清仓|代[理办购开发]|加盟|兼职|日结|副业|[赚返佣赌贷彩]|红包|[上下]分|投资|收益|理财|保本|稳|名额有限|办[证卡]|裸|约[炮会]|妹|https?:|www|\\.com"
)


def arranges(text: str) -> bool:
    """Say whether a message is a list that colleagues sign or tells where in the house to fetch something, and offers nothing."""
    read = text[:_READ]
    return (is_form(read) or _HANDED_OUT.search(read) is not None) and not _OFFERS.search(read)
