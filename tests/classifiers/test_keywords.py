"""What a hit is, how lists are read, and what the product's own lists must never accuse."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.folding import fold, fold_batch
from classifiers.keywords import (
    PRODUCT_LISTS,
    Hit,
    Keywords,
    ListError,
    Word,
    WordList,
    fold_words,
    in_force,
    is_mention,
    load_lists,
    moment,
    read_list,
    written_list,
)

# Lists that say how a message is to be read, not what is wrong with it.
CONTEXT = {"protected", "warning", "solicitation"}
# No list of the product grows beyond this: who wants tens of thousands of words imports them, and sees what they hit.
MOST_WORDS = 750


def a_list(
    category: str = "ads", *, strong: tuple[str, ...] = (), weak: tuple[str, ...] = (), allow: tuple[str, ...] = ()
) -> WordList:
    words = [
        Word(text, folded, strength)
        for strength, texts in (("strong", strong), ("weak", weak), ("allow", allow))
        for text, folded in zip(texts, fold_words(texts), strict=True)
    ]
    return WordList(category, "why", tuple(words))  # type: ignore[arg-type]


def found(keywords: Keywords, text: str) -> list[tuple[str, str]]:
    return [(hit.word, hit.strength) for hit in keywords.find(fold(text).text)]


@pytest.fixture(scope="module")
def lists() -> tuple[WordList, ...]:
    return load_lists()


@pytest.fixture(scope="module")
def product(lists: tuple[WordList, ...]) -> Keywords:
    return Keywords(lists)


def strong(product: Keywords, text: str) -> list[str]:
    """What would speak alone against the sender."""
    folded = fold(text).text
    return [
        hit.word
        for hit in product.find(folded)
        if hit.strength == "strong" and hit.category not in CONTEXT and not is_mention(folded, hit)
    ]


# What a hit is


def test_a_hit_says_category_word_strength_and_folded_place() -> None:
    assert Keywords([a_list(weak=("加微信",))]).find("请加微信") == [Hit("ads", "加微信", "weak", 1, 4)]


@pytest.mark.parametrize("text", ["請加 微 信吧", "加*微*信", "加，微，信", "加\u200b微信", "加👍微信"])
def test_words_are_found_behind_evasions_that_folding_undoes(text: str) -> None:
    assert found(Keywords([a_list(weak=("加微信",))]), text) == [("加微信", "weak")]


@pytest.mark.parametrize("text", ["加Ѵ了解", "加ν了解", "加Ꮩ了解"])
def test_words_are_found_behind_letters_of_other_scripts(product: Keywords, text: str) -> None:
    assert "加v了解" in strong(product, text)


@pytest.mark.parametrize(
    "text",
    [
        "Добрый день, коллеги! Прошу всех проверить остатки на складе до среды.",
        "Касса закрыта, отчёт по сорту ВТ и РК сдан, вход с торца корпуса.",
        "Соборный двор, ворота номер 10, там разгрузка. Спасибо, хорошего вечера!",
        "Собрание в среду, в 10 утра; просьба не опаздывать. С уважением, бухгалтерия.",
        "Вітаю! Звіт про поставку надіслано, перевірте, будь ласка, рахунок і акт.",
        "Свака екипа има своју собу; састанак је у среду, сви смо обавештени.",
        "Здравейте, моля потвърдете часа на срещата и броя на местата.",
        "Καλημέρα, η συνάντηση για το έργο είναι την Τρίτη στις δέκα στο γραφείο.",
        "Παρακαλώ στείλτε το τιμολόγιο και τον πίνακα των υλικών ως το απόγευμα.",
        "Բարև ձեզ, խնդրում եմ ուղարկել հաշիվը մինչև երեկո:",
        "供应商 Сбербанк 的回单和 КАМАЗ 的配件清单已到，α版图纸和 β 版差 5μm，η 取 0.85",
    ],
)
def test_other_scripts_do_not_fold_into_offences(product: Keywords, text: str) -> None:
    assert product.find(fold(text).text) == []


def test_words_of_lists_are_folded_too() -> None:
    assert found(Keywords([a_list(weak=("ＶＸ號", "QQ群"))]), "vx号和qq群") == [("ＶＸ號", "weak"), ("QQ群", "weak")]


def test_allow_word_takes_back_a_word_inside_it() -> None:
    keywords = Keywords([a_list(weak=("代理",), allow=("代理服务器",))])
    assert found(keywords, "代理服务器坏了") == []
    assert found(keywords, "代理服务器坏了，招代理") == [("代理", "weak")]


def test_allow_word_inside_a_longer_one_takes_nothing_from_it() -> None:
    keywords = Keywords([a_list(weak=("返现",), allow=("甲代理乙返现丙", "代理乙返"))])
    assert found(keywords, "甲代理乙返现丙") == []


def test_allow_word_leaves_a_word_that_reaches_beyond_it() -> None:
    assert found(Keywords([a_list(weak=("加微信领奖",), allow=("加微信",))]), "加微信领奖") == [("加微信领奖", "weak")]
    assert found(Keywords([a_list(weak=("微信群",), allow=("加微信",))]), "加微信群") == [("微信群", "weak")]


def test_allow_word_of_a_tenant_takes_back_the_same_word_of_the_product() -> None:
    assert found(Keywords([a_list(weak=("团购",)), a_list(allow=("团购",))]), "团购") == []


def test_allow_word_speaks_for_its_own_category_only() -> None:
    keywords = Keywords([a_list("ads", weak=("转让",), allow=("转让合同",)), a_list("leak", weak=("转让",))])
    assert [hit.category for hit in keywords.find("转让合同")] == ["leak"]


def test_longest_of_overlapping_words_is_the_hit() -> None:
    keywords = Keywords([a_list(weak=("加微信", "微信", "信领红包"), strong=("加微信领",))])
    assert found(keywords, "加微信领红包") == [("加微信领", "strong")]


def test_overlapping_words_of_two_categories_are_both_hits() -> None:
    keywords = Keywords([a_list("ads", weak=("兼职刷单",)), a_list("fraud", strong=("刷单",))])
    assert [hit.category for hit in keywords.find("兼职刷单")] == ["ads", "fraud"]


def test_a_word_that_stands_twice_is_two_hits() -> None:
    hits = Keywords([a_list(weak=("返现",))]).find("返现了吗返现")
    assert [(hit.start, hit.end) for hit in hits] == [(0, 2), (4, 6)]


@pytest.mark.parametrize("text", ["usb接口", "sbs改性", "3sb", "sb2", "asb"])
def test_latin_word_inside_a_longer_one_is_no_hit(text: str) -> None:
    assert found(Keywords([a_list(weak=("sb",))]), text) == []


@pytest.mark.parametrize("text", ["sb", "你sb吧", "sb,走了", "真sb"])
def test_latin_word_on_its_own_is_a_hit(text: str) -> None:
    assert found(Keywords([a_list(weak=("sb",))]), text) == [("sb", "weak")]


def test_number_inside_a_longer_one_is_no_hit() -> None:
    keywords = Keywords([a_list(strong=("12333",))])
    assert found(keywords, "单号2123337") == []
    assert found(keywords, "打12333问") == [("12333", "strong")]


def test_mixed_word_may_be_followed_by_another_kind_of_character() -> None:
    keywords = Keywords([a_list(weak=("加v",))])
    assert found(keywords, "加v123") == [("加v", "weak")]
    assert found(keywords, "加vip") == []


@pytest.mark.parametrize("text", ["转让车位", "转让一个地下车位", "转让,地下车位", "转让转让b2车位"])
def test_a_gap_stands_for_a_few_characters_of_a_sentence(text: str) -> None:
    assert found(Keywords([a_list(weak=("转让…车位",))]), text)[0] == ("转让…车位", "weak")


@pytest.mark.parametrize("text", ["转让合同。车位", "车位转让", "转让的事情昨天已经谈好了车位", "转让", "转让\n车位"])
def test_parts_apart_or_in_another_order_are_no_word(text: str) -> None:
    assert found(Keywords([a_list(weak=("转让…车位",))]), text) == []


def test_a_word_with_a_gap_is_one_hit_from_its_first_part_to_its_last() -> None:
    keywords = Keywords([a_list(weak=("转让…车位", "车位"), allow=("不…转让…车位",))])
    assert keywords.find("请问转让下车位吗") == [Hit("ads", "转让…车位", "weak", 2, 7)]
    assert keywords.find("公司不能转让车位") == []


def test_no_gap_spans_two_texts() -> None:
    keywords = Keywords([a_list(weak=("转让…车位",))])
    assert keywords.find_batch(fold_batch(["转让", "车位", "转让车位"])) == {2: [Hit("ads", "转让…车位", "weak", 0, 4)]}


def test_no_word_spans_two_texts() -> None:
    keywords = Keywords([a_list(weak=("加微信",))])
    assert keywords.find_batch(fold_batch(["请加微", "信", "加微信", ""])) == {2: [Hit("ads", "加微信", "weak", 0, 3)]}


def test_no_word_with_a_space_spans_two_texts() -> None:
    found = Keywords([a_list(weak=("ab cd",))]).find_batch(fold_batch(["ab cd, ab", "cd ab cd"]))
    assert [[(hit.start, hit.end) for hit in found[i]] for i in (0, 1)] == [[(0, 5)], [(3, 8)]]


def test_no_lists_find_nothing() -> None:
    assert Keywords([]).find("加微信") == []
    assert Keywords([]).find_batch(fold_batch(["加微信"])) == {}
    assert Keywords([a_list(weak=("加微信",))]).find_batch(fold_batch([])) == {}


@given(
    st.lists(st.text("加微信v1a ，x", max_size=12), max_size=6),
    st.sets(st.text("加微信v1a", min_size=2, max_size=4), max_size=5),
    st.sets(st.text("加微信v1a", min_size=3, max_size=5), max_size=3),
)
def test_a_batch_finds_what_its_texts_find(texts: list[str], weak: set[str], allow: set[str]) -> None:
    keywords = Keywords([a_list(weak=tuple(w for w in weak if len(fold(w).text) > 1), allow=tuple(allow - weak))])
    batch = fold_batch(texts)
    alone = {i: keywords.find(text) for i, text in enumerate(batch.texts)}
    assert keywords.find_batch(batch) == {i: hits for i, hits in alone.items() if hits}


@given(
    st.lists(st.text("加微信群", max_size=12), max_size=6),
    st.sets(st.text("加微信群", min_size=2, max_size=5), max_size=5),
)
def test_a_hit_is_the_longest_word_of_those_that_stand_in_a_text(texts: list[str], words: set[str]) -> None:
    words = {word for word in words if fold(word).text == word}
    batch = fold_batch(texts)
    found = Keywords([a_list(weak=tuple(words))]).find_batch(batch)
    for i, text in enumerate(batch.texts):
        standing = [word for word in words if word in text]
        assert all(text[hit.start : hit.end] == hit.word for hit in found.get(i, []))
        longest = max(map(len, standing), default=0)
        assert {word for word in standing if len(word) == longest} >= {
            hit.word for hit in found.get(i, []) if len(hit.word) >= longest
        }
        assert bool(found.get(i)) == bool(standing)


def test_version_follows_the_words_not_their_order() -> None:
    one = Keywords([a_list(weak=("团购", "返现")), a_list("leak", weak=("机密",))])
    same = Keywords([a_list("leak", weak=("机密",)), a_list(weak=("返现", "团购"))])
    assert one.version == same.version
    assert one.version != Keywords([a_list(strong=("团购", "返现")), a_list("leak", weak=("机密",))]).version
    assert one.version != Keywords([a_list(weak=("团购", "返现")), a_list("leak", allow=("机密",))]).version


# Quoting is not saying


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("谨防诚招代理的广告", True),
        ("他发“诚招代理”被移出群", True),
        ("诚招代理都是骗局", True),
        ("诚招代理，一手货源", False),
        ("严禁吸烟。诚招代理", False),
        ("恨不得诚招代理", False),
        ("“特价”诚招代理", False),
        ("“特价”诚招代理“好”", False),
    ],
)
def test_a_word_in_quotes_or_in_a_warning_is_named_not_spoken(text: str, named: bool) -> None:
    folded = fold(text).text
    (hit,) = Keywords([a_list(strong=("诚招代理",))]).find(folded)
    assert is_mention(folded, hit) is named


@pytest.mark.parametrize(
    ("category", "text", "named"),
    [
        ("account_compromise", "不要把微信借给别人", True),
        ("account_compromise", "我微信被盗了,发的消息别信", False),
        ("leak", "我微信被盗了,发的消息别信", True),
        ("abuse", "你别脑残了", False),
    ],
)
def test_advice_names_what_it_advises_against(category: str, text: str, named: bool) -> None:
    words = {"account_compromise": ("把微信借", "微信被盗"), "leak": ("微信被盗",), "abuse": ("脑残",)}[category]
    (hit,) = Keywords([a_list(category, strong=words)]).find(text)
    assert is_mention(text, hit) is named


def test_words_of_a_warning_are_never_named_only() -> None:
    (hit,) = Keywords([a_list("warning", strong=("是骗子",))]).find("别信,都是骗子的话术")
    assert not is_mention("别信,都是骗子的话术", hit)


def test_scolding_oneself_is_no_abuse_but_a_threat_stays_one() -> None:
    folded = "我是弄死你的人"
    assert is_mention("我这猪脑子", Hit("abuse", "猪脑子", "strong", 2, 5))
    assert not is_mention("你这猪脑子", Hit("abuse", "猪脑子", "strong", 2, 5))
    assert not is_mention(folded, Hit("violence", "弄死你", "strong", 2, 5))


# How lists are read


@pytest.fixture
def tenant(tmp_path: Path) -> Path:
    (tmp_path / "politics.yaml").write_text(
        "category: politics\nwhy: 敏感\nweak: [某人某事, 12345]\n", encoding="utf-8"
    )
    (tmp_path / "ads.yaml").write_text("category: ads\nwhy: 本单位\nallow: [团购]\n", encoding="utf-8")
    return tmp_path


def test_tenant_lists_add_categories_and_take_back_words(tenant: Path) -> None:
    keywords = Keywords(load_lists(tenant))
    assert "politics" in keywords.categories
    assert found(keywords, "某人某事") == [("某人某事", "weak")]
    assert not [hit for hit in keywords.find("团购") if hit.category == "ads"]


def test_numbers_in_lists_are_words(tenant: Path) -> None:
    assert any(hit.category == "politics" for hit in Keywords(load_lists(tenant)).find("12345"))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("category: ads\nwhy: x\nstrog: [团购]\n", ':3:1: unknown entry "strog" · hint: did you mean strong?'),
        ("why: x\nweak: [团购]\n", ':1:1: no "category" · hint: write category: ads'),
        ("category: ads\nweak: [团购]\n", ':1:1: no "why"'),
        ("category: spam\nwhy: x\nweak: [团购]\n", ':1:11: category "spam" in a file of another name'),
        ("category: Ads!\nwhy: x\nweak: [团购]\n", ':1:11: "Ads!" is no name of a category'),
        ("category: ads\nwhy: x\nweak: 团购\n", ':3:7: "weak" is not a list'),
        ("category: ads\nwhy: x\nweak: [[团购]]\n", ':3:8: an entry of "weak" is no word'),
        ("category: ads\nwhy: x\nweak: [团]\n", ':3:8: "团" is too short'),
        ("category: ads\nwhy: x\nweak: [帮…投]\n", ':3:8: "帮…投" is too short'),
        ("category: ads\nwhy: x\nweak: [转让…]\n", ':3:8: "转让…" has a gap with nothing beside it'),
        (
            "category: ads\nwhy: x\nweak: [转让…一个…地下…车位…吗]\n",
            ':3:8: "转让…一个…地下…车位…吗" has more than 3 gaps',
        ),
        ("category: ads\nwhy: x\nweak: [哈哈哈]\n", ':3:8: "哈哈哈" is too short: it would be looked for as "哈"'),
        (
            "category: ads\nwhy: x\nweak: [团购, 團購]\n",
            ':3:12: "團購" stands already in line 3 under weak · hint: delete one of them',
        ),
        (
            "category: ads\nwhy: x\nweak: [团购]\nallow: [团购]\n",
            ':4:9: "团购" stands already in line 3 under weak · hint: decide between weak and allow',
        ),
        ("category: ads\nwhy: x\n", ":1:1: has no words"),
        ("category: ads\nwhy: x\nweak: [团购\n", ":4:1: "),
        ("- 团购\n", ":1:1: is not a word list"),
        ("category: ads\nwhy: x\nuntil: 明年\nweak: [团购]\n", ':3:8: "明年" is no time for "until"'),
        ("category: ads\nwhy: x\nsince: 2026-02-30\nweak: [团购]\n", ':3:8: "2026-02-30" is no time for "since"'),
        ("category: ads\nwhy: x\nsince: 2026-12-01T08:00\nweak: [团购]\n", ':3:8: "2026-12-01T08:00" is no time'),
        ("category: ads\nwhy: x\nsince: 0.1.0\nweak: [团购]\n", ':3:8: "0.1.0" is no time for "since"'),
        ("category: ads\nwhy: x\nuntil: 9999-12-31\nweak: [团购]\n", ':3:8: "9999-12-31" is no time'),
        ("category: ads\nwhy: x\nby: ''\nweak: [团购]\n", ':3:5: no "by"'),
        (
            "category: ads\nwhy: x\nweak:\n- {word: 团购, since: 2026-12-02, until: 2026-12-01}\n",
            ':4:40: "until" lies before "since"',
        ),
        (
            "category: ads\nwhy: x\nsince: 2026-12-02\nweak:\n- {word: 团购, until: 2026-12-01}\n",
            ':5:21: "until" lies before "since"',
        ),
        (
            "category: ads\nwhy: x\nweak:\n- {word: 团购, untill: 2026-12-01}\n",
            ':4:14: unknown entry "untill" · hint: did you mean until?',
        ),
        ("category: ads\nwhy: x\nweak:\n- {by: 王芳}\n", ":4:3: names no word"),
        ("category: ads\nwhy: x\nweak:\n- {word: 团购, words: [接龙]}\n", ":4:3: names no word, or names it twice"),
        ("category: ads\nwhy: x\nweak:\n- {words: 团购}\n", ':4:11: "words" is not a list'),
        ("category: ads\nwhy: x\nweak:\n- {words: [团]}\n", ':4:12: "团" is too short'),
        (
            "category: ads\nwhy: x\nweak: [团购]\nstrong:\n- {word: 团购, since: 2026-12-01}\n",
            ':3:8: "团购" stands already in line 5 under strong · hint: decide between strong and weak',
        ),
        (
            "category: ads\nwhy: x\nweak:\n- {word: 团购, until: 2026-12-01}\n- {word: 团购, since: 2026-12-01}\n",
            ':5:10: "团购" stands already in line 4 under weak',
        ),
        ("", ": is not a word list"),
    ],
)
def test_mistakes_in_lists_are_named_with_place_and_hint(tmp_path: Path, content: str, expected: str) -> None:
    path = tmp_path / "ads.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ListError) as error:
        load_lists(tmp_path)
    assert any(f"{path}{expected}" in problem for problem in error.value.problems), error.value.problems
    assert all(" · hint: " in problem for problem in error.value.problems)


def test_all_mistakes_of_all_files_are_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "ads.yaml").write_text("category: ads\nwhy: x\nweak: [团]\nstrog: []\n", encoding="utf-8")
    (tmp_path / "leak.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(ListError) as error:
        load_lists(tmp_path, tmp_path / "absent")
    assert len(error.value.problems) == 4


# Who wants a word, why, and when it counts


SAID = """\
category: ads
why: 广告
by: 王芳
since: 2026-01-01
weak:
- 团购
- {word: 接龙, by: 李强, why: 三月投诉, until: 2026-06-30}
- by: 李强
  since: 2026-03-01T09:30+08:00
  words: [秒杀, 拼单]
allow:
- {word: 团购税, until: 2026-02-01T00:00+08:00}
"""


@pytest.fixture
def said(tmp_path: Path) -> WordList:
    path = tmp_path / "ads.yaml"
    path.write_text(SAID, encoding="utf-8")
    return read_list(path)


def test_a_word_says_who_why_since_and_until_or_its_list_does(said: WordList) -> None:
    assert {word.text: tuple(said.said(word).values()) for word in said.words} == {
        "接龙": ("李强", "三月投诉", "2026-01-01", "2026-06-30"),
        "团购": ("王芳", "广告", "2026-01-01", ""),
        "秒杀": ("李强", "广告", "2026-03-01T09:30+08:00", ""),
        "拼单": ("李强", "广告", "2026-03-01T09:30+08:00", ""),
        "团购税": ("王芳", "广告", "2026-01-01", "2026-02-01T00:00+08:00"),
    }


@pytest.mark.parametrize(
    ("text", "at", "hits"),
    [
        ("团购", moment("2025-12-31T23:59:59+08:00"), []),
        ("团购", moment("2026-01-01T00:00+08:00"), ["团购"]),
        ("接龙", moment("2026-06-30T23:59:59+08:00"), ["接龙"]),
        ("接龙", moment("2026-07-01T00:00+08:00"), []),
        ("秒杀", moment("2026-03-01T01:29:59+00:00"), []),
        ("秒杀", moment("2026-03-01T01:30+00:00"), ["秒杀"]),
        ("团购税", moment("2026-01-31"), []),
        ("团购税", moment("2026-02-01"), ["团购"]),
        ("接龙", None, ["接龙"]),
    ],
)
def test_a_word_counts_from_since_to_until(said: WordList, text: str, at: int | None, hits: list[str]) -> None:
    assert [hit.word for hit in Keywords([said]).find(text, at)] == hits


def test_a_longer_word_that_counts_no_longer_hides_none(tmp_path: Path) -> None:
    path = tmp_path / "ads.yaml"
    path.write_text("category: ads\nwhy: x\nweak: [团购, {word: 社区团购, until: 2026-06-30}]\n", encoding="utf-8")
    keywords = Keywords([read_list(path)])
    assert [hit.word for hit in keywords.find("社区团购", moment("2026-06-30"))] == ["社区团购"]
    assert [hit.word for hit in keywords.find("社区团购", moment("2026-07-01"))] == ["团购"]


def test_each_text_of_a_batch_has_its_own_time(said: WordList) -> None:
    times = [moment("2026-06-30"), moment("2026-07-01"), moment("2026-06-01")]
    found = Keywords([said]).find_batch(fold_batch(["接龙"] * 3), times.__getitem__)
    assert sorted(found) == [0, 2]


def test_a_word_may_come_back_and_may_change_its_strength(tmp_path: Path) -> None:
    path = tmp_path / "ads.yaml"
    path.write_text(
        "category: ads\nwhy: x\nstrong: [{word: 团购, since: 2026-09-01}]\n"
        "weak: [{word: 团购, until: 2026-06-30}, {word: 团购, since: 2026-07-15, until: 2026-08-31}]\n",
        encoding="utf-8",
    )
    keywords = Keywords([read_list(path)])
    days = ("2026-06-30", "2026-07-01", "2026-07-15", "2026-08-31", "2026-09-01")
    assert [[hit.strength for hit in keywords.find("团购", moment(day))] for day in days] == [
        *(["weak"], [], ["weak"], ["weak"], ["strong"]),
    ]


def test_what_one_list_ends_another_without_dates_keeps(said: WordList) -> None:
    keywords = Keywords([said, a_list(weak=("接龙",))])
    assert [hit.word for hit in keywords.find("接龙", moment("2030-01-01"))] == ["接龙"]


def test_a_hit_tells_who_wanted_the_word_where_the_list_says_so_of_it(said: WordList) -> None:
    keywords = Keywords([said])
    notes = {word: keywords.find(word)[0].note for word in ("团购", "接龙", "秒杀")}
    assert notes == {"团购": "", "接龙": "李强：三月投诉", "秒杀": "李强"}


def test_in_force_keeps_what_counts_and_takes_its_dates_away(said: WordList) -> None:
    (now,) = in_force([said], moment("2026-02-15"))
    assert {word.text for word in now.words} == {"团购", "接龙"}
    assert not Keywords([now]).dated


def test_the_version_follows_from_the_times_too(said: WordList, tmp_path: Path) -> None:
    path = tmp_path / "ads.yaml"
    path.write_text(SAID.replace("2026-06-30", "2026-07-30"), encoding="utf-8")
    assert Keywords([said]).version != Keywords([read_list(path)]).version
    path.write_text(SAID.replace("李强", "赵敏"), encoding="utf-8")
    assert Keywords([said]).version == Keywords([read_list(path)]).version


WORDS = st.text("团购接龙加微信群v1号: #'\"{[", min_size=2, max_size=6).map(str.strip)
TIMES = st.sampled_from(["", "2026-01-01", "2026-03-01T09:30+08:00"])
ENTRIES = st.tuples(
    WORDS,
    st.sampled_from(["strong", "weak", "allow"]),
    st.sampled_from(["", "王芳", "no"]),
    TIMES,
    st.just("2027-01-01"),
)


@given(st.lists(ENTRIES, min_size=1, max_size=12), st.sampled_from(["", "王芳"]))
def test_a_list_that_is_written_reads_as_the_same_list(entries: list[tuple[str, ...]], by: str) -> None:
    words = {}
    for text, strength, whose, since, until in entries:
        (folded,) = fold_words([text])
        if len(folded) >= 2:
            starts, ends = moment(since) if since else None, moment(until, end=True)
            words[folded] = Word(text, folded, strength, whose, "", since, until, starts, ends)  # type: ignore[arg-type]
    if not words:
        return
    one = WordList("ads", "广告", tuple(words.values()), by)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ads.yaml"
        path.write_text(written_list(one), encoding="utf-8")
        again = read_list(path)
    assert (again.category, again.why, again.by) == ("ads", "广告", by)
    assert sorted(again.words, key=lambda word: word.folded) == sorted(one.words, key=lambda word: word.folded)


# The product's own lists


def test_every_word_of_the_product_says_who_why_and_since_when(lists: tuple[WordList, ...]) -> None:
    for one in lists:
        for word in one.words:
            said = one.said(word)
            assert said["by"] == "xunqun"
            assert said["why"]
            assert re.fullmatch(r"\d+\.\d+\.\d+", said["since"]), word


def test_words_of_the_product_count_for_records_of_any_time(product: Keywords) -> None:
    assert not product.dated


def test_no_list_of_the_product_is_large_and_each_is_of_one_category(lists: tuple[WordList, ...]) -> None:
    assert {one.category: len(one.words) for one in lists if len(one.words) > MOST_WORDS} == {}
    assert [Path(one.file).name for one in lists] == [f"{one.category}.yaml" for one in lists]
    assert len({one.category for one in lists}) == len(lists)


def test_the_product_ships_these_lists_and_no_others(lists: tuple[WordList, ...]) -> None:
    assert {one.category for one in lists} == {
        *("ads", "fraud", "gambling", "porn", "abuse", "rumour", "leak", "incitement", "negative_emotion", "violence"),
        *("outside_forwarding", "account_compromise", "infringement", "protected", "warning", "solicitation"),
        *("off_topic", "reputation", "quarrel"),
    }
    assert len(list(PRODUCT_LISTS.glob("*.yaml"))) == len(lists)


def test_every_word_of_the_lists_is_found_as_itself(lists: tuple[WordList, ...], product: Keywords) -> None:
    for one in lists:
        for word in one.words:
            hits = [hit for hit in product.find(word.folded) if hit.category == one.category]
            if word.strength == "allow":
                assert hits == [], word
            else:
                assert [(hit.word, hit.strength) for hit in hits] == [(word.text, word.strength)], word


def test_every_allow_word_takes_something_back(lists: tuple[WordList, ...]) -> None:
    for one in lists:
        denied = [word.folded for word in one.words if word.strength != "allow"]
        idle = [w.text for w in one.words if w.strength == "allow" and not any(d in w.folded for d in denied)]
        assert idle == [], one.category


@pytest.mark.parametrize(
    "text",
    [
        "收到",
        "收到，马上执行",
        "滤袋三家报价：甲38.5、乙41.2、丙36.9元，含税，请评审",
        "各位同事，年度考勤处罚通报见附件，如有异议向人力资源部反映",
        "离职员工请办理交接，账号密码当面移交",
        "严禁赌博、吸毒、嫖娼，违者一律开除",
        "反诈提醒：刷单返佣金都是骗局，请勿转入安全账户",
        "他在群里发“加微信领红包”，请管理员处理",
        "有人骂我傻逼，请领导主持公道",
        "我这猪脑子又忘了",
        "我这记性真是猪脑子，钥匙又锁屋里了",
        "狗日的天气预报，说好的晴天呢",
        "脑子进水了我，把章盖反了",
        "这软件蠢得跟猪一样，存个盘转半天",
        "这个死锁真恶心，查了一上午",
        "近期不少人微信被盗，请大家开启登录保护",
        "12号让人登记一下会议室",
        "寻求助力企业纾困的典型做法",
        "固体废物台账和危险废物转移联单已上传",
        "今晚分公司在家属院开会，上下分工要明确",
        "港口交付和路口交通协管",
        "叫做爱心捐款的活动",
        "手枪钻和手枪式热风枪各领两把",
        "乳化炸药、电子雷管领用登记",
        "用数据说话，根据说明书操作",
        "以太网传感器数据丢包",
        "系统崩溃了，日志见附件",
        "打死也不能违章操作",
        "停工检修通知：周四14点起停电",
        "供应商返利政策有变化，股权转让协议已签",
        "新同事加我微信，拉你进工作群",
        "公司工会团购电影票，自愿登记",
        "成人教育招生简章",
        "拖欠工资的项目请劳动监察支队介入，我们要去劳动仲裁",
        "爆破公司明天进场",
        "全国英语听说考试安排",
        "DNS黑名单更新：过滤成人网站，出口已生效",
        "信用卡套现客户排查表周五前交",
        "今天劝住一位要去交解冻金的老人",
        "清理楼道刻章办证小广告",
        "那个“看片加我”的号已经踢了",
    ],
)
def test_work_is_never_accused_by_a_word_alone(product: Keywords, text: str) -> None:
    assert strong(product, text) == []


@pytest.mark.parametrize(
    "text",
    [
        "诚 招 代 理，一件代发",
        "黑户可贷，无视征信",
        "注册送彩金，真人荷官",
        "同城约妹，加我",
        "你个廢物",
        "傻 逼",
        "官方不敢说，快看马上删",
        "出售客户资料，价格私聊",
        "把他辦公室砸了，带上家伙",
        "老子不干了",
        "信不信我弄*死*你",
        "系统是一群猪做的吧",
        "这台打印机你都不会用，猪脑子",
        "你写的代码连猪都不如",
        "笨得像头驴，我早就受够了",
        "我QQ昨晚被别人登了，发的都别点",
        "体检结果我转给隔壁公司同学看了",
        "谁打两把排位，打排位来",
    ],
)
def test_what_nobody_says_innocently_speaks_alone(product: Keywords, text: str) -> None:
    assert strong(product, text) != []


@pytest.mark.parametrize(
    "text",
    [
        "已经三个月拖欠工资了",
        "打12333问过了",
        "他对我性骚扰，我要举报",
        "加班费什么时候给",
        "我去申请劳动仲裁",
        "找工会反映",
        "工伤不给报",
        "我真的不想活了",
    ],
)
def test_complaints_and_cries_for_help_are_marked_as_protected(product: Keywords, text: str) -> None:
    assert ("protected", "strong") in {(hit.category, hit.strength) for hit in product.find(fold(text).text)}


@pytest.mark.parametrize("text", ["换届选举报名", "施工会议纪要", "员工会收到短信", "列举报价明细"])
def test_protection_does_not_come_from_parts_of_other_words(product: Keywords, text: str) -> None:
    assert not [hit for hit in product.find(fold(text).text) if hit.category == "protected"]
