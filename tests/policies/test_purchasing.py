"""What a house buys for itself is no advert; who sells to it is."""

import pytest
from cases import House, found
from measuring import sees

from policies.rules.purchasing import buys_for_the_house


@pytest.mark.parametrize(
    ("text", "buys"),
    [
        ("行政要订一批台历,天猫企业店29一本满50本减100,各部门把数报上来", True),
        ("仓库胶带用完了,超市8.8一卷买十送一,直接下单行吗", True),
        ("茶水间缺纸杯,第二件半价,哪个科室还要登记一下", True),
        ("桶装水打完折比去年贵2块,走行政费用", True),
        ("甲 1200元，乙 1150元，丙 1300元", True),
        ("办公桌椅批发,量大从优,需要的部门登记", False),
        ("我老婆的打印店开业打八折,各部门要做名片的报给我", False),
        ("会议室缺投影的找我,低价转让,可以订吗", False),
        ("A 800，B 850，C 750，想做代理加我", False),
        ("前台要补货的看直播,今晚八点秒杀", False),
        ("双层蒸锅199两口,先到先得", False),
    ],
)
def test_who_buys_for_the_house_is_told_from_who_sells(text: str, buys: bool) -> None:
    assert buys_for_the_house(text) == buys


@pytest.mark.parametrize(
    ("text", "category", "accused"),
    [
        ("白板笔和A4纸办公室要补一批,京东企业价19.9一包满10包减20,要的部门报给我", "ads", False),
        ("A4纸19.9一包满10包减20,要的私我", "ads", True),
        ("车间护耳器不够,要补20副,3M的28一副,国产12,请定", "fraud", False),
        ("公司那份质量通报可以发给客户看,8D也附上", "leak", False),
        ("公司那份质量通报内部看的,我转给客户那边朋友了", "leak", True),
        ("客户那边说铜价又涨了,覆铜板下月可能提5%,采购已在谈", "leak", False),
    ],
)
def test_buying_leave_to_send_and_market_prices_are_no_offence_by_a_score_alone(
    text: str, category: str, accused: bool
) -> None:
    assert bool(found("content.category", sees(House(), text), category=category)) == accused
