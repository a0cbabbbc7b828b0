"""Talk of what the house itself buys, which trained scores take for an advert."""

import re

# Of a message this much is read.
_READ = 2000
# Who in the house wants it, who is to say how many, who decides, and which account pays.
_FOR_THE_HOUSE = re.compile(
    r"(?:办公室|会议室|前台|茶水间|行政|仓库|仓管|库房|库里|车间|班组|食堂|展会|工地)[^，,。！!？?\n]{0,6}(?:[要想需][补买订定换添做]|缺|用[完光]|没有?了|[不没]够|补一?[批些点])"
    r"|(?:[要缺]的|需要的|各个?|哪[个些])(?:部门|科室|班组|车间|组|处室)[^，,。！!？?\n]{0,6}(?:报|统计|登记|填)|(?:可以|能|要不要|行)(?:就|直接)?(?:[定订买]|下单)(?:了?[吗嘛么]|不|这|[？?])"
    r"|走(?:行政|办公|公司|部门|车间|项目)?(?:费用|预算|采购单?|请购单?|公账|对公)|比(?:上次|上回|去年|上个?月)[^，,。\n]{0,6}(?:便宜|贵|省|[高低降涨]了?[0-9])|请购单?|申购单?"
    r"|库存(?:还|只)?剩|库里(?:还|只)?剩|(?:(?:^|[，,、；;。\s])[A-E甲乙丙丁]家?[\s:：]?[0-9][0-9.]*[元万]?){2}"
)
# Whoever sells says whose it is and how he can be reached, or lures.
_SELLS = re.compile(
    "[vV薇微]信|扫码|二维码|[Qq]{2}|加我|[找联]我|联系|私[聊我信]|电话|热线|代理|加盟|返[利现佣]|下线|[拉邀]人|拼[团单]|砍[一价]|秒杀|抢购|限[时量]|清仓|包邮|送货上门|欢迎|捧场|老板|亲[们，,]|宝妈|全场|[本小]店|我们?店|本公司|我司|量大|从优|批发|厂家直|特价|折起|优惠多|货源|一手|保[真正]|现货出|低价|转让|出租|活动价"
    "|我(?:家|老公|老婆|媳妇|朋友|亲戚|表?[姐哥弟妹]|爸|妈|对象)|自家|朋友[家开的]|副业|兼职|赚|优惠价|内部价|[0-9]{7}|https?:|www|[A-Za-z]+_?[0-9]{3,}"
)


def buys_for_the_house(text: str) -> bool:
    """Say whether a message asks who in the house needs something, or whether it may be ordered, and sells nothing."""
    read = text[:_READ]
    return _FOR_THE_HOUSE.search(read) is not None and not _SELLS.search(read)
