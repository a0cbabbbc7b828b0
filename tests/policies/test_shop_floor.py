"""Talk of machines, material and quotations."""

import pytest

from policies.rules.shop_floor import calls_to_work, denies, ends_well, forbids_telling, speaks_of_work


@pytest.mark.parametrize(
    ("text", "category", "work"),
    [
        ("三号机料筒里塞死了,谁去捅一下", "porn", True),
        ("裸露的皮带今晚包一下", "violence", True),
        ("今晚来我家,穿少一点", "porn", False),
        ("烂焊点一大片,来料怕是没检", "negative_emotion", True),
        ("破班一天都不想上了", "negative_emotion", False),
        ("机器都停了,大家一起去堵门", "incitement", False),
        ("设备部谁敢开机,我弄死他", "violence", False),
        ("导光板单价9块2,起订一千", "leak", True),
        ("导光板成交价9块2,截图给隔壁同行了", "leak", False),
        ("背板每片15.8,含税,起订五百", "gambling", True),
        ("扫地机器人又跑邻居家去了", "off_topic", False),
        ("点胶机又犯病了", "off_topic", True),
        ("网关又犯病了,谁回滚一下", "off_topic", True),
        ("游戏里那个接口人又犯病了", "off_topic", False),
        ("点胶机又犯病了", "abuse", False),
        ("那台冲床就是头犟驴,拉都拉不动", "abuse", True),
        ("那台冲床归你管,你就是头犟驴", "abuse", False),
        ("听说冲床压死了人", "rumour", False),
        ("家属来问,我让他联系窗口登记", "violence", True),
        ("业主又来了,让他把申请表送过来", "violence", True),
        ("敢再来,我让他核对核对我的厉害", "violence", False),
        ("我让他横着出去", "violence", False),
        ("最迟周三中午给我", "off_topic", True),
        ("旧服务器一块都没剩,全敲了", "incitement", True),
        ("今夜两个人在工地守着,蚊子当夜宵", "off_topic", True),
        ("最晚那场电影谁去", "off_topic", False),
    ],
)
def test_what_a_workshop_says_is_work(text: str, category: str, work: bool) -> None:
    assert speaks_of_work(text, category, 0.5) == work


@pytest.mark.parametrize(
    ("text", "category", "work"),
    [
        ("食堂的馒头一天比一天小,饭菜也凉", "rumour", True),
        ("食堂的肉是病死的猪", "rumour", False),
        ("听人说食堂要承包出去了", "rumour", False),
        ("阀室井口1米2,有限空间作业票先办", "leak", True),
        ("基坑标底先别往外说", "leak", False),
    ],
)
def test_what_everybody_sees_of_a_house_or_a_site_is_neither_rumour_nor_secret(
    text: str, category: str, work: bool
) -> None:
    assert speaks_of_work(text, category, 0.4) == work
    # What is likelier one than not is left to the score.
    assert not speaks_of_work(text, category, 0.6)


def test_a_sure_score_is_left_to_itself() -> None:
    assert not speaks_of_work("三号机料筒里塞死了,谁去捅一下", "porn", 0.8)
    # A rumour has to be heard from somebody.
    assert speaks_of_work("配电柜的门被谁撬了,要出人命的", "rumour", 0.9)


@pytest.mark.parametrize(
    ("text", "score", "work"),
    [
        ("前夜两点泵还在转,我和小孟守着", 0.96, True),
        ("谁有去年的台账封面,发我", 0.97, True),
        ("村里老俞家的娃等这张证明呢", 0.97, True),
        ("同事老姚做了奶奶,恭喜", 0.97, True),
        ("腊月里给各位拜年啦", 0.98, True),
        ("桥那头塌了一角,我拍了", 0.99, True),
        ("闸口下象棋的大爷都劝离了,准备打牌的也走了", 0.99, True),
        ("二科老姜的爱人住院,他这两天不来", 0.98, True),
        ("梯子架在东墙", 0.75, True),
        ("我家老二上个月生的,公积金能多提吗", 0.97, True),
        ("庆功宴上给她留碗汤圆", 0.97, True),
        ("值班的有没有人想开黑", 0.9, False),
        ("晚班收工走一波,老地方撸串", 0.9, False),
        ("谁想看现场版的演唱会", 0.75, False),
        ("我姨新养的乌龟不肯吃", 0.97, False),
        ("这云活像一条龙", 0.999, False),
        ("周日去湖边吃大闸蟹,凑一桌", 0.97, False),
        ("围挡外头新支了个烧烤摊,收工了去尝尝", 0.97, False),
        ("师傅们,哪里理发便宜", 0.86, False),
        ("有没有一起去自駕遊的", 0.9, False),
    ],
)
def test_what_colleagues_say_beside_their_work_is_no_idle_talk(text: str, score: float, work: bool) -> None:
    assert speaks_of_work(text, "off_topic", score) == work


@pytest.mark.parametrize(
    ("text", "work"),
    [
        ("那箱支架毛刺多,拍照退了回去,对方脾气不小", True),
        ("那箱支架毛刺多的事先别跟客户说", False),
        ("把不良明细截图给竞品的人看了", False),
    ],
)
def test_what_is_wrong_with_a_lot_is_no_secret_among_those_who_make_it(text: str, work: bool) -> None:
    assert speaks_of_work(text, "leak", 0.7) == work


def test_whoever_hires_makes_no_bet() -> None:
    assert speaks_of_work("车间缺两个钳工,老乡里有合适的内推一下,奖一千", "gambling", 0.97)
    assert not speaks_of_work("招聘跟单员,稳赚,日结一千", "gambling", 0.97)


@pytest.mark.parametrize(
    ("text", "category", "work"),
    [
        ("要他们老总明早派人过来返修", "incitement", True),
        ("各位一起把旧柜子搬到后院", "incitement", True),
        ("谁也别合闸,不给说法不复工", "incitement", False),
        ("都停机,把厂门堵上", "incitement", False),
        ("铣床刀具崩飞,差点伤人", "violence", True),
        ("电缆让挖机挖断了,好险", "violence", True),
        ("你的铣床我给砸坏,等着", "violence", False),
        ("今晚就把那姓周的腿打断", "violence", False),
    ],
)
def test_what_is_called_out_and_breaks_where_machines_run_is_no_offence(text: str, category: str, work: bool) -> None:
    assert speaks_of_work(text, category, 0.85) == work


@pytest.mark.parametrize(
    ("text", "well"),
    [
        ("心累了一个月,好在今晚顺利并网", True),
        ("崩溃三回,总算搞定了", True),
        ("熬到天亮,值了", True),
        ("又是咱们二班头名,累趴也乐意", True),
        ("总算熬完了,可奖金又没影", False),
        ("心累,真不想干了", False),
    ],
)
def test_hardship_that_was_worth_it_is_no_venting(text: str, well: bool) -> None:
    assert ends_well(text) == well


def test_who_keeps_others_from_danger_incites_nobody() -> None:
    assert calls_to_work("别让他进泵井,先测气体")
    assert not calls_to_work("别让他进门,堵到发工资为止")


@pytest.mark.parametrize(("text", "idle"), [("嘿嘿,晚上加个荷包蛋", False), ("嘿嘿,我家娃又长个了", True)])
def test_a_short_laugh_is_no_idle_talk(text: str, idle: bool) -> None:
    assert speaks_of_work(text, "off_topic", 0.97) != idle


@pytest.mark.parametrize(
    ("text", "denied"),
    [
        ("网传停水的消息不属实，请大家不要转发", True),
        ("网上那个降薪截图是假的，别转了", True),
        ("网传裁员不属实？我看是真的", False),
        ("官方都说传言不实，鬼才信", False),
        ("听说三车间要搬", False),
    ],
)
def test_who_denies_what_goes_round_spreads_nothing(text: str, denied: bool) -> None:
    assert denies(text) == denied


@pytest.mark.parametrize(
    ("text", "forbidden"),
    [
        ("别把密码发到群里，私聊我", True),
        ("标书不得外传，谁泄露谁负责", True),
        ("别往外传，底价是320万", False),
        ("先别告诉别人，老赵要调走", False),
        ("管理员密码：abc123", False),
    ],
)
def test_who_only_forbids_telling_tells_nothing(text: str, forbidden: bool) -> None:
    assert forbids_telling(text) == forbidden


@pytest.mark.parametrize(
    ("text", "friendly"),
    [
        ("今晚德比，赌一顿火锅", True),
        ("谁输谁请奶茶", True),
        ("输的请奶茶", True),
        ("火锅局，一注二百，赌球的来", False),
        ("今晚德比，赌一百", False),
    ],
)
def test_a_meal_is_no_stake(text: str, friendly: bool) -> None:
    assert speaks_of_work(text, "gambling", 0.97) == friendly
