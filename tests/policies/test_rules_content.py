"""Who posts again and again what is forbidden."""

from typing import Any

import pytest
from cases import House, found
from measuring import sees

from policies.calendar import DAY
from policies.rules import RULES
from policies.rules.content import weigh

JOKE = "昨晚那妞身材真带劲,腿都软了哈哈"
OFTEN = {"category": ["porn", "ads"], "times": 3, "within": {"days": 30}}


def often(house: House, text: str = JOKE, day: int = 0, **said: Any) -> list[str]:
    findings = found("content.repeated", sees(house, text, at=day * DAY, **said), **OFTEN)
    assert not any(one.certain for one in findings)
    return [one.explanation for one in findings]


def test_the_third_of_a_month_is_asked_about() -> None:
    house = House()
    assert [len(often(house, day=day)) for day in (0, 10, 20, 29)] == [0, 0, 1, 1]


def test_what_is_older_than_the_span_is_forgotten() -> None:
    house = House()
    assert [len(often(house, day=day)) for day in (0, 31, 62, 93)] == [0, 0, 0, 0]
    assert len(house.state.lately) == 1


@pytest.mark.parametrize(
    ("text", "accused"),
    [
        ("昨晚反诈宣讲记了几条:刷单返佣金、点赞员招募,要垫钱的都是骗,提醒爸妈", False),
        ("刷单返利一单返20,先交钱的都是骗,我们不用交,加微信 zhuan8866", True),
        ("反诈宣传课提醒,您的银行卡异常,请把资金转到安全账户", True),
    ],
)
def test_who_teaches_how_others_cheat_cheats_nobody(text: str, accused: bool) -> None:
    assert weighed(text, "fraud") == accused


def test_each_counts_for_himself_and_other_messages_not_at_all() -> None:
    house = House()
    assert [len(often(house, by=by)) for by in ("member", "finance", "member")] == [0, 0, 0]
    assert not often(house, "今天产量已报")
    assert often(house)


def test_an_edit_is_not_counted_twice() -> None:
    house = House()
    first = sees(house, JOKE)
    assert [len(found("content.repeated", first, **OFTEN)) for _ in range(3)] == [0, 0, 0]


@pytest.mark.parametrize("value", [True, None])
def test_what_else_is_to_be_known_of_the_person_is_told(value: bool | None) -> None:
    house = House()
    if value:
        house.state.facts["not_taking_part:member"] = value
    told = [one for _ in range(3) for one in _with_fact(house)]
    assert [("另有登记" in one) for one in told] == [bool(value)]


def _with_fact(house: House) -> list[str]:
    findings = found("content.repeated", sees(house, JOKE), **OFTEN, fact="not_taking_part")
    return [one.explanation for one in findings]


def test_without_a_detector_the_binding_is_blind() -> None:
    rule = RULES["content.repeated"]
    assert rule.blind(rule.Params(category="weather"))
    assert rule.blind(rule.Params(category=("weather", "porn"))) is None


def weighed(text: str, category: str) -> bool:
    return bool(found("content.category", sees(House(), text), category=category))


@pytest.mark.parametrize(
    ("text", "category", "accused"),
    [
        ("会议联系人:小王 87881234 18805711111", "ads", False),
        ("困难补助发放名册 吴刚 331002197801012345 6222021202033456789", "ads", False),
        ("今晚值守老钱,电话13588880000,有险情随时呼", "ads", False),
        ("低价机票酒店代订 18805718888", "ads", True),
        ("差旅费报到我这张卡:6217001210024455220 中行桐庐支行,报销单已贴好", "ads", False),
        ("空压机三家报价单齐了,需要的科室找我要明细", "ads", False),
        ("配件三家比价出来了,最低4.8万含安装,有需要的班组找我拿表", "ads", False),
        ("谁把茶水间收拾的?整整齐齐,表扬", "abuse", False),
        ("清仓甩卖,这款电饭煲团购价99,群里接龙满20件发货", "gambling", False),
        ("开放日海报请各位都发到自己朋友圈", "outside_forwarding", False),
        ("装配图纸我发到我朋友圈了", "outside_forwarding", True),
        ("我的微信今早被人盗了,群发的都别信", "account_compromise", True),
        ("我这能办假证,毕业证资格证都行", "fraud", True),
        ("中午听说食堂换厨师了", "rumour", False),
        ("听说厂子年底要卖给外地老板,人全裁光", "rumour", True),
        ("出租房 两室一厅 13588880000", "ads", True),
        ("我们厂上了县官微,各位都去点赞转一转", "reputation", False),
        ("我们公司就是骗子窝,发朋友圈让大家都避雷,千万别来", "reputation", True),
        ("早报:不锈钢现货涨50,社会库存降了三成,镍价报13万", "leak", False),
        ("图收到了,我改参数", "leak", False),
        ("下半年扩产计划和目标价还没对外公布,先给大家透个底", "leak", True),
        ("我真是头猪,合同日期又写错", "abuse", False),
        ("这垃圾系统脑子进水了吧,点保存就闪退", "abuse", False),
        ("背光模组报价", "leak", False),
        ("二号机卡料", "porn", False),
        ("传感器线被谁剪断的,真要出大事", "rumour", False),
        ("听说厂里要裁人,谁干的最差先走,真要出大事", "rumour", True),
        ("昨晚那个破点胶机又犯病,气得我直跺脚", "off_topic", False),
        ("昨晚那个综艺又犯病,气得我直跺脚", "off_topic", True),
        ("手机银行线上开户,秒到账,有需要联系我", "gambling", False),
        ("那台复印机又卡纸,破玩意儿", "abuse", False),
        ("你这破玩意儿又卡纸了吧,活该", "abuse", True),
        ("你真是头猪,合同日期又写错", "abuse", True),
        ("见这个 https://v.qq.com/x/page/k8.html", "ads", False),
        ("看这里 https://v.qqx.top/x/page/k8.html", "ads", True),
        ("听说巷口那家新开的面馆第二碗半价", "rumour", False),
        ("听说李科要调走了", "rumour", True),
        ("嘻嘻私聊", "porn", False),
        ("小姐姐私聊", "porn", True),
        ("他脑子进水了吧,点个保存都不会", "abuse", True),
        ("https://wiki.qixiangju.lan/pages/4471 评审一下", "ads", False),
        ("看这里 http://172.20.4.9/v/k8.html", "ads", False),
        ("看这里 http://172.99.4.9/v/k8.html", "ads", True),
        ("图纸 http://10.8.3.17/share/0521.docx", "leak", False),
        ("复印机采购限价 3900 元/台,数量 12 台,后天挂网", "ads", False),
        ("机房空调尾款 41200 元已转出,合同编号 QX-2026-031", "ads", False),
        ("停车卡 30 元一张,补办找行政", "ads", False),
        ("尾款可分期,低价机票酒店代订 18805718888", "ads", True),
        ("POS机固定资产都能办,要的加我微信", "ads", True),
        ("48小时出标书,中标后再付尾款,款已付的包改,联系 biaoshu_77z", "ads", True),
    ],
)
def test_a_score_alone_does_not_take_numbers_news_and_publicity_for_an_offence(
    text: str, category: str, accused: bool
) -> None:
    assert weighed(text, category) == accused


@pytest.mark.parametrize(
    ("text", "category", "accused"),
    [
        ("没人管的那口老井,咱们今天淘干净了", "negative_emotion", False),
        ("拼了,今夜把沥青摊完", "incitement", False),
        ("罢课罢工都试过,抄家伙上,一起堵他的门", "incitement", True),
        ("混日子算了,干得再多也白干", "negative_emotion", True),
    ],
)
def test_one_weak_word_and_next_to_no_score_ask_nobody(text: str, category: str, accused: bool) -> None:
    assert weighed(text, category) == accused


@pytest.mark.parametrize(
    "text",
    [
        "联系人渣打银行张经理，尾款找他",
        "你妈的检查报告出来了，来三楼拿一下",
        "钢卷翻滚别靠近，吊运区清人",
        "村里还有一头驴没打疫苗，防疫员下午去",
        "仓库发现老鼠屎，今晚安排消杀",
        "模特码数统计一下，男款XL两个",
        "市三中三年级家长会改到周五",
        "牧场大奶罐清洗记录补一下",
        "签收银行卡后请本人激活",
        "收到银行卡的结算单了吗",
        "真人视讯会议设备装好了",
        "刷单据返回仓库，三联单别弄混",
        "我可真是个傻子，写了一上午才发现分支切错了",
        "服了，这傻逼编译器又报错，我明明没动过这个文件",
        "滚滚滚，别拿我开玩笑了，我真的不会唱歌🤣",
    ],
)
@pytest.mark.parametrize("category", ["ads", "fraud", "gambling", "porn", "abuse"])
def test_words_of_offences_inside_work_talk_are_never_certain(text: str, category: str) -> None:
    found = weigh(sees(House(), text), category)
    assert found is None or not found.certain


@pytest.mark.parametrize("text", ["马勒戈壁的，你给我出来", "肏你娘", "王8蛋，还钱", "忘八端，还钱", "贝戋人，滚"])
def test_insults_in_disguise_are_found(text: str) -> None:
    assert weigh(sees(House(), text), "abuse") is not None
