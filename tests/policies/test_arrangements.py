"""A list that colleagues sign and what the house hands out are no advert; who offers something is not let off by the form."""

import pytest
from cases import House
from measuring import sees

from policies.rules.arrangements import arranges
from policies.rules.content import weigh

OUTING = "#接龙\n周末采摘活动报名，想去的接龙，联系人王姐 13905710000\n1. 张三 大人1 小孩0\n2. 李四 大人2"
VOUCHERS = "食堂月饼券今天开始发放，需要的同事到行政前台领取，有问题联系我，电话 13800138000"


@pytest.mark.parametrize(
    ("text", "arranged"),
    [
        (OUTING, True),
        ("#接龙\n羽毛球活动，周三晚7点，想玩的接龙，联系人老周\n1. 老周", True),
        ("#接龙\n接龙统计宿舍床位，需要的登记\n1、王一 3楼\n2、李二 4楼", True),
        (VOUCHERS, True),
        ("工会电影票到了，要的去三楼办公室领取", True),
        ("#接龙\n自家橙子团购，39元一箱包邮，要的接龙\n1. 王姐 2箱\n2. 李哥 1箱", False),
        ("#接龙\n低价转让茅台，加薇 mt8899\n1. 王\n2. 李", False),
        ("#接龙\n棋牌房上分找我\n1. 王\n2. 李", False),
        ("原味零食批发，想要的到前台领取，加我", False),
        ("高价回收烟酒，联系我 13800138000", False),
    ],
)
def test_what_is_arranged_is_told_from_what_is_offered(text: str, arranged: bool) -> None:
    assert arranges(text) == arranged


@pytest.mark.parametrize("text", [OUTING, VOUCHERS])
@pytest.mark.parametrize("category", ["ads", "fraud", "gambling"])
def test_no_score_makes_an_advert_of_it(text: str, category: str) -> None:
    assert weigh(sees(House(), text), category) is None


def test_an_offer_in_the_form_of_a_list_is_still_one() -> None:
    offer = "#接龙\n代办社保，加V xx2234，优惠价 298\n1. 张三\n2. 李四"
    found = weigh(sees(House(), offer), "ads")
    assert found is not None
    assert found.certain
