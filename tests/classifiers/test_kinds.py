"""Red packets, transfers and vouchers as connectors tell of them and as clients write them; talk is never one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.kinds import kind_signals
from models import Change, Link, Money, Observation, Signal

HANDED_OUT: dict[str, tuple[str, ...]] = {
    "red_packet": (
        "[红包]恭喜发财，大吉大利",
        "[红包] 恭喜发财",
        "【红包】恭喜发财",
        "[微信红包]恭喜发财，大吉大利",
        "[QQ红包]请使用新版手机QQ查收红包。",
        "收到红包，请在手机上查看",
        "你收到红包，请在手机上查看",
        "收到一个微信红包，请在手机上查看",
        "[红包]",
        "［红包］",
        "[拼手气红包]新年快乐",
        "[紅包]恭喜發財",
        "收到紅包，請在手機上查看",
        "[收到一条微信红包消息，请在手机上查看]",
        "我给你发了一个红包，赶紧去拆!",
        "微信红包：恭喜发财，大吉大利",
        "发个红包给大家",
        "给大家发红包啦",
        "红包来了，大家快抢",
        "红包雨来啦",
        "手慢无，红包",
        "抢红包啦！",
        "红包口令：恭喜发财",
        "口令红包：一起发财",
        "点链接领红包 https://a.cn/x",
        "给大家发个红包庆祝一下",
        "发个大红包，大家抢",
        "\u200b[红包]恭喜发财",
        "[红\u200b包]恭喜发财",
        "[ 红包 ]",
        "[Red Packet]",
        "[Red Packet] Best wishes",
        "[红包]新年快乐，感谢大家一年的辛苦工作，祝万事如意",
        "红包已发，大家领一下",
        "红包发了，快去领",
        "来抢红包",
        "小红包一个，不成敬意",
        "开工红包奉上",
        "红包🧧来啦",
        "发红包了",
        "红 包 来 了",
        "[红包]李四的红包",
        "[红包]祝大家上线顺利",
        "[红包]大家别抢太快",
        "[红包]提醒一下：大吉大利",
        "[企业微信红包]",
        "[红包]发财啦！",
        "[红包]test",
    ),
    "transfer": (
        "[转账]",
        "[转账]100元",
        "[转账] 请收款",
        "【转账】",
        "[微信转账]",
        "收到转账，请在手机上查看",
        "你收到一笔转账，请在手机上查看",
        "收到一条微信转账消息，请在手机上查看",
        "[收到一条微信转账消息]",
        "[转帐]",
        "[轉賬]",
        "[轉帳]收到轉帳",
        "收到转账100.00元。如需收钱，请点此升级至最新版本",
        "[转账]￥200.00",
        "向你转账￥100",
        "给你转账 100元",
        "微信转账 ￥50.00",
        "[Transfer]",
        "[转账]2000.00元 请在手机上确认收款",
    ),
    "voucher": (
        "满减券我这儿多两张，哪位用得上拿去用",
        "视频会员兑换码送2个，先用先得",
        "工会福利洗车券，扫码领",
        "电影券有人要吗？",
        "[卡券]",
        "[礼品卡]",
        "[优惠券]满100减20",
        "购物卡来领，先到先得",
        "给大家发购物卡",
        "京东E卡卡密：ABCD-1234",
        "送大家一张星巴克卡",
        "电影券自取，手慢无",
        "发几张优惠券给大家",
        "代金券 https://a.cn/q",
        "咖啡券请查收",
        "购 物 卡 来领",
        "購物卡自取",
        "给领导送购物卡",
        "给各位领导准备了提货券",
        "加油卡送上，请笑纳",
        "超市卡一人一张，来领",
        "免费领代金券！",
        "蟹卡兑换码：AB12",
        "平台送好礼，点链接领打车券 https://a.cn/q",
        "扫这个码兑早餐券",
        "洗车券三张，先到先得",
    ),
}

TALK: dict[str, tuple[str, ...]] = {
    "red_packet": (
        "红包预算多少",
        "红包怎么报销",
        "谁发的红包",
        "禁止在群里发红包",
        "群里不要发红包",
        "红包收到了吗",
        "抢到红包了吗",
        "红包封面真好看",
        "红包功能有bug",
        "我没抢到红包",
        "别发红包了",
        "收到红包了，谢谢",
        "过年给孩子红包",
        "红包金额已登记",
        "开工红包预算请审核",
        "年会红包方案",
        "昨天的红包谢谢",
        "红包退还",
        "红包诈骗要警惕",
        "拒收红包",
        "小心“红包”链接",
        "红包接口联调",
        "可以发红包吗",
        "要不要发个红包给大家？",
        "发红包违反群规",
        "请勿发红包",
        "[红包][红包][红包]",
        "开心[红包][红包]",
        "谢谢老板[红包]",
        "新年快乐[红包]",
        "[红包]表情怎么打",
        "面包车来了",
        "背包自取",
        "书包来啦",
        "打包快来",
        "红包车险",
        "严禁抢红包",
        "想要红包",
        "求红包",
        "老板发红包",
        "老板什么时候发红包",
        "领导给大家发红包了",
        "财务在给大家发红包，到前台领",
        "红包来了吗",
        "快递红包裹到了",
        "红包是张总发的",
        "公司给大家发了开工红包，请到财务签领",
        "记者给各位发红包的新闻看了吗",
        "“发个红包给大家”这种话别说",
        "他说给大家发个红包",
        "有人在群里发了个红包给大家，违规",
        "红包已过期",
        "红包24小时未领取退回",
        "测试：给大家发红包页面",
    ),
    "transfer": (
        "转账了吗",
        "请转账到公司账户",
        "转账凭证发我",
        "[转账]凭证已上传？",
        "银行转账失败",
        "转账限额是多少",
        "转账功能测试",
        "财务转账流程",
        "怎么转账",
        "我转账给你了",
        "已转账，请查收",
        "收到转账，请开发票",
        "收到转账后发货",
        "收到转账通知",
        "向供应商转账100元",
        "微信转账怎么报销",
        "客户转账5000元",
        "公户转账",
        "转账记录截图",
        "[转账][转账]",
        "转账诈骗高发",
        "会计给你转账 100元",
    ),
    "voucher": (
        "扫码领资料，奶茶券的活动另说",
        "客户扫码领餐券的流程请走一遍",
        "提货码的发票谁要？财务在催",
        "兑换码接口又报错了",
        "早餐券用完了，办公室补一批",
        "体验券由文旅科送给参会的群众代表",
        "工会福利购物卡到三楼签领",
        "购物卡预算",
        "发购物卡要审批",
        "中秋购物卡到前台领",
        "月饼券到工会领",
        "优惠券功能有bug",
        "优惠券接口",
        "严禁收送购物卡",
        "购物卡怎么报销",
        "电影券还有吗",
        "谁丢了加油卡",
        "加油卡续费找谁",
        "给大家发购物卡的方案",
        "拒收礼品卡",
        "优惠券页面上线",
        "收受购物卡通报",
        "工会给大家发电影券，凭工牌领",
        "给优惠券模块加字段",
        "餐券从明天起停用",
        "食堂餐券用完了",
        "蛋糕券每人一张，周三统一发",
        "测试购物卡核销",
        "给客户的代金券已经配置",
        "发放记录：购物卡20张",
        "不要给领导送购物卡",
        "他给领导送购物卡被查了",
        "给你的充值卡报销单",
        "显卡先到先得",
        "门禁卡自取",
        "工卡来领",
        "公交卡请查收",
        "饭卡大家自取",
        "入场券统一领取",
        "胜券在握，大家来",
    ),
}


def signals(text: str | None = None, **given: Any) -> tuple[Signal, ...]:
    return kind_signals(Observation(**{"type": "message.created", "sent_at": 1, "id": "m", "text": text, **given}))


def categories(text: str | None = None, **given: Any) -> list[str]:
    return [one.category for one in signals(text, **given)]


def cases(table: dict[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    return [(category, text) for category, texts in table.items() for text in texts]


@pytest.mark.parametrize(("category", "text"), cases(HANDED_OUT))
def test_what_clients_show_and_people_hand_out_is_found(category: str, text: str) -> None:
    assert categories(text) == [category]


@pytest.mark.parametrize(("category", "text"), cases(TALK))
def test_talk_is_not(category: str, text: str) -> None:
    assert category not in categories(text)


@pytest.mark.parametrize("category", ["red_packet", "transfer", "voucher"])
def test_kind_and_money_count_once_and_whatever_the_text_says(category: str) -> None:
    assert categories("红包怎么报销？", kind=category) == [category]
    assert categories(money=Money(type=category)) == [category]
    assert categories("[红包]恭喜", kind="red_packet", money=Money(type="red_packet")) == ["red_packet"]


def test_other_kinds_and_types_give_nothing() -> None:
    assert categories("收到", kind="text", money=Money(type="unknown")) == []
    assert categories("[红包]", type="message.recalled", kind="red_packet") == []


def test_an_edit_is_read_by_its_new_text() -> None:
    change = Change(field="text", old="早", new="[红包]恭喜发财")
    assert categories(type="message.edited", change=change) == ["red_packet"]


def test_quoted_red_packet_is_not_the_senders() -> None:
    reply = "「小\u200b王：[红包]恭喜发财」\n- - - - - - - -\n{}"
    assert categories(reply.format("谢谢")) == []
    text = reply.format("[红包]同喜")
    (signal,) = signals(text)
    assert text[slice(*signal.evidence[0].span or ())] == "[红包]"


@pytest.mark.parametrize("before", ["", "\u3000 ", "\u200b", "\ufeff\n"])
@pytest.mark.parametrize(("piece", "matched"), [("[红\u200b包]", "[红包]"), ("[红包]", "[红包]")])
def test_span_is_what_was_matched(before: str, piece: str, matched: str) -> None:
    text = f"{before}{piece}恭喜发财"
    (signal,) = signals(text)
    (evidence,) = signal.evidence
    assert evidence.span is not None
    assert text[slice(*evidence.span)] == piece
    assert evidence.matched == matched


def test_a_lone_surrogate_hides_nothing() -> None:
    assert categories("[红包]恭喜\ud800发财") == ["red_packet"]


@pytest.mark.parametrize("wish", ["谁抢到谁请客", "别抢太快", "不要太开心", "祝大家上线顺利"])
def test_a_wish_may_say_nearly_everything(wish: str) -> None:
    assert categories(f"[红包]{wish}") == ["red_packet"]


@given(st.text(st.characters(), max_size=60))
def test_any_text_is_read(text: str) -> None:
    for signal in (*signals(text), *signals(f"[红包]{text}")):
        for one in signal.evidence:
            assert one.span is not None
            assert 0 <= one.span[0] < one.span[1] <= len(text) + 4


@pytest.mark.parametrize("piece", ["红包", "「", "「」\n---\n", "购物卡", "[红包]", " 红 包"])
def test_a_megabyte_is_read_through(piece: str) -> None:
    assert len(signals(piece * (1_000_000 // len(piece)))) <= 3


def test_a_voucher_in_the_title_of_a_link_counts_and_has_no_place_in_the_text() -> None:
    link = Link(url="https://shop.example/1", title="超市电子购物卡200元,点击领取")
    (signal,) = signals("看看这个", links=(link,), kind="link")
    assert (signal.category, [item.span for item in signal.evidence]) == ("voucher", [None])
    assert signals("看看这个", links=(Link(url="https://shop.example/2", title="购物卡采购合同"),)) == ()
