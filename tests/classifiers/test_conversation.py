"""What each reader of conversation takes for its own, what it leaves, and that no text however strange stops it."""

import json
from collections.abc import Hashable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifiers.conversation import (
    NEEDED,
    asked_for,
    asks_reply,
    gist,
    instructs,
    is_notice,
    is_question,
    is_receipt,
    is_to_the_point,
    takes_note,
    waives_reply,
)
from classifiers.cues import Cues

READERS = (is_receipt, is_notice, asks_reply, waives_reply, is_question, instructs)

RECEIPTS = (
    "收到",
    "收到！",
    "收到，谢谢",
    "收到，马上办",
    "收到，下午三点前报",
    "@王处 收到",
    "@王处收到",
    "@王处 @李科 收到，立即落实",
    "收到@王处",
    "销售部 王强 收到",
    "销售部王强收到",
    "王强收到",
    "王强 收到",
    "收到 王强",
    "【一车间】李明：收到",
    "财务部收到",
    "张工收到",
    "小李收到",
    "我部已收到",
    "明白",
    "明白了",
    "好的",
    "好的，谢谢领导",
    "好的王总",
    "好的张老师",
    "好嘞",
    "嗯嗯，好的",
    "已阅",
    "1",
    "1111",
    "+1",
    "👌",
    "👍👍",
    "[OK]",
    "收到[OK]",
    "[抱拳]收到",
    "收到🙏",
    "OK",
    "ok，收到",
    "Okay",
    "知道了",
    "已知悉",
    "知悉",
    "了解",
    "清楚了",
    "遵照执行",
    "坚决落实",
    "执行",
    "没问题",
    "保证完成任务",
    "收到收到",
    "收到通知",
    "通知收到，我们会按时参加",
    "邮件已收到，谢谢",
    "已收到文件",
    "收到，请领导放心",
    "收到，我这边尽快核实",
    "收到，马上安排人处理",
    "收到領導",
    "明白，馬上處理",
    "已閱",
    "好的收到",
    "3班张三收到",
    "张三妈妈收到",
    "Lucy 收到",
    "12 王芳 收到",
    "copy that",
    "got it",
    "Noted, thanks",
    "「王处：请各科室报材料」\n- - - - - - - - - - - - - - -\n收到",
    "行",
    "好",
    "是！",
    "可以",
    "嗯",
    "好的呢",
    "收到，我再跟客户确认交期",
    "收到，我这边协调，两点前给您答复",
    "👍🏻",
    "已传达",
)

NO_RECEIPTS = (
    "收到货了吗",
    "收到投诉了",
    "收到吗",
    "收到了吗？",
    "收到没",
    "收到请回复",
    "大家收到了吗",
    "没收到",
    "还没收到",
    "请收到的回复",
    "收到客户反馈",
    "收到红包",
    "收到一笔货款",
    "货收到了",
    "包裹收到了",
    "快递已收到",
    "明白了吗",
    "明白你的意思，但是现在做不了",
    "好的建议很多",
    "好的那你什么时候来",
    "1号楼停水",
    "10",
    "1200",
    "11点开会",
    "OK不OK",
    "好吧那明天再说这个方案的细节问题",
    "今天产线OEE 87%",
    "知道怎么弄吗",
    "谁收到了",
    "收到的请扣1",
    "执行新考勤制度从下周开始",
    "可以吗",
    "行不行",
    "好人卡",
    "阅读材料在附件",
    "没问题吗",
    "清楚了没有",
    "收到加微信领红包",
    "收到发票了",
    "收到三份投诉材料，已转客服",
    "已转科技部，11点前给您答复",
    "马上办",
    "立即落实",
    "好的方案才有用",
    "",
    "@王强",
    "王强",
    "销售部 王强",
    "谢谢",
    "[图片]",
    "收到通知的同事请签字",
    "执行情况见附件",
    "你明白",
    "666",
    "？",
    "收到，加我微信领红包",
    "1 2",
    "图书捐赠共收到312本",
    "转正答辩材料已收到，周四面试官三位",
)

NOTICES = (
    "【停气】管网抢修，今天下午到夜里，恢复时间另告",
    "【活动取消】因讲师航班延误，周四的分享会取消",
    "讲座预告：怎样看懂体检报告，周三两点，六楼",
    "值班安排：初一至初三老丁，初四起小陶",
    "尊敬的顾客：本柜今日盘点，请到隔壁收银",
    "各商户：污水井清掏，后门停车场明天封闭，请绕行",
    "从下周一开始，访客一律走南门，凭身份证换卡",
    "因台风登陆，明天停课一天，请家长互相转告",
    "公司拟于9月3日在多功能厅举行新员工见面会",
    "接通知，今晚起所有渡船停航",
    "通知各班组，劳保用品改到周四领",
    "【通知】周五14点全员大会",
    "【公告】下周起执行新考勤",
    "【会议通知】明天下午三点二楼会议室",
    "[通知] 系统今晚升级",
    "【停电通知】因线路检修，周六停电",
    "【关于国庆放假的通知】10月1日至7日放假",
    "停电通知：周四14点起停电",
    "会议通知：明天9点在三楼开会",
    "会议通知\n时间：明天9点",
    "温馨提示：明天降温，请注意保暖",
    "【温馨提示】下班请关好门窗",
    "通知：下午三点开会",
    "公告：食堂今天停业一天",
    "各位同事：因设备检修，周六停产一天，特此通知。",
    "各位同事：明天下午三点在二楼会议室召开月度例会，请准时参加。",
    "各位同事，公司定于周五下午组织消防演练，请提前安排好工作",
    "关于调整上下班时间的通知\n各部门：自下周一起调整上班时间",
    "综合办公室关于端午节放假的通知",
    "各科室：\n关于开展安全生产大检查的通知",
    "全体员工：经研究决定，自3月1日起实行新的考勤办法。",
    "现将中秋节放假安排通知如下：9月15日至17日放假",
    "通知大家，明天的例会改到下午两点",
    "通知一下：今晚加班取消",
    "接上级通知，明天有检查组来，请做好准备",
    "@所有人 【通知】明天停水",
    "@所有人 通知：明天停水",
    "转发：关于做好防汛工作的通知",
    "会议时间：周五9:00\n会议地点：三楼会议室\n参会人员：各科科长",
    "供水公司公告:明日8–18时检修停水,链接为官网",
    "📢通知：今晚消防检查",
    "紧急通知！今晚有暴雨，请各值班人员到岗",
    "尊敬的各位业主：因管道维修，明天上午停水，敬请谅解",
    "食堂今日起停业，特此通知",
    "【通報】三月份考勤情況如下",
    "【公示】优秀员工名单",
    "放假通知（2026）：五一放五天",
    "停工检修通知：周四14点起停电",
    "各位老師：將於週五舉行開放日，請準時參加",
)

TALK = (
    "客户从下周开始改用新系统，请我们配合测试",
    "我明天开始休假，有事请找小郭",
    "昨天停电，今天提前开工了",
    "听说明天停水，是不是真的",
    "三号线检修完了，请验收",
    "调度说了一句明天检修",
    "通知发了吗",
    "看下通知",
    "昨天那个通知是谁发的",
    "关于放假的通知发了吗",
    "关于国庆放假的通知已发OA",
    "【通知】看到了吗",
    "【通知】谁发的",
    "通知收到",
    "收到通知",
    "麻烦把通知发我一下",
    "那个会议通知：谁写的",
    "请看下通知：在群文件里",
    "通知改好了",
    "我写的通知：你看看",
    "等通知",
    "等通知：别急",
    "公告在哪",
    "公告栏坏了",
    "昨天的公告谁贴的",
    "没收到停电通知",
    "停电通知贴了没",
    "各位同事，谁有打印机驱动",
    "各位好，我是新来的小王",
    "各位领导：三号线停电了，正在抢修",
    "各位同事早上好",
    "特此通知这四个字要加在最后",
    "末尾写“特此通知”",
    "收到客户通知，下午来验厂",
    "通知小王下午来开会",
    "帮我通知一下大家",
    "今天产线OEE 87%",
    "会议纪要\n时间：3月2日",
    "外出报备：下午去住建局对接管网项目,五点前回",
    "时间：3月2日\n地点：一车间\n内容：巡检",
    "温馨提示牌要换了",
    "提醒我一下",
    "全体集合",
    "通报批评的事别再提了",
    "起草一份关于停水的通知",
    "你写一下关于加班的通知",
    "学习了关于安全生产的通知",
    "按通知要求，材料已报送",
    "通知里说几点？",
    "公示期是几天",
    "通知单打印好了",
    "入职通知书什么时候发？",
    "昨天发了关于放假的通知",
)

ASKING_FOR_REPLIES = (
    "收到请回复",
    "收到請回覆",
    "收到请回复！",
    "收到请接龙",
    "收到请回复收到",
    "请各部门回复",
    "请大家回复",
    "请@到的同事确认",
    "请收到后回复",
    "收到后请回复，谢谢",
    "收到的请回复1",
    "收到请扣1",
    "收到回复",
    "收到回复1",
    "阅后请回复",
    "阅后回复",
    "看到请回复",
    "请大家接龙",
    "请各科室收到后及时回复",
    "各部门收到请回执",
    "请尽快回复",
    "收到请大家在群里回复",
    "收到的同事请接龙",
    "请全体人员接龙",
    "【通知】周五停电检修,收到请回复",
    "请确认收到",
    "请未接龙的同事尽快接龙",
    "请各位确认",
    "麻烦大家回个收到",
    "是否参加请回复",
    "请于今天下班前回复",
    "收到望回复",
)

NOT_ASKING_FOR_REPLIES = (
    "收到",
    "收到了",
    "收到回复了",
    "还没收到回复",
    "请尽快回复客户",
    "请回复客户邮件",
    "请及时回复对方",
    "请勿回复收到",
    "无需回复",
    "收到不用回复",
    "不必逐一回复，收到请知悉",
    "要的接龙",
    "需要的请接龙",
    "客户请我们回复",
    "要不要请大家回复",
    "我回复他了",
    "请查收",
    "请财务确认发票金额",
    "接龙多少人了",
    "收到请转告",
    "领导还没回复",
    "收到投诉了",
    "今天产线OEE 87%",
    "等客户确认",
    "他说收到了",
)

WAIVING = (
    "无需回复",
    "無需回覆",
    "无须回复",
    "不必逐一回复",
    "不用回复",
    "请勿回复收到",
    "免回",
    "免回复",
    "【通知】周五停电检修,无需回复",
    "收到不用回",
    "看到即可，不用回了",
    "不需要回复",
    "请不要在群里回复收到",
    "勿回复",
    "请勿刷屏回复",
    "知悉即可，不必回复。",
    "别回复收到了",
    "大家不用一一回复",
    "不要再回复了",
    "收到勿回",
    "不用接龙",
    "毋须回复",
)

NOT_WAIVING = (
    "收到请回复",
    "不回复的视为同意",
    "不用回复吗",
    "不用回复了吗",
    "没回复",
    "还未回复",
    "不要回复客户邮件",
    "请勿回复陌生短信",
    "不用回来了",
    "免回扣",
    "别回复那个骗子",
    "不要只回复收到，要写清进度",
    "不能不回复",
    "请特别回复一下时间",
    "为什么没人回复",
    "不用回家",
    "无需审批",
    "不要忘记回复",
    "今天产线OEE 87%",
    "别不回复啊",
    "不会回复",
)

QUESTIONS = (
    "螺栓是M12还是M14",
    "这版合同改不改",
    "周末能进现场不",
    "编号重了，按哪条算",
    "备件还剩几箱，客户要",
    "封样在第几页",
    "这个报表今天能出吗",
    "这个报表今天能出吗？",
    "谁知道会议室密码",
    "请问会议室密码是多少",
    "请问下周一上班吗",
    "打印机怎么弄",
    "这个怎么填",
    "打印机怎么用啊",
    "各村防汛物资到位没有?",
    "各村防汛物资到位没有",
    "物资到了没",
    "小王到了吗，客户在等",
    "这个报表今天能出吗，客户在催",
    "几点开会",
    "什么时候发工资",
    "明天哪天有空",
    "有没有人会修打印机",
    "谁有打印机驱动",
    "哪位同事有模板",
    "人呢",
    "报表呢",
    "发票还差多少",
    "这个多少钱",
    "为什么系统登录不上",
    "能不能晚点交",
    "是不是要重新填",
    "想问一下报销流程",
    "问一下，食堂几点关门",
    "请教大家一个问题",
    "請問報表今天能出嗎",
    "在不在",
    "三号线怎么还没开",
    "在哪开会",
    "会议室在哪里",
    "这个合同谁负责？",
    "@王强 图纸发了没有",
    "数据对吗",
    "这样写好吗？",
    "今天谁值班",
    "谁要自己开车去？",
    "谁要直接去现场吗",
    "什么情况",
    "咋弄",
    "有人知道WiFi密码吗",
    "下午的会还开么",
    "系统是否已经恢复？",
    "报表发哪个群",
    "这份表交给谁",
    "明天要穿工服不？",
    "你们知道怎么进系统么",
    "这个bug谁在跟？",
    "Can we ship today?",
    "谁能借我一个行李箱",
    "昨天谁最后走的，灯没关",
    "下次开会能不能提前把材料发群里",
)

NO_QUESTIONS = (
    "为什么要挂牌？因为有人会误合闸。",
    "顾客问能不能刷卡，我说可以",
    "谁让咱是值班的呢，我去",
    "谁使用谁归还，写在柜门上了",
    "钥匙在抽屉里，谁要用自己拿",
    "谁想看就点开，都是公开的",
    "作文题目是《我为什么爱冬天》",
    "“你们几点关门？”门卫又接到一个这样的电话",
    "已经弄明白是什么原因了",
    "你问我我问谁去",
    "收到",
    "好的",
    "今天产线OEE 87%",
    "看看有没有问题",
    "请检查有没有漏电",
    "我知道怎么弄",
    "不知道什么时候能好",
    "教大家怎么弄",
    "大家安静一点好吗",
    "请大家配合一下好吗？",
    "别在群里聊天了行吗",
    "是吗？",
    "是吧",
    "真的吗？",
    "难道就没人管吗？",
    "何必呢",
    "？",
    "？？？",
    "链接 https://example.com/a?id=1",
    "有什么问题随时找我",
    "有什么需要联系综合办",
    "什么时候都行",
    "我还在路上呢",
    "正在弄呢",
    "这么多",
    "什么都没有",
    "没什么",
    "差不多了",
    "怎么都行",
    "谁都可以去",
    "【通知】为什么要开展安全月？请各部门认真学习",
    "各位同事：大家准备好了吗？公司定于周五组织春游，请准时参加",
    "请问题负责人来一趟",
    "请问清楚再报",
    "我去问一下财务",
    "问下财务再回复你",
    "我问问",
    "多少有点影响",
    "无论什么时候都要戴安全帽",
    "讨论一下怎么处理",
    "要么今天交，要么明天交",
    "那么先这样",
    "没有",
    "没有问题",
    "昨天研究了怎么整改",
    "还没有",
    "任何时候都不能进",
    "好吧",
    "谁也没来",
    "谁签字谁负责",
)

INSTRUCTIONS = (
    "请各科室今天下班前报送材料",
    "下午三点前把台账发我",
    "明天备好材料",
    "明天15点听防汛汇报,农水股备材料",
    "各部门周五17点前交盘点表",
    "请各部门尽快整改",
    "请各单位立即排查安全隐患",
    "务必落实到位",
    "小王把台账发我",
    "各科室下班前上报人数",
    "下周三之前完成自查",
    "3月5日前提交年度总结",
    "請各科室今天下班前報送材料",
    "明天九点全体参加",
    "全体人员明早8点到会议室集合",
    "今天必须把数据核对完",
    "周五前，各部门交盘点表",
    "马上把图纸发给我",
    "限期三天整改",
    "请小李准备明天的汇报材料",
    "麻烦把合同打印一下",
    "月底前清理库存",
    "立即上报各点位情况",
    "请认真落实",
    "各车间做好防暑降温",
    "我下午不在，大家三点前把台账发我",
    "请把样品柜钥匙放回密码盒",
    "仓库货架超高，请叉车组调整",
)

NO_INSTRUCTIONS = (
    "收到",
    "收到,已转科技部,11点前给您答复",
    "收到，下午三点前报",
    "我下午三点前发您",
    "我们周五前完成",
    "已于昨天前报送",
    "材料已提交",
    "正在清点,十一点前报数",
    "下午三点前能交吗？",
    "明天能完成吗",
    "请领导审阅",
    "请领导查收",
    "请各位放心",
    "请问几点开会",
    "请假一天",
    "今天产线OEE 87%",
    "客户周五前发货",
    "供应商说明天上午送到",
    "三点前我把台账发您",
    "预计明天完成",
    "好的，明天交",
    "大家早上好",
    "昨天下午三点开会了",
    "上午的台账已上传",
    "我把文件发你了",
    "天气不错",
    "听说明天停水",
    "争取今天下班前完成",
    "周五是我生日",
    "今天走访了7户,台账已补齐,表格见附件",
    "今天原料风险排查，未见异常",
    "十点的面试改到十点半",
    "老板请客！今晚七点湘菜馆",
    "明天请甲方看样板",
    "我是新来的小苗，请多关照",
    "已提交，请领导审批",
)


@pytest.mark.parametrize("text", ["要得", "要得嘞", "可以的", "没得问题", "阔以"])
def test_a_nod_in_dialect_is_a_receipt(text: str) -> None:
    assert is_receipt(text)


@pytest.mark.parametrize("text", ["需要得多", "可以的话发我一份", "要得那么急"])
def test_what_only_holds_such_a_nod_is_none(text: str) -> None:
    assert not is_receipt(text)


@pytest.mark.parametrize("text", RECEIPTS)
def test_an_acknowledgement_is_a_receipt(text: str) -> None:
    assert is_receipt(text)


@pytest.mark.parametrize("text", NO_RECEIPTS)
def test_saying_more_or_other_than_that_is_no_receipt(text: str) -> None:
    assert not is_receipt(text)


@pytest.mark.parametrize("text", NOTICES)
def test_a_notice_is_known_by_its_form(text: str) -> None:
    assert is_notice(text)


@pytest.mark.parametrize("text", TALK)
def test_talk_about_a_notice_is_none(text: str) -> None:
    assert not is_notice(text)


@pytest.mark.parametrize("text", ASKING_FOR_REPLIES)
def test_the_group_is_asked_to_reply(text: str) -> None:
    assert asks_reply(text)


@pytest.mark.parametrize("text", NOT_ASKING_FOR_REPLIES)
def test_the_group_is_not_asked_to_reply(text: str) -> None:
    assert not asks_reply(text)


@pytest.mark.parametrize("text", WAIVING)
def test_replies_are_waived(text: str) -> None:
    assert waives_reply(text)


@pytest.mark.parametrize("text", NOT_WAIVING)
def test_replies_are_not_waived(text: str) -> None:
    assert not waives_reply(text)


@pytest.mark.parametrize("text", QUESTIONS)
def test_a_question_wants_an_answer(text: str) -> None:
    assert is_question(text)


@pytest.mark.parametrize("text", NO_QUESTIONS)
def test_what_only_looks_like_a_question_wants_none(text: str) -> None:
    assert not is_question(text)


@pytest.mark.parametrize("text", INSTRUCTIONS)
def test_an_instruction_tells_others_what_to_do(text: str) -> None:
    assert instructs(text)


@pytest.mark.parametrize("text", NO_INSTRUCTIONS)
def test_reports_promises_and_courtesies_are_no_instructions(text: str) -> None:
    assert not instructs(text)


@pytest.mark.parametrize("text", RECEIPTS)
def test_a_receipt_is_nothing_else(text: str) -> None:
    assert [one.__name__ for one in READERS if one(text)] == ["is_receipt"]


@pytest.mark.parametrize("text", NOTICES)
def test_a_notice_is_neither_receipt_nor_question(text: str) -> None:
    assert not is_receipt(text)
    assert not is_question(text)


def test_the_wish_for_a_reply_is_found_at_the_end_of_a_long_notice() -> None:
    body = "【通知】" + "本周完成设备点检并登记。" * 2000
    assert is_notice(body)
    assert asks_reply(body + "收到请回复")
    assert waives_reply(body + "无需回复")
    assert not asks_reply(body)


def test_the_middle_of_a_long_text_is_not_read() -> None:
    filler = "设备运行正常。" * 400
    assert asks_reply(filler[:1000] + "收到请回复。" + filler)
    assert not asks_reply(filler + "收到请回复。" + filler)


def test_what_a_reply_quotes_is_not_the_senders() -> None:
    quote = "「王处：【通知】周五停电，收到请回复」\n- - - - - - - - - -\n"
    assert is_receipt(quote + "收到")
    assert not is_notice(quote + "收到")
    assert not asks_reply(quote + "停几个小时？")
    assert is_question(quote + "停几个小时？")


def test_a_question_inside_a_long_article_is_not_asked() -> None:
    article = "为什么要开展安全月？" + "各车间逐条对照自查。" * 60
    assert is_question(article + "谁来汇总？")
    assert not is_question("安全月学习材料。" + article)


@given(st.text(alphabet=st.characters(), max_size=60))
def test_any_text_gets_an_answer(text: str) -> None:
    assert all(isinstance(one(text), bool) for one in READERS)


PIECES = (
    *"收到通知请各我的，@1【】关于\n 回复怎么？前把处王「：部谢不",
    "\ud800",
    "收到",
    "今天",
    "无需回复",
    "收到请回复",
)


@given(st.lists(st.sampled_from(PIECES), max_size=80))
def test_what_waives_replies_never_asks_for_them(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert not (asks_reply(text) and waives_reply(text))


# All at once

OWN_TEXTS = sorted((Path(__file__).parents[2] / "classifiers" / "trained" / "texts").glob("*.jsonl"))
# What acts need, as people write it, and what stands around it.
PARTS = (
    *PIECES,
    *"請嗎？1嗯行可以好👌们ＯＫ谁把\0 \t\ue000",
    "「某：」\n----\n",
    "回覆", "答覆", "好的", "[thumbsup]", "[OK]", "[Salute]", "@王", "李行", "到没", "问题", "问一下", "有同事", "能", "ok",
    "roger", "各位", "會議", "時間：", "地點：", "特此", "定于", "没有", "是不是", "怎么", "发我", "今天下班前", "报送",
    "材料", "请问", "明白", "马上",
)  # fmt: skip


CUES = Cues(NEEDED)


def asked(text: str, worth: frozenset[Hashable]) -> list[bool]:
    """The answers where only what is worth it is asked."""
    return [act in worth and act(text) for act in READERS]


def test_what_is_not_worth_asking_changes_no_answer() -> None:
    texts = [json.loads(line)["text"] for path in OWN_TEXTS for line in path.read_text("utf-8").splitlines()]
    texts += (*RECEIPTS, *NO_RECEIPTS, *NOTICES, *TALK, *QUESTIONS, *NO_QUESTIONS, *INSTRUCTIONS, *NO_INSTRUCTIONS)
    texts += (*ASKING_FOR_REPLIES, *NOT_ASKING_FOR_REPLIES, *WAIVING, *NOT_WAIVING)
    told = [asked(text, frozenset(NEEDED)) for text in texts]
    assert all(map(any, zip(*told, strict=True)))
    assert list(map(asked, texts, CUES.possible(texts))) == told


@settings(max_examples=300)
@given(st.lists(st.lists(st.sampled_from(PARTS), max_size=12).map("".join), min_size=4, max_size=20))
def test_nor_does_it_change_the_answer_to_whatever_is_strung_together(texts: list[str]) -> None:
    for text, worth in zip(texts, CUES.possible(texts), strict=True):
        assert asked(text, worth) == asked(text, frozenset(NEEDED))


def test_plain_talk_is_worth_no_question() -> None:
    assert CUES.possible(["报表发过去了", "", "没问题", "我在楼下"]) == [set(), set(), {is_receipt}, set()]


@pytest.mark.parametrize(
    ("question", "answer", "other"),
    [
        ("空压机啥时候能来电?", "电工说两点半", "海报贴歪了,重贴一张大的才像样"),
        ("危废间的门卡谁拿着?", "安环部小李", "今天真冷,多穿点"),
        ("这批垫片入了哪个库?", "放三号库东边", "客户嫌样册封面太素"),
        ("上月返修多少台?", "四十六台", "窗帘洗得挺干净"),
        ("合同章盖了没有", "还没,等法务", "楼下花坛真香"),
        ("条码枪扫码没反应了", "换块电池试试", "小周的婚礼真热闹"),
        ("化验室地漏返水，味道大", "已喊管道工", "这盆绿萝养得好"),
        ("吊装方案报审卡在哪个环节?", "吊装方案监理没批", "早上好"),
        ("叉车年检的合格证下来了吗", "等车管所签", "阳台的茉莉开得真好"),
        ("夜班巡检记录归档没有", "发邮箱了", "隔壁楼的玉兰开得正好"),
        ("喷码机缺墨报警怎么清", "看说明最后一页", "隔壁的猫生了三只"),
        ("七号行车又啃轨了，归谁来修？", "起重班管", "4号炉出钢温度1640，成分都在线"),
    ],
)
def test_an_answer_is_to_the_point_and_other_talk_is_not(question: str, answer: str, other: str) -> None:
    asked, about = asked_for(question), gist(question)
    assert is_to_the_point(answer, asked, about)
    assert not is_to_the_point(other, asked, about)


@pytest.mark.parametrize(
    ("question", "answer", "other"),
    [
        ("烘箱升到多少度了?", "差一截到位", "今晚的月饼真香"),
        ("样件寄没寄", "塞进最后一班邮包里", "我家鹦鹉学会骂人了"),
        ("塔吊附着验了没?", "检测所盖好红戳", "小区电梯里贴满小广告"),
        ("消防栓哪个水压不够", "西头拐角那只", "昨晚追剧追到天亮"),
        ("隔油池堵不堵?", "捞走一层油皮，哗哗流", "楼下新来的流浪猫真可爱"),
        ("酸梅汤还剩没剩?", "还有,食堂方才又抬来一桶", "食堂的酸梅汤太甜"),
        ("值守那屋空调修没修?", "修了,但今天天气真热", "今天天气真热"),
        ("色母还够用几班?", "撑死两班", "我老公又忘了带伞"),
        ("浮筒要不要换大号", "原样就成", "我姐刚办了张健身卡"),
        ("订书钉还有吗", "二楼柜子顶上一盒", "二楼走廊刷漆呢"),
        ("吊篮谁来验?", "机电科派老钱", "5号泵轴温六十二，都在线"),
        ("滤池几格在反冲?", "东边仨", "热搜上那个明星塌房了"),
    ],
)
def test_what_is_said_next_is_an_answer_unless_it_is_an_aside(question: str, answer: str, other: str) -> None:
    asked, about = asked_for(question), gist(question)
    assert is_question(question)
    assert is_to_the_point(answer, asked, about, next_said=True)
    assert not is_to_the_point(other, asked, about, next_said=True)


def test_what_is_measured_as_idle_answers_only_what_it_takes_up() -> None:
    asked, about = asked_for("模温机几点能修好?"), gist("模温机几点能修好?")
    assert not is_to_the_point("晚上八点唱歌去", asked, about, aside=True)
    assert is_to_the_point("模温机别想了，唱歌去吧", asked, about, aside=True)
    assert is_to_the_point("昨儿通宵焊好的", asked, about, aside=True)
    assert not is_to_the_point("昨儿通宵打牌", asked, about, aside=True)


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("通知单贴出来没有", True),
        ("检查组几时走", True),
        ("仓里还剩多少桶胶", True),
        ("工时统计什么时候发我", True),
        ("已安排人统计什么时候有空", False),
        ("记录一下谁没到", False),
        ("泵壳探伤查清楚没", True),
        ("锁具编号多少来着", True),
        ("油漆还够不", True),
        ("投标走到哪步了", True),
        ("四十度高温谁能受得了", False),
        ("那个谁谁昨天也提过", False),
        ("要是哪位有备用钥匙就省事了", False),
        ("还能咋整，重画呗", False),
        ("来不来得及要看天气", False),
        ("这密码规则真离谱，谁想出来的", False),
    ],
)
def test_a_noun_makes_no_question_a_told_one(text: str, asks: bool) -> None:
    assert is_question(text) == asks


@pytest.mark.parametrize(
    ("text", "asks"), [("货架谁理的?整整齐齐,点赞", False), ("货架谁理的?标签贴反了", True), ("这个赞是谁点的?", True)]
)
def test_a_question_that_only_praises_wants_no_answer(text: str, asks: bool) -> None:
    assert is_question(text) == asks


def test_what_is_remembered_of_a_text_cannot_be_read() -> None:
    assert all(isinstance(one, int) for one in gist("三号库的垫片"))
    assert gist("大家，下午在吗") == gist("") == frozenset()


@pytest.mark.parametrize(
    ("text", "notes"),
    [
        ("收到,要穿工装吗?", True),
        ("知道啦,到时我替老马去", True),
        ("那天我休假", True),
        ("晚点交您", True),
        ("换小马去", True),
        ("瞧见了", True),
        ("二车间全到", True),
        ("废料拉走了", False),
        ("堵在高架了，赶过来", True),
        ("我们班组三人参加", True),
        ("👌", True),
        ("这就安排下去", True),
        ("要得，我留", True),
        ("留我", True),
        ("在几楼?", False),
        ("为什么又是周末啊", False),
        ("没收到附件", False),
        ("收到货款了", False),
        ("空调遥控器在谁那", False),
        ("首件放行", False),
        ("哈哈哈", False),
    ],
)
def test_who_owes_an_answer_acknowledges_in_any_wording_but_not_by_asking(text: str, notes: bool) -> None:
    assert takes_note(text) == notes
