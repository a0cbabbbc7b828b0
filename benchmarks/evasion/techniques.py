"""The disguises: named functions from a text to the same text, written so that people still read it and programs may not.

Each is deterministic: what it chooses, it chooses by the text. A text without anything it could change comes back as it was.
Those that work on words change every word of `WORDS`, wherever it stands, as an evader does; the rest is left readable.
"""

import re
from collections.abc import Callable, Mapping
from random import Random

import opencc

# What an evader disguises. The harmless look-alikes use many of them as well.
WORDS = (
    "加微信 微信 加我 加V 加QQ QQ 兼职 日结 副业 代理 代开 发票 开票 刻章 办证 考证 包过 私聊 扫码 进群 拉群 优惠券"
    " 免费 低价 流量卡 批发 货源 刷单 刷赞 点赞 涨粉 返佣 贷款 秒批 放款 下款 黑户 征信 炒股 稳赚 投资 收益 保本 带单"
    " 银行卡 对公账户 验证码 补贴 退税 认证 领取 飞机 赌场 开户 上分 下分 下注 博彩 赔率 彩金 提现 提款 首充 麻将"
    " 六合彩 特码 百家乐 荷官 赛车 客服 资源群 资源 成人 视频 约妹 上门 看片 无码 高清 裸聊 傻逼 脑残 废物 滚 操你妈"
    " 死全家 不要脸 垃圾 贱人 弄死 注册 保险 会员"
)
_WORD = re.compile("|".join(sorted(WORDS.split(), key=len, reverse=True)))
_CONTACT = re.compile(r"[A-Za-z0-9]{2,}")

Technique = Callable[[str], str]


def _table(pairs: str) -> dict[str, tuple[str, ...]]:
    """`x=a/b y=c` as {"x": ("a", "b"), "y": ("c",)}."""
    return {key: tuple(values.split("/")) for key, values in (pair.split("=") for pair in pairs.split())}


def _pairs(pairs: str) -> dict[str, tuple[str, ...]]:
    """`ab cd` as {"a": ("b",), "c": ("d",)}."""
    return {pair[0]: (pair[1],) for pair in pairs.split()}


HOMOPHONES = _pairs(
    "加佳 微威 信芯 兼间 职直 日曰 结洁 副付 业叶 代袋 理里 开凯 发法 票飘 刻克 章张 办扮 证正 考烤 私丝 聊辽 扫嫂"
    " 码马 进近 群裙 拉啦 优忧 惠慧 券劝 免勉 费废 低底 价架 流刘 量亮 卡咔 批披 货或 源原 刷唰 单丹 赞暂 涨掌 粉分"
    " 返反 佣拥 贷代 款宽 秒渺 放访 下夏 黑嘿 征怔 炒吵 股古 稳吻 赚撰 投头 资姿 收手 益亿 银吟 户护 验厌 补捕 退蜕"
    " 税睡 领岭 飞非 机鸡 赌堵 场厂 上尚 分纷 注住 博搏 彩采 赔陪 率律 提题 现线 充冲 麻马 客克 服福 成城 视示 频贫"
    " 约曰 妹昧 看砍 片骗 无吾 裸落 傻煞 逼笔 脑恼 残惨 废费 物务 滚衮 操草 妈马 死四 垃拉 圾鸡 贱见 人仁 脸敛"
)
PINYIN = _table(
    "加=jia 微=wei 信=xin 兼=jian 职=zhi 日=ri 结=jie 副=fu 业=ye 代=dai 理=li 开=kai 发=fa 票=piao 刻=ke 章=zhang"
    " 办=ban 证=zheng 考=kao 私=si 聊=liao 扫=sao 码=ma 进=jin 群=qun 拉=la 优=you 惠=hui 券=quan 免=mian 费=fei"
    " 低=di 价=jia 流=liu 量=liang 卡=ka 批=pi 货=huo 源=yuan 刷=shua 单=dan 赞=zan 涨=zhang 粉=fen 返=fan 佣=yong"
    " 贷=dai 款=kuan 秒=miao 放=fang 下=xia 黑=hei 征=zheng 炒=chao 股=gu 稳=wen 赚=zhuan 投=tou 资=zi 收=shou 益=yi"
    " 银=yin 户=hu 验=yan 补=bu 退=tui 税=shui 领=ling 飞=fei 赌=du 场=chang 上=shang 分=fen 注=zhu 博=bo 彩=cai"
    " 赔=pei 率=lv 提=ti 现=xian 充=chong 麻=ma 客=ke 服=fu 视=shi 频=pin 约=yue 妹=mei 看=kan 片=pian 裸=luo 傻=sha"
    " 逼=bi 脑=nao 残=can 废=fei 物=wu 滚=gun 操=cao 妈=ma 死=si 垃=la 圾=ji 贱=jian 人=ren 脸=lian"
)
SPLIT = _table(
    "信=亻言 职=耳只 加=力口 结=纟吉 代=亻弋 理=王里 票=覀示 章=立早 证=讠正 私=禾厶 聊=耳卯 扫=扌彐 码=石马 群=君羊"
    " 拉=扌立 优=亻尤 价=亻介 低=亻氐 批=扌比 货=化贝 源=氵原 粉=米分 涨=氵张 返=反辶 佣=亻用 贷=代贝 秒=禾少 放=方攵"
    " 黑=里灬 征=彳正 炒=火少 股=月殳 稳=禾急 赚=贝兼 投=扌殳 资=次贝 银=钅艮 验=马佥 补=衤卜 税=禾兑 领=令页 机=木几"
    " 赌=贝者 场=土昜 注=氵主 彩=采彡 赔=贝咅 提=扌是 现=王见 麻=广林 服=月艮 视=礻见 频=步页 约=纟勺 妹=女未 裸=衤果"
    " 逼=畐辶 残=歹戋 废=广发 物=牜勿 滚=氵衮 操=扌喿 妈=女马 你=亻尔 垃=土立 圾=土及 贱=贝戋 脸=月佥 保=亻呆 险=阝佥"
    " 账=贝长 认=讠人 取=耳又 带=卅冖巾 率=玄十"
)
LOOKALIKES = _table(
    "微=徽/薇 信=倍 加=伽 兼=蒹 职=织/枳 日=曰 结=桔 代=伐 理=埋 开=幵 票=漂 章=童 证=怔 考=老 私=秋 券=劵 免=兔"
    " 费=贲 卡=咔 批=枇 源=塬 单=単 返=迈 佣=俑 贷=货 款=欵 秒=杪 征=徰 稳=隐 投=技 资=姿 银=根 户=卢 补=朴 税=悦"
    " 机=杌 赌=睹 上=丄 下=丅 分=兮 注=往 博=搏 彩=綵 赔=陪 提=堤 现=砚 客=容 服=眼 成=戌 视=枧 约=纣 妹=姝 片=爿"
    " 裸=棵 傻=儍 逼=偪 脑=恼 残=浅 废=癈 物=㫗 滚=磙 操=燥 妈=蚂 死=屍 垃=拉 圾=极 贱=贼 人=入 群=郡"
)
LETTERS = dict(zip("aceopxyijshkmtuvwABCEHKMOPTXYVQ", "асеорхуіјѕһκмтυνѡАВСЕНКМОРТХУѴԚ", strict=True))
ALIASES = _table(
    "微信=薇芯/vx/威信/V/卫星/绿泡泡 QQ=扣扣/企鹅/🐧 红包=🧧 钱=米/💰 群=裙 加=➕/佳/家 电话=☎️/diàn话"
    " 私聊=丝聊/S聊 扫码=扫🐴 飞机=✈️ 银行卡=💳 客服=克服 兼职=间织/JZ 贷款=代kuan/贷宽 发票=fp/法票 刷单=唰dan"
    " 返佣=fan拥 免费=0元 上分=⬆️分/上芬 下分=⬇️分 下注=⬇️注 博彩=菠菜 赌场=肚场/💰场 视频=视平/🎬 成人=🔞"
    " 傻逼=沙比/SB/傻× 脑残=🧠残/NC 废物=feiwu/费雾 操你妈=草泥马/cnm 垃圾=辣鸡/拉圾 贱人=剑人/见人 死=4/亖 滚=gun/🥚"
    " 元=米 块=💰"
)
# The same letters of further scripts, by form (Unicode's confusables): Armenian, Cherokee, Lisu, Coptic.
SCRIPTS = dict(
    zip(
        "acdeghijlmnopqrstuvwxyzABCDEFGHIJKLMNOPRSTUVWXYZ",
        "аϲԁеցһіјӏⲙոοрԛгѕτυνѡхуꮓΑВСꓓЕꓝԌΗІЈКꓡМΝОΡꓣЅТꓴѴԜΧΥΖ",
        strict=True,
    )
)
# What is sent as several messages is written as one text with this sign between them.
NEXT_MESSAGE = "\x1e"
_SHORT = 8
NUMBER_WORDS = str.maketrans("0123456789", "零幺二三四五六七八九")
VARIANTS = str.maketrans("群佣裸券账秘脚强略里", "羣傭躶劵帳祕腳彊畧裏")
# Rows of the same ten digits; the last ones look like them only.
DIGITS = ("⓪①②③④⑤⑥⑦⑧⑨", "零壹贰叁肆伍陆柒捌玖", "〇一二三四五六七八九", "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗", "OlƧЗЧƼб７Ȣ９")
STYLES = (0xFF21, 0xFF41), (0x1D400, 0x1D41A), (0x24B6, 0x24D0), (0x1D5D4, 0x1D5EE)
SEPARATORS = (".", " ", "-", "|", "*", "_", "·", "、")
EMOJI = ("🔥", "🌸", "✨", "💥", "🍀", "👉")
HARMLESS = ("々", "の", "^", "~", "丶", "灬")
ZERO_WIDTH = ("\u200b", "\u200c", "\u200d", "\u2060", "\ufeff")
COMBINING = ("\u0336", "\u0301", "\u0332", "\u20dd")


def _by_word(text: str, change: Callable[[str], str]) -> str:
    return _WORD.sub(lambda found: change(found[0]), text)


def _by_table(text: str, table: Mapping[str, tuple[str, ...]]) -> str:
    """Every character of a word that the table has, as one of those it has for it."""
    choice = Random(text).choice
    return _by_word(text, lambda word: "".join(choice(table.get(char, (char,))) for char in word))


def _joined(text: str, between: tuple[str, ...]) -> str:
    """One of `between` between all characters of a word, the same in the whole text."""
    return _by_word(text, Random(text).choice(between).join)


def styled_letters(text: str) -> str:
    """Latin letters in full width, bold, circled or sans-serif bold: Ｖ 𝐕 Ⓥ 𝗩."""
    upper, lower = Random(text).choice(STYLES)
    letters = {ord("A") + n: upper + n for n in range(26)} | {ord("a") + n: lower + n for n in range(26)}
    return text.translate(letters)


def zero_width(text: str) -> str:
    """An invisible character after every visible one."""
    choice = Random(text).choice
    return "".join(char + choice(ZERO_WIDTH) for char in text)


def combining(text: str) -> str:
    """A combining mark on every character of a word: 加̶微̶信̶."""
    mark = Random(text).choice(COMBINING)
    return _by_word(text, lambda word: "".join(char + mark for char in word))


def separators(text: str) -> str:
    """The same separator between the characters of a word: 加.微.信, 加 微 信."""
    return _joined(text, SEPARATORS)


def emoji(text: str) -> str:
    """An emoji between the characters of a word: 加🔥微🔥信."""
    return _joined(text, EMOJI)


def repeated(text: str) -> str:
    """Characters of a word two or three times: 加加加微微信信."""
    numbers = Random(text)
    return _by_word(text, lambda word: "".join(char * numbers.randint(2, 3) for char in word))


def traditional(text: str) -> str:
    """Traditional characters, and variants of some: 貸款, 進羣."""
    return opencc.OpenCC("s2t").convert(text.translate(VARIANTS))


def lookalikes(text: str) -> str:
    """Characters of a word by ones that look like them, and Latin letters by Cyrillic and Greek ones: 加徽信."""
    return _by_table(text, LOOKALIKES).translate(str.maketrans(LETTERS))


def split_characters(text: str) -> str:
    """Characters of a word as their parts: 力口微亻言, 女马."""
    return _by_table(text, SPLIT)


def aliases(text: str) -> str:
    """Names that everybody understands: 薇芯, 扣扣, 🧧, 菠菜."""
    choice = Random(text).choice
    known = re.compile("|".join(sorted(ALIASES, key=len, reverse=True)))
    return known.sub(lambda found: choice(ALIASES[found[0]]), text)


def digits(text: str) -> str:
    """Digits circled, as number words, bold, or by letters that look like them: ①③⑧, 壹叁捌, 一三八, lЗȢ."""
    return text.translate(str.maketrans("0123456789", Random(text).choice(DIGITS)))


def number_words(text: str) -> str:
    """Every second digit of a contact as a number word: 1三8零0幺."""

    def mixed(found: re.Match[str]) -> str:
        return "".join(sign.translate(NUMBER_WORDS) if i % 2 else sign for i, sign in enumerate(found[0]))

    return re.sub("[0-9]{4,}", mixed, text)


def mixed_scripts(text: str) -> str:
    """Latin letters by Cyrillic, Greek, Armenian, Cherokee and other ones that look like them."""
    return text.translate(str.maketrans(SCRIPTS))


def cut_messages(text: str) -> str:
    """Words cut over several short messages of one sender: …兼 / 职日 / 结…"""
    halved = _by_word(text, lambda word: word[: len(word) // 2] + NEXT_MESSAGE + word[len(word) // 2 :])
    if halved == text:
        return text
    pieces = (one.strip() for one in halved.split(NEXT_MESSAGE))
    short = (one[i : i + _SHORT] for one in pieces for i in range(0, len(one), _SHORT))
    return NEXT_MESSAGE.join(short)


def homophones(text: str) -> str:
    """Characters of a word by ones that sound the same: 佳威芯, 煞笔."""
    return _by_table(text, HOMOPHONES)


def pinyin(text: str) -> str:
    """One character of each word in pinyin: 加wei信, 傻bi."""
    choice = Random(text).choice

    def spelled(word: str) -> str:
        places = [i for i, char in enumerate(word) if char in PINYIN]
        if not places:
            return word
        at = choice(places)
        return word[:at] + PINYIN[word[at]][0] + word[at + 1 :]

    return _by_word(text, spelled)


def inserted(text: str) -> str:
    """A harmless character between those of a word: 加々微々信."""
    return _joined(text, HARMLESS)


def bracketed(text: str) -> str:
    """The second character of each word in brackets: 加(微)信, 兼【职】."""
    left, right = Random(text).choice(("()", "（）", "【】", "[]"))
    return _by_word(text, lambda word: f"{word[0]}{left}{word[1]}{right}{word[2:]}" if len(word) > 1 else word)


def reversed_words(text: str) -> str:
    """Words from their end: 信微加, 职兼."""
    return _by_word(text, lambda word: word[::-1])


def contact_first(text: str) -> str:
    """The last contact in front of everything else: zhq8842 … 加微信."""
    found = list(_CONTACT.finditer(text))
    if not found:
        return text
    start, end = found[-1].span()
    return f"{text[start:end]} {text[:start].rstrip()}{text[end:]}"


def cut_lines(text: str) -> str:
    """Words cut over lines, one character each."""
    return _by_word(text, "\n".join)


def homophones_separated(text: str) -> str:
    """Two at once: separators between the characters of a word, which are homophones: 佳.威.芯."""
    mark = Random(text).choice(SEPARATORS)
    return _by_word(text, lambda word: mark.join(HOMOPHONES.get(char, (char,))[0] for char in word))


def traditional_emoji(text: str) -> str:
    """Two at once: emoji between traditional characters: 貸🔥款."""
    return traditional(emoji(text))


def pinyin_zero_width(text: str) -> str:
    """Two at once: one character of a word in pinyin, and invisible characters everywhere."""
    return zero_width(pinyin(text))


def aliases_digits(text: str) -> str:
    """Two at once: aliases, and digits in another writing: 绿泡泡 壹叁捌."""
    return digits(aliases(text))


TECHNIQUES: dict[str, Technique] = {
    one.__name__.replace("_", " "): one
    for one in (
        styled_letters,
        zero_width,
        combining,
        separators,
        emoji,
        repeated,
        traditional,
        lookalikes,
        split_characters,
        aliases,
        digits,
        number_words,
        mixed_scripts,
        homophones,
        pinyin,
        inserted,
        bracketed,
        reversed_words,
        contact_first,
        cut_lines,
        cut_messages,
        homophones_separated,
        traditional_emoji,
        pinyin_zero_width,
        aliases_digits,
    )
}
