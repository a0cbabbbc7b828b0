"""A backtest: what two sides find in one history, compared; the limits that make it a gate."""

import json
import re
from pathlib import Path

import pytest
import yaml

from models import Evidence, Subject, Verdict, Violation
from policies.schema import Budget
from streams.backtest.compare import Found, Known, Sample, compare, found_in, innocents, paired
from streams.backtest.history import Lines, from_store
from streams.backtest.report import Limits
from streams.backtest.sides import Side, side_of
from streams.backtest.truth import Truth
from streams.cli import main
from streams.errors import LoadError

START = 1_794_963_600_000
TEXTS = Path(__file__).parents[2] / "classifiers" / "trained" / "texts"


# Each of them breaks a reader in another way.
HOSTILE = (
    b'{"id":"m1","label":"normal","edit_of":' + b"[" * 100_000, b'{"id":"m1\xff","label":"normal"}',
    b'{"id":"x","label":' + b'["' * 10, b'{"id":"y","edit_of":' + b'{"edit_of":' * 20_000 + b'"label"',
)  # fmt: skip


def found(number, *, clause="p-1", group="g1", outcome="automatic", message="") -> Found:
    return Found(
        id=f"v_{number:04}", pack="p", clause=clause, category="ads", group_id=group, outcome=outcome, at=START,
        score=1.0, explanation="", observation_id=message or f"m{number}",
    )  # fmt: skip


# values


def test_findings_meet_by_their_ids():
    pairs = list(paired([found(1), found(2), found(4)], [found(2), found(3), found(4), found(5)]))
    assert [(old and old.id[-1], new and new.id[-1]) for old, new in pairs] == [
        ("1", None), ("2", "2"), (None, "3"), ("4", "4"), (None, "5"),
    ]  # fmt: skip


def test_more_fewer_and_changed_are_counted_by_clause_group_and_outcome():
    old = [found(1), found(2, outcome="asks"), found(3, group="g2")]
    new = [found(2), found(3, outcome="asks", group="g2"), found(4, clause="p-2")]
    compared = compare(paired(old, new))
    total = compared.total
    assert (total.old, total.new, total.more, total.fewer, total.harder, total.softer) == (3, 3, 1, 1, 1, 1)
    assert compared.clauses["p", "p-2"].more == 1
    assert compared.clauses["p", "p-1"].fewer == 1
    assert (compared.groups["g2"].softer, compared.groups["g2"].more) == (1, 0)
    # Whoever is not accused any more but asked about is one fewer of the former and one more of the latter.
    automatic, asks = compared.outcomes["automatic"], compared.outcomes["asks"]
    assert (automatic.old, automatic.new, automatic.more, automatic.fewer) == (2, 2, 2, 2)
    assert (asks.old, asks.new) == (1, 1)
    assert [pair[1].id for pair in compared.more] == ["v_0004"]
    assert [pair[0].id for pair in compared.fewer] == ["v_0001"]
    assert len(compared.changed) == 2


def test_examples_are_shared_out_over_clauses_and_groups():
    sample = Sample(20)
    loud = [found(number) for number in range(500)]
    quiet = [found(500 + number, clause="p-2") for number in range(3)]
    other = [found(600 + number, group="g2") for number in range(30)]
    for one in [*loud, *quiet, *other]:
        sample.offer(one, (None, one))
    taken = [pair[1] for pair in sample.taken()]
    assert len(taken) == 20
    assert sum(one.clause == "p-2" for one in taken) == 3
    assert 8 <= sum(one.group_id == "g2" for one in taken) <= 9


def test_an_estimate_reaches_as_far_as_nobody_has_looked():
    nobody = innocents(50, 0, 0)
    assert (nobody.expected, nobody.low, nobody.high) == (None, 0.0, 50.0)
    all_of_them = innocents(50, 50, 3)
    assert (all_of_them.expected, all_of_them.low, all_of_them.high) == (3.0, 3.0, 3.0)
    some = innocents(1000, 100, 10, ticked=100, wrong=10)
    assert some.expected == 100.0
    # Wilson of 10 in 100 is 5.52 % to 17.44 %; of the 900 others, and the ten that are known.
    assert (some.low, some.high) == (59.7, 166.9)


def test_only_what_was_drawn_and_ticked_tells_of_the_rest():
    new = [found(number) for number in range(250)]

    def known(one: Found) -> Known:
        """Two hundred are labelled offences; of the others nobody has said anything."""
        return Known(told=False) if int(one.id[2:]) % 5 else Known()

    unticked = compare(paired([], new), known, to_label=20)
    assert (unticked.newly["automatic"].checked, unticked.newly["automatic"].expected) == (200, None)
    assert (unticked.newly["automatic"].low, unticked.newly["automatic"].high) == (0.0, 50.0)
    # People are asked about those that nobody told of, and their answers tell of these.
    asked = {one.id for one in unticked.to_label}
    assert [one.id for one in unticked.to_label] == [f"v_{number:04}" for number in range(0, 100, 5)]
    answered = compare(
        paired([], new), lambda one: Known(ticked=one.id == "v_0005") if one.id in asked else known(one), to_label=20
    ).newly["automatic"]
    # One of twenty, and as many of the thirty others.
    assert (answered.checked, answered.innocent, answered.expected) == (220, 1, 2.5)
    assert 1 < answered.low < 2.5 < answered.high < 10
    # A tick on one that was not drawn is known and tells of no other.
    chosen = compare(paired([], new), lambda one: Known(ticked=False) if one.id > "v_0100" else Known(), to_label=20)
    assert (chosen.newly["automatic"].checked, chosen.newly["automatic"].high) == (149, 101.0)


def test_what_waits_for_a_person_asks():
    def a_violation(number: int, mode: str) -> Violation:
        who = Subject("member", "u1")
        return Violation(
            id=f"v_{number}", clause="p-1", rule="content.category", subject=who, score=1.0, explanation="",
            evidence=(Evidence("keywords", "ads", (2, 4)),), mode=mode,
        )  # fmt: skip

    verdict = Verdict(
        observation_id="m", group_id="g", pack="p", pack_version="", judged_at=1,
        violations=(a_violation(1, "automatic"), a_violation(2, "assisted")), uncertain=(a_violation(3, "automatic"),),
    )  # fmt: skip
    assert [(one.outcome, one.category, one.spans) for one in found_in(verdict)] == [
        ("automatic", "ads", ((2, 4),)), ("asks", "ads", ((2, 4),)), ("asks", "ads", ((2, 4),)),
    ]  # fmt: skip


def test_what_people_said_of_a_finding_counts_before_what_its_message_says(tmp_path):
    labels = tmp_path / "labels.jsonl"
    labels.write_text(
        '{"violation_id":"v_0001","outcome":"overturn"}\n{"on":{"kind":"verdict","id":"m2"},"outcome":"uphold"}\n',
        "utf-8",
    )
    truth = Truth(tmp_path / "truth.db")
    lines = [
        json.dumps(one).encode()
        for one in (
            a_line(1, "", label="ads"), a_line(3, "", expected=[]), a_line(4, "", expected=["p-2"]),
            a_line(5, "", label=["ads"]), a_line(6, '"label"'), a_line(7, "", label="fraud"),
            a_line(10, "", label="normal", type="message.edited", edit_of={"id": "m5"}),
            a_line(8, "", label="normal", type="member.joined"), {"id": "m9", "label": "normal"},
        )
    ] + [b'"label" is no JSON', *HOSTILE]  # fmt: skip
    assert list(truth.noting(lines)) == lines
    assert truth.read(labels) == 2
    # Overturned; upheld; expected nothing; expected another clause; ads is what it is; nobody has said; guilty of another.
    said = [truth.known(found(number)) for number in range(1, 8)]
    assert [one.ticked for one in said] == [True, *[None] * 6]
    assert [one.told for one in said] == [False, False, True, True, False, None, None]
    assert truth.normal_messages() == 1
    truth.close()


def test_decisions_are_taken_as_they_are(tmp_path):
    """Only those on findings and messages say who is innocent."""
    decisions = tmp_path / "decisions.jsonl"
    lines = [
        {"on": {"kind": kind, "id": name}, "outcome": outcome, "by": "林晓梅", "reason": "看过"}
        for kind, name, outcome in (
            ("verdict", "m1", "overturn"), ("verdict", "v_0002", "uphold"), ("campaign", "m3", "overturn"),
            ("appeal", "m4", "uphold"), ("sanction", "m5", "approve"), ("sanction", "m6", "refuse"), ("task", "m7", "done"),
        )
    ]  # fmt: skip
    decisions.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    truth = Truth(tmp_path / "truth.db")
    assert truth.read(decisions) == 2
    assert [truth.known(found(number)).told for number in range(1, 8)] == [True, False, *[None] * 5]
    truth.close()


def test_labels_are_read_before_anything_is_judged(called, history, tmp_path, monkeypatch):
    monkeypatch.setattr("streams.backtest.run.judge", None)
    (tmp_path / "labels.jsonl").write_text('{"violation_id":"v_1","outcome":"innocent"}', "utf-8")
    word = a_list(tmp_path / "ads.yaml", "样机")
    code, _, err = called("--history", history, "--new", word, "--labels", "labels.jsonl")
    assert (code, "labels.jsonl:1: " in err) == (2, True)


@pytest.mark.parametrize(
    "line", [b"{", b'{"outcome":"overturn"}', b'{"violation_id":"v_1","outcome":"innocent"}', *HOSTILE]
)
def test_a_label_that_cannot_be_used_is_named_with_its_line(tmp_path, line):
    path = tmp_path / "labels.jsonl"
    path.write_bytes(b"\n" + line + b"\n")
    truth = Truth(tmp_path / "truth.db")
    with pytest.raises(LoadError, match=re.escape(f"{path}:2: ")):
        truth.read(path)
    truth.close()


@pytest.mark.parametrize("given", [{"more": "many"}, {"fewer": "-1"}, {"innocent": "2"}, {"innocent": "1/0"}])
def test_a_limit_that_is_no_number_is_refused(given):
    with pytest.raises(ValueError, match="--most-"):
        Limits(**given)


# sides


def a_list(path: Path, *words: str, category="ads") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        yaml.safe_dump({"category": category, "why": "测试", "strong": list(words)}, allow_unicode=True), "utf-8"
    )
    return path


def test_a_side_is_what_is_in_force_but_for_what_is_named(tmp_path):
    a_list(tmp_path / "in-force" / "ads.yaml", "旧词语")
    a_list(tmp_path / "in-force" / "fraud.yaml", "旧骗术", category="fraud")
    one = a_list(tmp_path / "new" / "ads.yaml", "新词语")
    budgets = tmp_path / "budgets.yaml"
    budgets.write_text("budgets: {ads: {review: 1/500, act: 1/1000}}", "utf-8")
    base = Side(lists=(str(tmp_path / "in-force"),), packs=("a",))
    side = side_of(base, [str(one), f"budgets={budgets}", "full"], tmp_path / "made")
    assert side.packs == ("a",)
    assert side.model == "full"
    assert side.budgets == {"ads": Budget(review="1/500", act="1/1000")}
    texts = [next(Path(folder).iterdir()).read_text("utf-8") for folder in side.lists]
    assert ["旧骗术" in one for one in texts] == [True, False]
    assert ["新词语" in one for one in texts] == [False, True]
    # A folder takes the place of all.
    assert side_of(base, [str(one.parent)], tmp_path / "again").lists == (str(one.parent),)


def test_a_side_may_be_a_file_that_names_several(tmp_path):
    a_list(tmp_path / "lists" / "ads.yaml", "新词语")
    side = tmp_path / "side.yaml"
    side.write_text("lists: lists\nmodel: full\nbudgets: {ads: {act: 1/5000}}\n", "utf-8")
    found = side_of(Side(), [str(side)], tmp_path / "made")
    assert (found.lists, found.model, found.budgets["ads"].act) == ((str(tmp_path / "lists"),), "full", "1/5000")


@pytest.mark.parametrize("text", ["a: 1", "- 1", "packs: [", "budgets: {ads: {act: 1/2}}", "budgets: {ads: {acts: 1}}"])
def test_what_is_no_side_is_said_in_a_sentence(tmp_path, text):
    path = tmp_path / "x.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(LoadError) as told:
        side_of(Side(), [str(path)], tmp_path / "made")
    assert str(path) in str(told.value)
    assert "\n" not in str(told.value)


# over history


def a_line(number: int, text: str, *, group="g1", **more) -> dict:
    return {
        "type": "message.created", "id": f"m{number}", "platform": "webhook", "group": {"id": group},
        "sender": {"id": f"a{number % 7}"}, "sent_at": START + number * 60_000, "kind": "text", "text": text, **more,
    }  # fmt: skip


@pytest.fixture(scope="module")
def history(tmp_path_factory) -> Path:
    """Thirty plain messages, ten with a word that no list has, and ten red packets; two of the former are labelled."""
    lines = [a_line(number, "今天两点开例会") for number in range(30)]
    lines += [a_line(30 + n, f"第{n}批样机到了，去仓库领", group=f"g{n % 2 + 1}") for n in range(10)]
    lines[30]["label"], lines[31]["label"] = "normal", "ads"
    lines += [a_line(40 + n, "恭喜发财", kind="red_packet", group="g3") for n in range(10)]
    path = tmp_path_factory.mktemp("history") / "h.jsonl"
    path.write_text("\n".join(json.dumps(one, ensure_ascii=False) for one in lines), "utf-8")
    return path


@pytest.fixture
def called(capsys, monkeypatch, tmp_path):
    """Calls `xunqun backtest` in a folder of its own; exit code, output, error."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["backtest", *map(str, arguments)])
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return call


def test_a_list_with_one_word_more(called, history, tmp_path):
    word = a_list(tmp_path / "ads.yaml", "样机")
    page, note = tmp_path / "r.html", tmp_path / "m.md"
    given = ("--history", history, "--new", word, "--json", "--out", page, "--markdown", note)
    code, out, _ = called(*given, "--most-more", 9, "--most-fewer", 0)
    seen = json.loads(out)
    assert code == 1
    assert (seen["total"]["more"], seen["total"]["fewer"]) == (10, 0)
    assert [(one["name"], one["holds"]) for one in seen["gates"]] == [("more", False), ("fewer", True)]
    assert [(one["group"], one["more"]) for one in seen["groups"] if one["more"]] == [("g1", 5), ("g2", 5)]
    assert {one["category"] for one in seen["categories"] if one["more"]} == {"ads"}
    # One is labelled innocent, one guilty; of the eight others nobody has said anything.
    accused = seen["innocents"]["newly_accused"]
    assert (accused["of"], accused["checked"], accused["innocent"]) == (10, 2, 1)
    assert 1 <= accused["low"] < 5 < accused["high"] <= 9
    assert seen["innocents"]["labelled"] == {"innocent": 1, "old": 0, "new": 1}
    # Programs and merge requests keep what they are given: no words of members.
    assert "样机到了" not in out + note.read_text("utf-8")
    assert "<mark>样机</mark>" in page.read_text("utf-8")
    first = (out, page.read_bytes(), note.read_bytes())
    assert called(*given, "--most-more", 9, "--most-fewer", 0)[1] == out
    assert (out, page.read_bytes(), note.read_bytes()) == first


def test_what_was_ticked_on_the_page_gives_the_estimate(called, history, tmp_path):
    word = a_list(tmp_path / "ads.yaml", "样机")
    given = ("--history", history, "--new", word, "--most-innocent", "1/20")
    code, out, _ = called(*given, "--json", "--out", "r.html", "--label-sample", 6)
    # Nobody knows: all ten of fifty may be innocent.
    assert code == 1
    ids = re.findall(r'data-violation="(v_\w+)"', (tmp_path / "r.html").read_text("utf-8"))
    assert len(ids) == 6
    assert {one["id"] for one in json.loads(out)["examples"]["more"]} > set(ids)
    labels = tmp_path / "xunqun-labels.jsonl"
    every = [one["id"] for one in json.loads(out)["examples"]["more"]]
    labels.write_text(
        "".join(f'{{"violation_id":"{one}","clause":"x","outcome":"uphold"}}\n' for one in every), "utf-8"
    )
    code, out, _ = called(*given, "--labels", labels)
    assert code == 0, out
    assert "all looked at: 0 innocent" in out


def test_a_pack_with_one_clause_more_and_the_side_that_lacks_it(called, history, tmp_path):
    def a_pack(name: str, *categories: str) -> Path:
        clauses = {
            f"own-{number}": {
                "article": f"第{number}条",
                "says": "不许",
                "bindings": [
                    {
                        "for": "x",
                        "rule": "content.category",
                        "with": {"category": one},
                        "mode": "automatic",
                        "ladder": "l",
                    }
                ],
            }
            for number, one in enumerate(categories, 1)
        }
        body = {
            "pack": "own", "title": "制度", "source": {"document": None}, "status": {"stage": "adopted"},
            "ladders": {"l": {"rungs": [{"strikes": 1, "sanction": "warn"}]}}, "clauses": clauses,
        }  # fmt: skip
        (tmp_path / name).write_text(yaml.safe_dump(body, allow_unicode=True), "utf-8")
        return tmp_path / name

    old, new = a_pack("old.yaml", "transfer"), a_pack("new.yaml", "transfer", "red_packet")
    given = ("--history", history, "--packs", old, "--pack", "own", "--json")
    code, out, _ = called(*given, "--new", new)
    seen = json.loads(out)
    assert code == 0
    assert [(one["clause"], one["old"], one["more"]) for one in seen["clauses"]] == [("own-2", 0, 10)]
    assert {"kind": "warn", "old": 0, "new": 5} in seen["sanctions"] or any(
        one["kind"].startswith("warn") and one["new"] > one["old"] for one in seen["sanctions"]
    )
    code, out, _ = called(*given, "--old", new, "--new", old, "--most-fewer", "50%")
    seen = json.loads(out)
    assert code == 1
    assert (seen["total"]["fewer"], seen["total"]["more"], seen["innocents"]["spared"]["of"]) == (10, 0, 10)


@pytest.mark.parametrize("name", ["default", "shipped", "permissive", "full", "3da9c350", "3da9c350d09a"])
def test_weights_are_named_as_everywhere(tmp_path, name):
    assert side_of(Side(), [name], tmp_path).model == name


def test_other_weights_and_other_budgets(called, tmp_path):
    lines = [line for path in sorted(TEXTS.glob("*.jsonl")) for line in path.read_text("utf-8").splitlines()[:60]]
    history = tmp_path / "texts.jsonl"
    said = [a_line(number, json.loads(line)["text"]) for number, line in enumerate(lines)]
    history.write_text("\n".join(json.dumps(one, ensure_ascii=False) for one in said), "utf-8")
    given = ("--history", history, "--pack", "xianchuang", "--json")
    seen = json.loads(called(*given, "--old", "permissive", "--new", "full")[1])
    assert seen["models"]["old"] != seen["models"]["new"]
    assert seen["total"]["more"] + seen["total"]["fewer"] > 0
    (tmp_path / "budgets.yaml").write_text(
        "budgets: {default: {review: 1/100, act: 1/100}, ads: {act: 1/100, review: 1/100}}"
    )
    seen = json.loads(called(*given, "--new", "budgets.yaml")[1])
    assert seen["total"]["more"] + seen["total"]["harder"] > 0
    assert seen["total"]["fewer"] == 0
    allowed = seen["innocents"]["allowed_by_budgets"]
    assert allowed["new"] > allowed["old"] > 0


def test_what_a_service_has_in_its_store_is_history(called, a_house, tmp_path, monkeypatch):
    house = a_house()
    for number in range(4):
        house.say(f"a{number}", text=f"第{number}批样机到了")
    monkeypatch.setenv("XUNQUN_DIR", str(house.path.parent))
    seen = json.loads(called("--history", "store", "--new", a_list(tmp_path / "ads.yaml", "样机"), "--json")[1])
    assert (seen["history"]["messages"], seen["total"]["more"]) == (4, 4)
    lines = [json.loads(one) for one in from_store(house.path)]
    assert [one["received_at"] for one in lines] == [one["sent_at"] for one in lines]


def test_only_a_part_of_the_history(tmp_path):
    path = tmp_path / "h.jsonl"
    path.write_text("\n".join([*(json.dumps(a_line(n, "好")) for n in range(5)), "{broken"]), "utf-8")
    hour = Lines(files=(str(path),), since=START + 60_000, until=START + 4 * 60_000)
    assert [json.loads(one)["id"] for one in hour.read()] == ["m1", "m2", "m3"]
    assert len(list(Lines(files=(str(path),), limit=2).read())) == 2
    assert list(Lines(files=(str(path),), since=START + 240_000).read())[-1] == b"{broken"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--history", "nix.jsonl", "--new", "full"), "nix.jsonl"),
        (("--history", "h.jsonl", "--new", "nix"), "nix"),
        (("--history", "h.jsonl", "--new", "abcdef123456"), "abcdef123456"),
        (("--history", "h.jsonl", "--new", "full", "--most-more", "x"), "--most-more"),
        (("--history", "h.jsonl", "--new", "full", "--labels", "nix"), "nix"),
        (("--history", "h.jsonl", "--new", "full", "--since", "gestern"), "--since"),
        (("--history", "h.jsonl", "--new", "full", "--pack", "nix"), "nix"),
        (("--history", "store", "--new", "full"), "XUNQUN_DIR"),
    ],
)
def test_wrong_use_is_one_sentence(called, tmp_path, arguments, word):
    (tmp_path / "h.jsonl").write_text("", "utf-8")
    code, out, err = called(*arguments)
    assert (code, out) == (2, "")
    assert word in err
    assert len(err.strip().splitlines()) == 1


def test_hostile_lines_are_dead_letters(called, history, tmp_path):
    damaged = tmp_path / "damaged.jsonl"
    damaged.write_bytes(b"\n".join([*HOSTILE, history.read_bytes(), *HOSTILE]))
    word = a_list(tmp_path / "ads.yaml", "样机")
    code, out, err = called("--history", damaged, "--new", word, "--json")
    assert code == 0, err
    seen = json.loads(out)
    assert (seen["history"]["messages"], seen["history"]["dead_letters"]) == (50, 2 * len(HOSTILE))
    assert (seen["total"]["more"], seen["innocents"]["labelled"]["innocent"]) == (10, 1)


@pytest.mark.parametrize(
    ("text", "more"), [("", ()), ("{broken\n[]\n", ()), (json.dumps(a_line(1, "好")), ("--since", "2099-01-01"))]
)
def test_a_history_without_a_message_holds_no_limit(called, tmp_path, text, more):
    (tmp_path / "h.jsonl").write_text(text, "utf-8")
    code, out, err = called("--history", "h.jsonl", "--new", "full", "--most-more", 0, "--json", *more)
    assert (code, out) == (2, "")
    assert "h.jsonl: holds no message" in err
