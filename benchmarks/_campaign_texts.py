"""Adverts and work messages written for `campaigns.py`, and the ways in which copies of an advert are changed."""

import random
import re

# {c} is where a way to make contact stands.
ADVERTS = (
    "招兼职打字员，在家就能做，不限时间地点，一单一结，日赚三百元，有意者加微信{c}",
    "急用钱的朋友看过来，无抵押无担保，凭身份证当天放款，利息低额度高，联系{c}",
    "本人长期办理各类资格证书，网上可查，不用考试，先办后付款，需要的加{c}",
    "刷单返利平台诚招合作伙伴，垫付十分钟到账，新人首单送八十八元红包，咨询{c}",
    "老师带队看盘，每天推荐三只牛股，上周学员平均收益两成，免费进群名额有限，加{c}",
    "高价回收旧手机旧电脑，上门取货当面付款，成色不限，微信{c}",
    "正品烟酒批发价出售，全国包邮，假一赔十，支持货到付款，想要的私聊{c}",
    "真人视频聊天，同城可约，安全隐私，先看照片后见面，加好友{c}",
    "线上娱乐城注册就送彩金，提现秒到账，百家乐老虎机应有尽有，网址发你，找{c}",
    "专业代写论文毕业设计，硕士团队，包查重包修改，不满意全额退款，扣扣{c}",
    "信用卡代还提额，逾期也能办，手续费全网最低，不成功不收费，详询{c}",
    "减肥茶月瘦二十斤不反弹，已有上千位姐妹亲测有效，代理加盟享内部价，找我{c}",
    "保健床垫厂家直销，治腰疼改善睡眠，老人免费体验七天，到店还送鸡蛋，电话{c}",
    "出售高仿名表包包，专柜同款，细节到位，支持七天无理由退换，看图加{c}",
    "抖音点赞员火热招募，动动手指就能挣零花钱，一天五十到两百，宝妈学生都可以，进群找{c}",
    "专业开锁换锁芯，二十四小时上门，公安备案，价格优惠，随叫随到{c}",
    "办理各地区增值税发票，税点低，真票可验，长期合作价格更优，需要联系{c}",
    "虚拟币挖矿躺赚项目，投入一万每月分红一千五，保本保息，名额只剩最后十个，加群主{c}",
    "考驾照包过班，科目一二三不用学，交钱拿证，两个月下证，报名咨询{c}",
    "房产抵押贷款，最高可贷八成，放款快，公积金社保也能贷，征信花了也可以谈{c}",
    "诚招快递分拣员，日结两百八，包吃包住，当天入职当天领工资，老乡介绍有奖励，打电话{c}",
    "网络兼职客服，不用押金不用培训，手机操作，一小时二十五，满三小时就能提现，添加{c}",
    "低价出售电影票景区门票，五折起，官方渠道出票，节假日通用，要的私信我{c}",
    "体育赛事内部消息，比分准确率九成，先验证后收费，跟着下注稳赚不赔，加我{c}",
    "祖传秘方治疗痔疮牛皮癣，一个疗程见效，无效退款，老中医一对一指导，请加{c}",
    "代缴社保补缴医保，正规公司挂靠，不断缴不影响买房摇号，长期办理，详情问{c}",
    "移动联通宽带超低价安装，两年只要六百，免初装费，送路由器，办理找小李{c}",
    "出国劳务招工，月薪两万起，包机票签证，无需外语，工厂农场都有岗位，名额紧张速联系{c}",
    "海外代购奶粉面霜，每天直播看得见，一件也是批发价，加微信看朋友圈{c}",
    "同城二手车低价急售，手续齐全无事故，可贷款可置换，有意看车联系车主{c}",
    "手机号码靓号出售，全国可选归属地，无最低消费，实名过户，看中哪个报给我{c}",
    "在线算命看姻缘事业，老先生四十年经验，先算后付，准了再给，有缘人添加{c}",
    "教育机构清仓甩卖网课，公考教师编全套视频只要九块九，永久更新，扫码或者加{c}",
    "零元购活动来了，邀请三位好友助力就能领电饭锅，亲测已到货，链接找我拿{c}",
    "私家侦探婚外情调查取证，定位查询通话记录，保密协议，先查后付，电话同号{c}",
    "微商货源一手厂家，童装女装鞋子包包，一件代发不压货，教你引流卖货，来找{c}",
    "抢红包外挂软件，百发百中，免死稳定，支持试用，代理价更低，购买请加{c}",
    "搬家拉货二十元起步，小区楼上楼下都搬，带师傅带绳子，随时用车打{c}",
    "优质茶叶产地直供，武夷岩茶安溪铁观音，送礼自饮都合适，品鉴装免费寄，留地址或加{c}",
    "企业贷款绿色通道，凭营业执照最高五百万，年化三点六，银行直接放款，经理微信{c}",
    "祛斑美白针进口原装，三天见效，不开刀不住院，闺蜜同行第二位半价，预约{c}",
    "网赌输了钱不要慌，专业团队帮你追回损失，先追回再收费，已帮几百人挽回，速加{c}",
    "全自动挂机赚钱软件，一部手机一天六十，多号多赚，永不封号，教程免费发，来人加{c}",
    "养老公寓预存返利，存十万每年返一万二，本金随时退，参观免费接送含午餐，报名{c}",
)
# Messages between colleagues: several share words with adverts and with one another.
WORK = (
    "各位同事，明天上午九点在三楼会议室开周例会，请带上本周工作小结，电话会议号稍后发",
    "各位同事，明天下午两点在二楼会议室开安全培训会，请带上工作证和笔，迟到要登记",
    "这个月的工资条已经发到邮箱了，有疑问的请在周五之前联系人力资源小陈，分机八零一二",
    "报销单请大家在二十五号之前交到财务，发票要贴好，超过时间的放到下个月处理",
    "快递放在门卫室了，麻烦张工下班的时候来取一下，打我电话也行",
    "客户要求周三之前把报价单发过去，价格按照上次谈好的八折，先发给我看一下",
    "仓库今天盘点，下午四点以后不收货，急用的物料请提前和李师傅联系",
    "新来的兼职同学今天到岗，请带教老师安排工位，工时按日结表登记",
    "一号机床报警停机，维修班已经到场，预计两个小时恢复，生产计划请往后调整",
    "二号机床主轴温度偏高，维修班正在检查，预计一个小时恢复，三号线先顶上",
    "请大家填写健康情况登记表，链接在下面，今天下班之前填完，没有填的部门要通报",
    "公司和驾校谈了团体价，有想学车的同事可以找工会小王报名，自愿参加",
    "食堂从下周一起增加晚餐供应，时间是五点半到七点，刷工卡就可以",
    "今天晚上小区停水，住宿舍的同事提前接一点水，明早六点恢复供水",
    "谁有合同模板发我一份，客户那边催得很急，最好是去年修订过的那个版本",
    "供应商来电话说那批货要晚两天到，采购先跟客户解释一下，别影响验收",
    "面试安排在周四上午十点，候选人三位，会议室已经订好，请各面试官提前看简历",
    "大家注意，最近有人冒充领导加微信借钱，遇到这种情况先打电话核实，不要转账",
    "贷款客户的资料我已经整理好了，一共十二份，还差两份征信报告，明天补齐",
    "年会抽奖名单出来了，恭喜中奖的同事，请本周内到行政前台领取奖品",
    "夜班的同事注意保暖，仓库的门随手关上，叉车出入要鸣笛",
    "这周的排班表有调整，小刘和小赵换班，大家看一下，没问题回复收到",
    "项目验收材料今天必须交，图纸清单照片都要齐，缺哪样的先跟我说",
    "信用卡部的活动物料到了，各网点派人来领，每个网点五十份，签字登记",
    "下午的直播彩排改到四点，主播提前半小时到场，灯光和话筒由小孙负责",
    "会员日当天收银台全部开放，赠品按名单发放，发完为止，多出来的退回仓库",
    "客户投诉说收到的奶粉罐子有凹陷，请仓库查一下这个批次，今天给答复",
    "培训视频已经上传，大家这周内看完，最后有十道题，八十分及格",
    "门禁系统今晚升级，十点到十二点刷卡无效，加班的同事走东门登记",
    "发票抬头改了，以后开票统一用新的公司名称，税号在群文件里面",
    "本月销售额完成百分之九十二，还差一点，最后三天大家再冲一冲",
    "电梯年检已经通过，合格证贴在轿厢里面了，之前的维修通知可以撕掉",
    "社保基数调整通知已经发到各部门，有补缴情况的同事请联系人事核对",
    "搬家公司周六早上八点到，请各部门周五下班之前把箱子贴好标签",
    "公司宽带今天割接，下午会断网十分钟，请提前保存文档，有问题找小李",
    "我这边网银转账限额了，麻烦财务明天上午先把供应商的尾款付一下",
    "请把上周的巡检照片发到群里，漏检的点位要补拍，安全员逐条核对",
    "茶水间的饮水机滤芯该换了，行政已经联系厂家，明天师傅上门",
    "有同事捡到一把车钥匙，银色的，失主请到前台认领，电话打总机转",
    "团建投票截止到今晚八点，目前爬山票数最多，没投的抓紧投一下",
    "这批二手周转箱成色还可以，先领三十个给装配线用，破损的拍照退回去",
    "停车位重新划线，周末两天不要停在厂区东侧，外来车辆停到马路对面",
    "考证报名费可以报销一半，拿到证书以后凭发票找人事，一年之内有效",
    "各班组长把加班申请在系统里提一下，没有提交的不算工时，找我要账号",
)
_WORDS = """
加微信=加薇信 联系=找 咨询=问问 朋友=亲们 免费=不要钱 专业=正规 长期=一直 办理=代办 出售=转让
低价=便宜 高价=重金 日结=当天结 当天=当日 名额有限=先到先得 需要的=有需求的 全国=各地 支持=可以 包邮=免运费
放款=下款 利息=费用 招募=招人 诚招=急招 兼职=副业 每天=天天 上门=到家 不用=无需 无需=不用
就能=便可 软件=工具 提现=取钱 报名=登记 付款=给钱 收费=收钱 价格=价钱 一个=一 注册=开户
推荐=介绍 正品=真货 团队=小组 秒到账=马上到 已有=有 上千位=好多 教程=教学 永久=终身 邀请=拉
随时=任何时候 详询=细问 见效=管用 经验=本事
"""
_SAME = [tuple(one.split("=")) for one in _WORDS.split()]
_FILL = tuple("的了呢啊哦呀哈吧嘛啦")
_EMOJI = "🔥💰🎉👍✨💎🌹📣❗🆗"
_SOUNDS = dict(zip("微信加联系钱赚证贷款兼职免费", "威芯家连细前撰正带欠间直兔费", strict=True))
_OPENINGS = ("大家好，打扰了，", "各位老板早上好，", "群主好，发个信息，", "不好意思打扰各位，")
_ENDINGS = ("，机会难得", "，非诚勿扰", "，谢谢大家", "，错过再等一年")


def contact(rng: random.Random) -> str:
    """A way to make contact that nobody has: an account, a number, or a number in words."""
    digits = "".join(rng.choice("0123456789") for _ in range(9))
    return rng.choice((
        f"1{rng.choice('3578')}{digits}", f"wx{digits[:5]}{rng.choice('abcxyz')}", f"v_{rng.choice('klmn')}ing{digits[:3]}",
        "".join("零一二三四五六七八九"[int(one)] for one in "13" + digits),
    ))  # fmt: skip


def written(advert: str, rng: random.Random) -> str:
    return advert.replace("{c}", contact(rng))


def words_replaced(text: str, rng: random.Random) -> str:
    """Up to three words by others of their meaning, and a particle or two put in."""
    found = [(old, new) for old, new in _SAME if old in text]
    for old, new in rng.sample(found, min(3, len(found))):
        text = text.replace(old, new, 1)
    places = [one.end() for one in re.finditer("[，]", text)]
    for place in sorted(rng.sample(places, min(2, len(places))), reverse=True):
        text = text[: place - 1] + rng.choice(_FILL) + text[place - 1 :]
    return text


def emoji_inserted(text: str, rng: random.Random) -> str:
    for place in sorted(rng.sample(range(1, len(text)), 6), reverse=True):
        text = text[:place] + rng.choice(_EMOJI) + text[place:]
    return text


def contact_changed(text: str, rng: random.Random) -> str:
    """Another account, and other sums of money."""
    text = re.sub("[零一二三四五六七八九]{9,}|[a-z_]*[0-9]{3,}[a-z]*", lambda _: contact(rng), text)
    return re.sub("[二三四五六七八九](?=[百千万十成])", lambda _: rng.choice("二三四五六七八九"), text)


def sentences_moved(text: str, rng: random.Random) -> str:
    parts = text.split("，")
    last = parts.pop()
    rng.shuffle(parts)
    return "，".join([*parts, last])


def framed(text: str, rng: random.Random) -> str:
    """A greeting before and a phrase behind."""
    return rng.choice(_OPENINGS) + text + rng.choice(_ENDINGS)


def sound_alikes(text: str, rng: random.Random) -> str:
    return "".join(_SOUNDS.get(one, one) for one in text)


def part_left_out(text: str, rng: random.Random) -> str:
    """One clause less."""
    parts = text.split("，")
    parts.pop(rng.randrange(len(parts) - 1))
    return "，".join(parts)


def all_at_once(text: str, rng: random.Random) -> str:
    """Words, contact, order and emoji."""
    return emoji_inserted(sentences_moved(contact_changed(words_replaced(text, rng), rng), rng), rng)


CHANGES = {
    "words replaced": words_replaced,
    "emoji inserted": emoji_inserted,
    "contact and sums changed": contact_changed,
    "sentence order": sentences_moved,
    "greeting and ending added": framed,
    "sound-alikes": sound_alikes,
    "one clause left out": part_left_out,
    "words, contact, order, emoji": all_at_once,
}
