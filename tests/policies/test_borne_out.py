"""A trained score by itself asks a person only where the message names what the category is about."""

import pytest
from cases import House, found
from measuring import sees

from policies.rules.borne_out import CERTAIN, EVEN, SURE, is_borne_out


@pytest.mark.parametrize(
    ("text", "category", "score", "asked"),
    [
        ("这块硬料刀片换了两回,今天一定啃下来", "violence", SURE, False),
        ("你再乱说,我让你躺着回去", "violence", EVEN, True),
        ("你再乱说,我让你躺着回去", "violence", EVEN - 0.01, False),
        ("上游下泄每秒两百多方,闸位平稳", "gambling", SURE, False),
        ("上游下泄每秒两百多方,闸位平稳", "gambling", CERTAIN, True),
        ("今晚这场主胜,跟一注", "gambling", EVEN, True),
        ("热轧卷翘曲从千分之八降到千分之三", "leak", EVEN, False),
        ("配方我导出来了", "leak", EVEN, True),
        ("配方我導出來了", "leak", EVEN, True),
        ("炉前的师傅们受累了,喝口水", "negative_emotion", EVEN, False),
        ("累死累活图什么", "negative_emotion", EVEN, True),
        ("今晚有月全食,巡夜的抬头瞧瞧", "porn", EVEN, False),
        ("約 嗎,附 近", "porn", EVEN, True),
        ("等批文到了再往下分", "gambling", EVEN, False),
        ("上下分都找我", "gambling", EVEN, True),
        ("这只票拿到月底翻番", "gambling", EVEN, True),
        ("旧盘片统统敲碎,一块也没剩", "incitement", EVEN, False),
        ("催得真紧", "abuse", EVEN, False),
        ("你算什么", "abuse", EVEN, True),
        ("你这脑袋是摆设?", "abuse", EVEN - 0.1, True),
        ("催得真紧", "off_topic", EVEN, True),
        ("小祝把三号膜组的压差抄回来", "gambling", EVEN, False),
        ("压大还是压小", "gambling", EVEN, True),
        ("有老钱盯着,炉子都不敢偷懒", "rumour", EVEN, False),
        ("这事大家都不敢说", "rumour", EVEN, True),
    ],
)
def test_a_score_needs_a_word_of_what_it_reads(text: str, category: str, score: float, asked: bool) -> None:
    assert is_borne_out(text, category, score) == asked


def weighed(text: str, category: str) -> bool:
    return bool(found("content.category", sees(House(), text), category=category))


@pytest.mark.parametrize(
    ("text", "category", "accused"),
    [
        ("昨夜加班打车一共93,三个人,每人31,转给我", "fraud", False),
        ("拉一个人进群返30,每人垫付100,稳赚", "fraud", True),
        ("听说二楼茶水间新添了咖啡机,谁用过?", "rumour", False),
        ("听说咱厂要并到外地去,工资都得降", "rumour", True),
        ("听集团的人讲合并批了,红头文件已发各单位邮箱", "rumour", False),
        ("听集团的人讲合并批了,先别外传", "rumour", True),
        ("水电韩师傅13800001234,门窗小方13900005678", "ads", False),
        ("疏通马桶韩师傅13800001234,随叫随到,价格优惠", "ads", True),
        ("这台我不熟,老许调过,我让他回你", "violence", False),
        ("再碰我的工具箱,我把你手剁了", "violence", True),
        ("听说区里后天来督查,值班记录要不要再核一遍?", "rumour", False),
        ("别信网上的招工,我这才是正规刷单,一单一结,想干私聊我", "ads", True),
        ("群里有人发:我这才是正规刷单,一单一结,想干私聊我,大家别信", "ads", False),
        ("办公群这个号我借给老同学刷票去了", "account_compromise", True),
        ("3号借给机修班的葫芦吊还没还", "account_compromise", False),
        ("自家塘里的草鱼,九块一斤,要几条跟我说", "ads", True),
        ("再写信告我,当心你家和你那条腿", "violence", True),
        ("当心你家门口那段结冰了", "violence", False),
        ("据说疾控那批试剂早过期了,数据都不准", "rumour", True),
        ("行情这么差,咱们把能耗降下来就还有活路", "incitement", False),
        ("咱们把车都堵到厂门口,看他发不发", "incitement", True),
        ("明天白班都请病假,谁上工谁孙子", "incitement", True),
        ("这地方待着真没劲,迟早要黄", "negative_emotion", True),
    ],
)
def test_colleagues_who_share_a_bill_or_heard_of_something_are_not_accused(
    text: str, category: str, accused: bool
) -> None:
    assert weighed(text, category) == accused
