"""A trial page: what is on it is what the replay found, nothing on it runs or loads, nobody is named by default."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import msgspec
import pytest

from classifiers.measure import Classifiers
from models import Account, Fleet, Group, Person
from policies.directory import Directory
from policies.lint import load_packs
from streams.replay import replaying, stored_reviews, stored_sanctions, summarise
from streams.trial import Trial, gather, render, run_trial
from streams.trial.data import ClauseFound, Counted, Example, Excerpt, GroupFound, Waiting
from streams.trial.words import Masking, dead_cause, excerpt_of, shown

# Wednesday 2026-11-18, 09:00 in Shanghai.
START = 1_794_963_600_000
MINUTE = 60_000
ADVERT = "祛痘精油内部价,想做代理的加我微信"


class Page(HTMLParser):
    """What a browser makes of a page: elements, their attributes, and the texts of those that a test asks for."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self._texts: list[tuple[tuple[str, ...], str]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "input", "link", "img"):
            self._open.append(tag)

    def handle_endtag(self, tag):
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data):
        self._texts.append((tuple(self._open), data))

    def texts(self, tag: str) -> list[str]:
        return [text for path, text in self._texts if tag in path]

    @property
    def text(self) -> str:
        return "".join(text for path, text in self._texts if "script" not in path and "style" not in path)


def an_example(text: str = "加我微信", marks=((0, 4),), **other) -> Example:
    facts = {
        "violation_id": "v_1",
        "pack": "p",
        "clause": "p-1",
        "group_id": "g",
        "at": START,
        "who": "王建国",
        "explanation": "内容被判为广告",
        "score": 1.0,
        "standing": "automatic",
        "kind": "text",
        "excerpt": Excerpt(text=text, marks=tuple(marks)),
    }
    return Example(**{**facts, **other})


def a_trial(*examples: Example, **other) -> Trial:
    clause = ClauseFound(
        pack="p", clause="p-1", article="第一条", says="不发广告", automatic=len(examples), examples=examples
    )
    group = GroupFound(
        id="g", name="生产群", pack="p", mode="enforce", known=True, messages=9, automatic=len(examples), detailed=True,
        clauses=(("p-1", len(examples)),),
    )  # fmt: skip
    facts = {
        "first": START,
        "last": START + MINUTE,
        "observations": 9,
        "messages": 9,
        "findings": len(examples),
        "automatic": len(examples),
        "packs": {"p": "测试办法"},
        "by_day": {"2026-11-18": (len(examples), 0)},
        "clauses": (clause,) if examples else (),
        "groups": (group,),
        "checklist": examples,
        "names": frozenset({"王建国", "李梅"}),
    }
    return Trial(**{**facts, **other})


def marks_on(page: str) -> set[str]:
    """All marked texts but the one in the legend."""
    return {one for one in Page(page).texts("mark") if one != "标出"}


# the page by itself

NASTY = "<script>alert(1)</script>\"><img src=x onerror=alert(2)>'&amp; </style> {{ 7*7 }} http://evil.example/x.png"


def test_nothing_that_people_wrote_becomes_markup():
    nasty = an_example(
        NASTY, marks=((0, 8),), who=NASTY, explanation=NASTY, files=(NASTY,), matched=(NASTY,), aliases=(NASTY,),
        violation_id='v_"><script>', clause="p-1", group_id="g",
    )  # fmt: skip
    trial = a_trial(
        nasty,
        packs={"p": NASTY},
        clauses=(ClauseFound(pack="p", clause="p-1", article=NASTY, says=NASTY, automatic=1, examples=(nasty,)),),
        groups=(
            GroupFound(
                id="g", name=NASTY, pack="p", mode=NASTY, known=False, automatic=1, detailed=True,
                reviews=(Waiting(what=NASTY, clause=NASTY, who=NASTY, state=NASTY),), review_count=1,
                tasks=(Waiting(what=NASTY, clause=NASTY, who=NASTY, state=NASTY),), task_count=1,
                missed=(Waiting(what=NASTY, clause=NASTY, who=NASTY),), missed_count=1,
            ),
        ),
        unavailable=(Counted(why=NASTY, count=1, place=NASTY),),
        blind=(Counted(why=NASTY, count=1, place=NASTY),),
        dead_letters=(Counted(why=NASTY, count=1),),
    )  # fmt: skip
    page = Page(render(trial, names=True))
    tags = [tag for tag, _ in page.tags]
    assert tags.count("script") == 1
    assert tags.count("style") == 1
    assert "img" not in tags
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert "alert(1)" in page.text
    assert "{{ 7*7 }}" in page.text
    assert any(attrs.get("data-violation") == 'v_"><script>' for _, attrs in page.tags)


def test_a_page_asks_for_nothing_from_elsewhere():
    page = render(a_trial(an_example()))
    assert "<svg" in page
    assert not re.search(r"(?i)https?:|//[a-z]|@import|xmlns", re.sub(r"<script>.*?</script>", "", page, flags=re.S))
    for tag, attrs in Page(page).tags:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form")
        assert "src" not in attrs
        assert (attrs.get("href") or "#").startswith("#")
        for value in attrs.values():
            assert not re.search(r"url\((?!#)", value or "")


def test_only_the_pages_own_script_may_run():
    page = render(a_trial(an_example(NASTY)))
    script = re.search(r"<script>(.*?)</script>", page, re.S)[1]
    wanted = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = next(attrs["content"] for tag, attrs in Page(page).tags if attrs.get("http-equiv"))
    assert f"script-src 'sha256-{wanted}'" in policy
    assert "default-src 'none'" in policy


def test_ids_are_unique_and_references_lead_somewhere():
    page = Page(render(a_trial(an_example())))
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    values = [value or "" for _, attrs in page.tags for value in attrs.values()]
    named = {one for value in values for one in re.findall(r"url\(#([^)]+)\)", value)}
    named |= {attrs["href"][1:] for _, attrs in page.tags if (attrs.get("href") or "").startswith("#")}
    named |= {one for _, attrs in page.tags for one in (attrs.get("aria-labelledby") or "").split()}
    assert named
    assert named <= set(ids)


def test_charts_are_text_with_title_and_description():
    page = Page(render(a_trial(an_example(), an_example(violation_id="v_2"))))
    assert [tag for tag, _ in page.tags].count("svg") == 3
    assert page.texts("desc")[0].startswith("按日统计，共 2 条")
    assert "font-family: 'DejaVu" not in render(a_trial(an_example()))
    assert "生产群" in page.texts("text")


@pytest.mark.parametrize("label", ["$x^2$", "a_{b}$\\frac", "<b>&", "群\u202e名", "😀" * 60])
def test_any_group_name_can_be_drawn(label):
    trial = a_trial(an_example())
    named = msgspec.structs.replace(trial.groups[0], name=label)
    page = Page(render(msgspec.structs.replace(trial, groups=(named,))))
    drawn = [text for text in page.texts("text") if text[:2] == label[:2].replace("群\u202e", "群名")[:2]]
    assert drawn
    assert all("\u202e" not in text for text in drawn)


@pytest.mark.parametrize(
    ("text", "span", "marked"),
    [
        ("想赚钱加我微信吧", (3, 7), "加我微信"),
        ("😀😀加我微信👨‍👩‍👧", (2, 6), "加我微信"),
        ("<b>加我</b>", (3, 5), "加我"),
        ("王建国说加我微信", (4, 8), "加我微信"),
        ("\ud800加我\udc00", (1, 3), "加我"),
        ("字" * 5000 + "加我微信" + "字" * 5000, (5000, 5004), "加我微信"),
        ("\n" * 40 + "加我微信", (40, 44), "加我微信"),
    ],
)
def test_marks_stand_at_the_right_code_points(text, span, marked):
    excerpt = excerpt_of(text, [span])
    page = render(a_trial(an_example(excerpt=excerpt)))
    assert marks_on(page) == {marked}
    page.encode("utf-8")


def test_spans_that_touch_or_leave_the_text_are_one_mark_each():
    assert excerpt_of("加我微信", [(1, 3), (0, 2), (3, 99), (7, 9), (2, 2), None]).marks == ((0, 4),)
    assert excerpt_of("加我微信", [(0, 1), (2, 3)]).marks == ((0, 1), (2, 3))


def test_long_messages_are_cut_around_the_first_mark_and_say_so():
    excerpt = excerpt_of("字" * 900 + "加我" + "字" * 900 + "微信", [(900, 902), (1802, 1804)])
    assert excerpt.text[slice(*excerpt.marks[0])] == "加我"
    assert (len(excerpt.text), excerpt.more_marks) == (360, 1)
    assert excerpt.before + len(excerpt.text) + excerpt.after == 1804
    assert "另有 1,444 字未显示，其中还有 1 处" in Page(render(a_trial(an_example(excerpt=excerpt)))).text


def test_hidden_characters_are_shown_as_signs():
    said = str(shown("a\u202eb\u200bc\x00d\ud800e👨‍👩‍👧"))
    assert "\u202e" not in said
    assert "\u200b" not in said
    assert "\x00" not in said
    assert {"202E", "200B", "0000"} <= set(re.findall(r">([0-9A-F]{4})<", said))
    assert "d\ufffde👨‍👩‍👧" in said


def test_names_are_masked_by_default_everywhere():
    one = an_example(
        "@王建国 李梅说加我微信，阿飞也说", marks=((8, 12),), explanation="李梅请改为“王建国”", aliases=("阿飞", "😀")
    )
    page = Page(render(a_trial(one)))
    assert "王建国" not in page.text
    assert "李梅" not in page.text
    assert "阿飞" not in page.text
    assert "王**" in page.text
    assert marks_on(render(a_trial(one))) == {"加我微信"}
    full = Page(render(a_trial(one), names=True)).text
    assert "王建国" in full
    assert "阿飞也说" in full


def test_masking_takes_the_longest_name_and_leaves_other_words():
    masking = Masking({"王建", "王建国", "国"})
    assert masking.text("王建国和王建议国家", keep_length=True) == "王**和王*议国家"
    assert masking.text("", ()) == ""


def test_a_page_of_nothing_says_so():
    page = Page(render(Trial())).text
    assert "没有任何记录" in page
    assert "没有自动判定的发现" in page


def test_the_checklist_names_violation_and_clause_for_the_export():
    rows = [attrs for _, attrs in Page(render(a_trial(an_example()))).tags if "data-violation" in attrs]
    assert [(row["data-violation"], row["data-clause"]) for row in rows] == [("v_1", "p-1")]


@pytest.mark.parametrize(
    "cause",
    ["not JSON: JSON is malformed (byte 12)", "id is missing", "group.id is missing", "a new cause 7"],
)
def test_causes_of_dead_letters_are_few_chinese_sentences(cause):
    said = dead_cause(cause)
    assert re.search(r"[\u4e00-\u9fff]", said)
    assert not re.search(r"\d{2}|\b7\b", said)
    assert ("group" in cause) == ("哪个群" in said)


# a whole run


@pytest.fixture(scope="module")
def classifiers() -> Classifiers:
    return Classifiers.load()


@pytest.fixture(scope="module")
def packs():
    return load_packs()


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    names = {"boss": "高建华", "wang": "王建国", "li": "李小梅", "chen": "陈志强"}
    people = tuple(
        Person(id=key, name=name, department="生产部", unit="二厂", accounts=(Account("webhook", f"wh-{key}"),))
        for key, name in names.items()
    )
    facts = {"owner": "boss", "administrators": ("boss",), "members": tuple(names), "platform": "webhook"}
    facts["facts"] = {"monitoring_notice_at": "2020-01-01"}
    groups = (
        Group(id="g1", name="生产部工作群", pack="xianchuang", type="department", mode="enforce", **facts),
        Group(id="g2", name="办线群", pack="banxian", type="line", mode="observe", **facts),
        Group(id="g3", name="没有消息的群", pack="xianchuang", type="department", mode="enforce", **facts),
    )
    return Fleet(people=people, groups=groups)


def line(number: int, text: str, *, group="g1", by="wang", **other) -> bytes:
    card = {"wang": "王建国", "li": "李小梅", "chen": "陈志强", "boss": "高建华"}.get(by, "隔壁老张")
    body = {
        "id": f"m{number}",
        "type": "message.created",
        "platform": "webhook",
        "group": {"id": group},
        "sender": {"id": f"wh-{by}", "card": f"二厂-{card}" if group == "g2" else card},
        "sent_at": START + number * MINUTE,
        "kind": "text",
        "text": text,
    }
    return json.dumps({**body, **other}).encode()


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    work = ["今天产线OEE 87%,停机主要在换模", "收到", "二号机已恢复，请质检复核", "明天九点开会，地点三楼"]
    chat = [line(number, work[number % 4], by=("li", "chen")[number % 2]) for number in range(8)]
    return [
        *chat,
        line(20, "😀" + ADVERT),
        line(21, "恭喜发财", group="g2", by="li", kind="red_packet", money={"type": "red_packet"}),
        b"not json",
        line(22, ADVERT, group="g9", by="zhang"),
        line(23, "现场照片", kind="image", by="li"),
        line(20, "😀" + ADVERT),
        b'{"type":"clock.tick","sent_at":%d}' % (START + 30 * MINUTE),
        line(40, "第二次：" + ADVERT + "<script>alert(1)</script>"),
        line(41, "两分钟内撤回的：" + ADVERT, by="chen"),
        line(42, "", by="chen", type="message.recalled", recall_of={"id": "m41"}, id="r41"),
        line(43, "字" * 3000 + ADVERT, by="li"),
    ]


@pytest.fixture(scope="module")
def trial(lines, fleet, packs, classifiers) -> Trial:
    return run_trial(lines, fleet=fleet, packs=packs, classifiers=classifiers)


def test_totals_are_those_of_the_replay(trial, lines, fleet, packs, classifiers):
    with replaying(classifiers, packs, Directory(fleet)) as replay:
        for one in lines:
            replay.feed(one)
        replay.finish()
        summary = summarise(replay)
        sanctions = list(stored_sanctions(replay.store))
        waiting = [one for one in stored_reviews(replay.store) if one.status == "open"]
    assert trial.findings == summary.violations > 5
    assert trial.uncertain == summary.uncertain
    assert trial.observations == summary.observations
    assert trial.bad_lines == summary.bad_lines == 1
    assert {one.clause: one.findings for one in trial.clauses if one.findings} == summary.by_clause
    assert sum(one.findings for one in trial.groups) == summary.violations
    assert sum(sum(one) for one in trial.by_day.values()) == summary.violations
    assert trial.sanctions == len(sanctions) == sum(one.sanction_count for one in trial.groups)
    assert trial.open_reviews == len(waiting)
    assert sum(not one.known for one in trial.groups) == summary.unknown_groups == 1
    told = [(one.kind, one.notice) for group in trial.groups for one in group.sanctions if group.id == "g1"]
    assert told == [(one.kind, one.notice) for one in sanctions if one.group_id == "g1"]


def test_every_finding_on_a_message_carries_its_own_text_and_marks(trial):
    adverts = [one for one in trial.checklist if one.excerpt and "加我微信" in one.excerpt.text]
    assert len(adverts) >= 4
    for one in adverts:
        assert one.excerpt.marks
        marked = "".join(one.excerpt.text[start:end] for start, end in one.excerpt.marks)
        assert "加我微信" in marked or "代理" in marked
        assert "😀" not in marked
    assert {one.group_id for one in adverts} == {"g1", "g9"}


@pytest.mark.parametrize("chunk", [1, 2, 3, 7])
def test_chunks_make_no_difference(chunk, trial, lines, fleet, packs, classifiers):
    again = run_trial(lines, fleet=fleet, packs=packs, classifiers=classifiers, chunk=chunk)
    assert again == trial


def test_the_same_lines_give_the_same_bytes(trial, lines, fleet, packs, classifiers):
    again = run_trial(iter(lines), fleet=fleet, packs=packs, classifiers=classifiers)
    assert render(again) == render(trial)


def test_the_page_shows_the_run_and_hides_names(trial):
    page = Page(render(trial))
    assert [tag for tag, _ in page.tags].count("script") == 1
    for name in ("王建国", "李小梅", "陈志强", "高建华", "隔壁老张"):
        assert name not in page.text
    assert "隔**" in page.text
    assert "没有登记的群" in page.text
    assert "不是有效的 JSON" in page.text
    assert "not json" not in page.text
    assert "隔壁老张" in Page(render(trial, names=True)).text
    listed = {attrs["data-violation"] for _, attrs in page.tags if "data-violation" in attrs}
    assert len(listed) == trial.automatic


def test_what_was_recalled_in_time_is_shown_as_taken_back(trial):
    group = next(one for one in trial.groups if one.id == "g1")
    ways = [(one.who, one.way) for one in group.sanctions]
    assert ("陈志强", "reversal") in ways


def test_observed_groups_send_nothing(trial):
    quiet = next(one for one in trial.groups if one.id == "g2")
    assert {one.way for one in quiet.sanctions} <= {"recorded", "task"}
    assert {one.way for one in next(one for one in trial.groups if one.id == "g9").sanctions} == {"recorded"}


def test_lists_are_capped_and_counts_are_not(monkeypatch, fleet, packs, classifiers):
    monkeypatch.setattr(gather, "CHECKLIST", 7)
    monkeypatch.setattr(gather, "SANCTIONS_PER_GROUP", 3)
    many = [line(number * 3, f"{ADVERT} {number}", group="g9", by=f"z{number}") for number in range(40)]
    found = run_trial(many, fleet=fleet, packs=packs, classifiers=classifiers, chunk=8)
    clause = next(one for one in found.clauses if one.clause == "baseline-1")
    assert clause.findings == 40
    assert len(clause.examples) == 20
    assert [one.at for one in clause.examples] == sorted(one.at for one in clause.examples)
    assert len(found.checklist) == 7
    group = next(one for one in found.groups if one.id == "g9")
    assert (len(group.sanctions), group.sanction_count) == (3, 40)
    page = Page(render(found)).text
    assert "还有 20 条未列出" in page
    assert f"还有 {found.automatic - 7} 条未列出" in page
    assert "还有 37 件未列出" in page


def test_only_the_last_two_chunks_of_lines_are_held(monkeypatch, fleet, packs, classifiers):
    held = []
    turn = gather._Lines.turn

    def spied(self):
        held.append(len(self._now) + len(self._before))
        turn(self)

    monkeypatch.setattr(gather._Lines, "turn", spied)
    many = (line(number, "收到") for number in range(200))
    run_trial(many, fleet=fleet, packs=packs, classifiers=classifiers, chunk=10)
    assert len(held) > 15
    assert max(held) <= 20
