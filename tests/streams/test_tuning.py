"""The tuning loop: labels out of decisions, what guards let through, what is learned, who puts it in force, what is watched."""

import errno
import gzip
import json
import os
import shutil
import stat
import tempfile
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import msgspec
import numpy as np
import pytest
import yaml
from house import DAY, MINUTE, START, House, a_pack
from scipy import sparse

from classifiers.folding import fold_batch
from classifiers.keywords import Keywords, Word, WordList, load_lists
from classifiers.measure import Classifiers
from classifiers.trained import train
from classifiers.trained.card import Quantile, Recent
from classifiers.trained.evaluate import bins_of, on_file, real_share, wilson
from classifiers.trained.rows import Rows, read_rows
from classifiers.trained.serve import NEVER, Model, ModelUnavailable
from classifiers.trained.teach import _fitted, _Rows, change_of, teach
from models import GroupRef, Observation, Sender
from policies.lint import lint
from streams.cli import main
from streams.errors import NotFound, WrongUse
from streams.loading import classifiers_from, model_folder
from streams.metrics import Metrics
from streams.service import Service
from streams.text_keys import TextKeys
from streams.tuning import guards as guards_module
from streams.tuning import labels as labels_module
from streams.tuning import registry, scores
from streams.tuning.guards import guarded, same
from streams.tuning.labels import (
    Label,
    decided,
    labels_of,
    observations_in,
    person,
    purge,
    read_labels,
    texts_of,
    write_labels,
)

GOODS = ("面膜", "茶叶", "脐橙", "车位", "阿胶", "奶茶", "保险", "课程", "手表", "香水")
TASKS = ("报表", "合同", "台账", "图纸", "发票", "排班", "纪要", "样品", "工单", "巡检")
WHEN = ("今天", "明天", "下午", "周五前", "尽快", "月底", "上午", "本周", "下周", "中午")
WHO = ("老周", "小陈", "何工", "林姐", "班长", "仓库", "财务", "质检", "行政", "物流", "车间", "门卫")
EARLY, LATE = START, START + 90 * DAY


@pytest.fixture(scope="module")
def texts_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    ads = [f"{goods}{price}元一份包邮，要的私聊我" for goods in GOODS for price in ("十九", "五十", "八八")]
    ads += [f"自家{goods}新货到了，加微信下单，{who}也买过" for goods in GOODS for who in WHO]
    rude = [f"{task}都做错，{who}你是不是脑子有病" for task in TASKS for who in WHO]
    fine = [f"{task}请{who}{when}发我一下" for task in TASKS for when in WHEN for who in WHO]
    fine += [
        f"{goods}的采购{task}请{who}核对{when}" for goods in GOODS for task in TASKS for who in WHO for when in WHEN[:2]
    ]
    for name, label, lines in (("ads", "ads", ads), ("abuse", "abuse", rude), ("work", "ok", fine)):
        content = "".join(json.dumps({"text": line, "label": label}, ensure_ascii=False) + "\n" for line in lines)
        (folder / f"{name}.jsonl").write_text(content, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def rows(texts_dir: Path) -> Rows:
    return read_rows(None, texts_dir, ())


@pytest.fixture(scope="module")
def base_folder(texts_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    train.train(None, texts_dir, folder, "permissive", progress=lambda line: None)
    return folder


@pytest.fixture(scope="module")
def base(base_folder: Path) -> Model:
    return Model.load(base_folder)


def a_label(text: str, *, says: bool = True, by: str = "林晓梅", category: str = "ads", **given: object) -> Label:
    label = category if says else "ok"
    return Label(**{"text": text, "label": label, "category": category, "by": by, "at": EARLY, "until": LATE, **given})


def lures(first: int, last: int) -> list[str]:
    """Offences of a kind that the base has not seen. Half of each is accidental, so that no two count as one."""
    return [f"{_noise(place, 9)}组团拼单{_noise(-place - 1, 7)}进群领券" for place in range(first, last)]


def chores(first: int, last: int) -> list[str]:
    """Work talk that the base has not seen."""
    return [f"{_noise(place + 50_000, 9)}样品送检{_noise(place + 90_000, 7)}附上签字" for place in range(first, last)]


def _noise(seed: int, length: int) -> str:
    return "".join(map(chr, np.random.default_rng(abs(seed) * 2 + (seed < 0)).integers(0x4E00, 0x6E00, length)))


def taught(base: Model, rows: Rows, labels: list[Label], folder: Path) -> Model:
    found = guarded(labels, {"ads": 150, "abuse": 120})
    teach(base, found.lessons, found.guards, found.reviewers, rows, folder, lambda line: None)
    return Model.load(folder)


def moved(one: Model, other: Model, texts: list[str], category: str = "ads") -> np.ndarray:
    """By how much the logits of texts differ."""
    batch = fold_batch(texts)
    before, after = (m.score(batch)[:, m.categories.index(category)].astype(np.float64) for m in (one, other))
    return np.log(after / (1 - after)) - np.log(before / (1 - before))


# labels out of decisions


@pytest.fixture
def selling(tmp_path, classifiers) -> House:
    """A house whose clause 1 is about advertisements."""
    body = {
        "pack": "house",
        "title": "示例制度",
        "source": {"document": None},
        "status": {"stage": "adopted"},
        "ladders": {"ads": {"scope": "group", "rungs": [{"strikes": 1, "sanction": "warn"}]}},
        "clauses": {
            "house-1": {
                "article": "第一条",
                "says": "不发广告",
                "bindings": [
                    {
                        "for": "x1",
                        "rule": "content.category",
                        "with": {"category": "ads"},
                        "mode": "automatic",
                        "ladder": "ads",
                    }
                ],
            }
        },
    }
    pack, problems = lint(yaml.safe_dump(body, allow_unicode=True), "house.yaml")
    assert pack is not None, problems
    house = House(tmp_path / "selling", classifiers, packs={"house": pack, "other": a_pack("other")})
    yield house
    house.store.close()


AD = "加我微信了解兼职，每天稳定两三百，名额有限"


def exported(house: House, now: int | None = None) -> list[tuple[str, str, str]]:
    found = decided(house.store)
    texts = texts_of(found.found, observations_in(house.store))
    return [(one.text, one.label, one.by) for one in labels_of(found.found, texts, now or house.now)[0]]


def test_upheld_is_its_category_and_overturned_is_normal(selling):
    first, second = selling.say(kind="text", text=AD), selling.say(kind="text", text=AD + "，速来")
    selling.decide(first, "uphold")
    selling.decide(second, "overturn", by="何平")
    assert exported(selling) == [(AD, "ads", "林晓梅"), (AD + "，速来", "ok", "何平")]


def test_what_is_not_to_be_learned_is_no_label_and_takes_back_what_was_one(selling):
    message = selling.say(kind="text", text=AD)
    selling.decide(message, "uphold", learn=False)
    assert exported(selling) == []
    selling.decide(message, "uphold")
    assert len(exported(selling)) == 1
    selling.decide(message, "overturn", learn=False)
    found = decided(selling.store)
    assert found.found == []
    assert len(found.taken_back) == 1
    assert found.no_label == {"marked not to be learned from": 2}


def test_the_last_word_of_each_person_counts(selling):
    message = selling.say(kind="text", text=AD)
    selling.decide(message, "uphold")
    selling.decide(message, "overturn")
    selling.decide(message, "uphold", by="何平")
    assert exported(selling) == [(AD, "ok", "林晓梅"), (AD, "ads", "何平")]


def test_a_decision_on_a_sanction_is_one_on_its_findings_and_an_approval_is_none(selling):
    message = selling.say(kind="text", text=AD)
    (sanction,) = [
        one for one in selling.issued() if selling.ledger().held[one.violation_ids[0]].observation_id == message
    ]
    selling.decide(sanction.id, "overturn")
    assert exported(selling) == [(AD, "ok", "林晓梅")]


def test_the_end_of_a_word_that_began_in_another_message_is_no_label(selling):
    for place, piece in enumerate(("日结兼", "职加我")):
        message = selling.say(at=place * 2000, kind="text", text=piece)
    selling.decide(message, "uphold")
    found = decided(selling.store)
    assert found.found == []
    assert found.no_label == {"on words read over several messages": 1}
    # What was exported of it before is taken back.
    assert len(found.taken_back) == 1


def test_of_an_edited_message_the_words_of_the_edit_are_the_label(selling):
    message = selling.say(kind="text", text="今天两点开例会")
    selling.edit(message, kind="text", text=AD)
    selling.decide(message, "uphold")
    assert exported(selling) == [(AD, "ads", "林晓梅")]


def test_labels_end_with_the_evidence(selling):
    message = selling.say(kind="text", text=AD)
    selling.decide(message, "uphold")
    assert exported(selling, START + 91 * DAY) == []


def test_export_writes_one_file_for_its_owner_alone_and_forgets(selling, capsys, monkeypatch):
    message = selling.say(kind="text", text=AD)
    selling.decide(message, "uphold")
    path = selling.path.parent / "labels.jsonl"
    monkeypatch.setattr("streams.cli.labels._now", lambda: selling.now)
    main_ok("labels", "export", "--dir", str(selling.path.parent))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.text for one in read_labels(path, selling.now).labels] == [AD]
    # The log may be gone by then; the file is enough, and it ends as well.
    selling.store.connection.exec_driver_sql("DELETE FROM log WHERE topic = 'observations'")
    selling.store.connection.commit()
    main_ok("labels", "export", "--dir", str(selling.path.parent))
    assert [one.text for one in read_labels(path, selling.now).labels] == [AD]
    selling.decide(message, "uphold", learn=False)
    main_ok("labels", "export", "--dir", str(selling.path.parent))
    assert path.read_bytes() == b""


def test_a_copy_of_labels_ends_with_the_evidence_wherever_it_lies(selling, tmp_path, monkeypatch):
    """A fleet has no service beside the file, and people may decide weeks after the message."""
    message = selling.say(kind="text", text=AD)
    selling.now = START + 80 * DAY
    selling.decide(message, "uphold")
    path = tmp_path / "elsewhere" / "labels.jsonl"

    def export(now):
        monkeypatch.setattr("streams.cli.labels._now", lambda: now)
        main_ok("labels", "export", "--dir", str(selling.path.parent), "--labels", str(path))

    export(START + 81 * DAY)
    (line,) = path.read_bytes().splitlines()
    copy = json.loads(line)["text"]
    assert TextKeys(path.parent / "keys").words(copy) == AD
    export(START + 92 * DAY)
    assert TextKeys(path.parent / "keys").words(copy) is None


def test_labels_whose_key_is_elsewhere_are_one_sentence(tmp_path, capsys):
    path = tmp_path / "labels.jsonl"
    write_labels(path, [a_label("一")])
    (tmp_path / "keys").rename(tmp_path / "elsewhere")
    code, told = main_fails(capsys, "labels", "list", "--labels", str(path))
    assert (code, told.count("\n"), "is not in" in told) == (1, 1, True)


def test_export_leaves_a_file_alone_that_holds_other_things(selling, capsys, monkeypatch):
    selling.decide(selling.say(kind="text", text=AD), "uphold")
    path = selling.path.parent / "labels.jsonl"
    path.write_bytes(b'{"text": "forgot the rest"}\nnotes of mine\n')
    monkeypatch.setattr("streams.cli.labels._now", lambda: selling.now)
    code, told = main_fails(capsys, "labels", "export", "--dir", str(selling.path.parent))
    assert code == 2
    assert "2 lines are no labels; mend or remove them, for the file is written anew" in told
    assert path.read_bytes() == b'{"text": "forgot the rest"}\nnotes of mine\n'


def test_export_keeps_what_one_person_answered_both_ways(selling, capsys, monkeypatch):
    path = selling.path.parent / "labels.jsonl"
    write_labels(path, [a_label("一"), a_label("二", by="何平"), a_label("二", by="何平", says=False)])
    monkeypatch.setattr("streams.cli.labels._now", lambda: selling.now)
    main_ok("labels", "export", "--dir", str(selling.path.parent))
    assert "contradicts line 2" in capsys.readouterr().err
    keys = TextKeys(path.parent / "keys").evidence
    assert [keys.read(json.loads(line)["text"]) for line in path.read_bytes().splitlines()] == ["一", "二", "二"]
    assert "一" not in path.read_text("utf-8")
    read = read_labels(path, selling.now)
    assert ([one.text for one in read.labels], len(read.contradicting)) == (["一"], 2)


def test_export_leaves_a_file_of_another_user_alone(selling, capsys, monkeypatch):
    path = selling.path.parent / "labels.jsonl"
    write_labels(path, [a_label("一")])
    monkeypatch.setattr("os.geteuid", lambda: path.stat().st_uid + 1)
    code, told = main_fails(capsys, "labels", "export", "--dir", str(selling.path.parent))
    assert (code, told.count("\n")) == (2, 1)
    assert f"{path} belongs to another user (id {path.stat().st_uid}): call this as that one" in told


def test_an_export_from_where_no_store_is_makes_no_folder(tmp_path, capsys):
    assert main_fails(capsys, "labels", "export", "--dir", str(tmp_path / "typo"))[0] == 2
    assert not (tmp_path / "typo").exists()


def test_labels_that_cannot_be_dropped_are_logged(selling, caplog):
    path = selling.path.parent / "labels.jsonl"
    write_labels(path, [a_label("旧的文字", until=EARLY)])
    # A folder in its place: nobody can write that, whatever permissions he has.
    path.with_name("labels.jsonl.lock").mkdir()
    service = Service(selling.host, selling.actuator, Metrics(), clock=lambda: selling.now)
    service._purge_labels()
    (told,) = [one.getMessage() for one in caplog.records]
    assert told == f"labels_kept code={errno.EISDIR}"


def test_exports_and_a_purge_at_once_forget_nothing(tmp_path):
    path = tmp_path / "labels.jsonl"
    write_labels(path, [a_label("旧", until=EARLY)])

    def export(number: int) -> None:
        with labels_module.locked(path):
            write_labels(path, [*read_labels(path, EARLY).labels, a_label(f"第{number}个")])

    with ThreadPoolExecutor(8) as pool:
        for one in [pool.submit(export, n) for n in range(24)] + [pool.submit(purge, path, EARLY) for _ in range(8)]:
            one.result()
    assert {one.text for one in read_labels(path, EARLY).labels} == {f"第{n}个" for n in range(24)}


def test_a_purge_takes_what_is_past_its_time_and_leaves_the_rest(tmp_path):
    path = tmp_path / "labels.jsonl"
    assert purge(path, EARLY) == 0
    write_labels(path, [a_label("一"), a_label("二", until=EARLY + MINUTE)])
    path.open("ab").write(b"not JSON\n")
    assert purge(path, EARLY + MINUTE) == 1
    assert path.read_text().count("\n") == 2
    assert "二" not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


# files of labels


def test_what_is_wrong_in_a_file_is_told_line_by_line(tmp_path):
    path = tmp_path / "labels.jsonl"
    lines = [
        msgspec.json.encode(a_label("好")),
        b"{",
        b"[1]",
        msgspec.json.encode(a_label("好", category="add", label="add")),
        msgspec.json.encode(a_label("好", label="abuse")),
        msgspec.json.encode(a_label(" ")),
        msgspec.json.encode(a_label("好", by="")),
        msgspec.json.encode(a_label("旧", until=EARLY)),
        msgspec.json.encode(a_label("两种", by="何平")),
        msgspec.json.encode(a_label("两种", says=False, by="何平")),
        b"\xff\xfe",
        b"[" * 100_000,
    ]
    path.write_bytes(b"\n".join(lines) + b"\n")
    read = read_labels(path, EARLY)
    assert [one.text for one in read.labels] == ["好"]
    assert read.expired == 1
    told = {int(one.split()[1].rstrip(":")): one for one in read.problems}
    assert set(told) == {2, 3, 4, 5, 6, 7, 10, 11, 12}
    assert 'unknown category "add"' in told[4]
    assert "did you mean ads" in told[4]
    assert told[10] == "line 10 contradicts line 9: 何平 gave this text another answer there"
    assert all(len(one) < 300 for one in told.values())


def test_of_a_line_lure_than_any_label_only_the_beginning_is_read(tmp_path):
    path = tmp_path / "labels.jsonl"
    long = json.dumps({"text": "x" * (30 << 20)}).encode()
    path.write_bytes(long + b"\n" + msgspec.json.encode(a_label("好")) + b"\n" + long)
    tracemalloc.start()
    read = read_labels(path, EARLY)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [one.text for one in read.labels] == ["好"]
    assert [one.partition(" is")[0] for one in read.problems] == ["line 1", "line 3"]
    assert (read.unusable, most < 4 << 20) == (2, True)


def test_the_longest_label_is_read_however_it_is_written(tmp_path):
    path = tmp_path / "labels.jsonl"
    path.write_text(json.dumps(msgspec.to_builtins(a_label("😀" * 20_001))), "ascii")
    assert read_labels(path, EARLY).problems == ()


def test_a_file_of_nothing_but_mistakes_is_told_in_few_lines(tmp_path):
    path = tmp_path / "labels.jsonl"
    path.write_bytes(b"{\n" * 5000)
    read = read_labels(path, EARLY)
    assert (len(read.problems), read.more) == (labels_module.MOST_TOLD, 5000 - labels_module.MOST_TOLD)


def test_of_a_million_labels_the_newest_are_read(tmp_path):
    path = tmp_path / "labels.jsonl"
    with path.open("wb") as file:
        file.writelines(b"%s\n" % (b'{"x":%d}' % number) for number in range(1_000_000 - 1))
        file.write(msgspec.json.encode(a_label("新")) + b"\n")
    read = read_labels(path, EARLY)
    assert [one.text for one in read.labels] == ["新"]
    assert read.problems[0] == "lines 1 to 800000 were not read: of a file the newest 200,000 labels count"


# guards


def outcome(labels: list[Label], own: int = 1000) -> dict[str, tuple[int, int]]:
    return {one.name: (one.given, one.kept) for one in guarded(labels, {"ads": own}).guards}


def a_team(count: int, *names: str) -> list[Label]:
    return [
        a_label(text, says=says, by=names[place % len(names)])
        for says, texts in ((True, lures(0, count)), (False, chores(0, count)))
        for place, text in enumerate(texts)
    ]


def test_nearly_the_same_texts_count_once():
    assert same(["脐橙59元一份包邮，要的私聊我", "脐橙 88元一份包邮,要的私聊我！", "明天开会", "明天开会。"]) == [
        0,
        0,
        2,
        2,
    ]
    assert same([]) == []
    labels = [a_label(f"脐橙{price}元一份包邮，要的私聊我", by="林晓梅") for price in range(500)]
    assert outcome(labels)["once"] == (500, 1)


def test_of_nearly_the_same_texts_only_who_labelled_the_chosen_one_is_credited():
    """Else one reviewer's own words would be learned in the name of two."""
    lure = "自家新货到了，加微信下单，先到先得，老客户九折，今天下单明天就到"
    near = [a_label(f"{lure}！", by="何平"), a_label(lure, by="投毒者"), a_label(f"{lure}。", by="何平")]
    (case,), _ = guards_module._agreed(near)
    assert (case.text, case.reviewers) == (lure, {"投毒者"})
    (case,), _ = guards_module._agreed([*near, a_label(f"{lure}！", by="林晓梅")])
    assert (case.text, case.reviewers) == (f"{lure}！", {"何平", "林晓梅"})


def test_one_reviewer_alone_is_not_heard():
    found = guarded(a_team(100, "林晓梅"), {"ads": 1000})
    assert found.lessons == ()
    assert found.guards[-1].name == "reviewers"
    assert found.guards[-1].told == "1 reviewer is heard only together with another one"
    # The same name in another spelling is no second person.
    assert guarded(a_team(100, "Lin", " lin ", "ＬＩＮ", "l in\u200b"), {"ads": 1000}).lessons == ()
    assert {person(f"何{sign}平{sign}") for sign in ("", "\ufe0f", "\u034f", "\u3164", "\U000e0101", "\u200d")} == {
        "何平"
    }
    assert len(guarded(a_team(100, "林晓梅", "何平"), {"ads": 1000}).lessons) > 150


def test_texts_with_two_answers_are_out():
    labels = [*a_team(60, "林晓梅", "何平"), *(a_label(text, says=False, by="何平") for text in lures(0, 60))]
    given, kept = outcome(labels)["agreement"]
    assert given - kept >= 60
    assert not any(one.says > 0 for one in guarded(labels, {"ads": 1000}).lessons)


def test_the_weights_are_bounded():
    """One reviewer's own labels weigh at most half, one answer three times the other, all as much as the own offences."""
    labels = [*a_team(40, "林晓梅", "何平"), *(a_label(text, says=False, by="林晓梅") for text in chores(100, 900))]
    lessons = guarded(labels, {"ads": 1000}).lessons
    total = sum(one.weight for one in lessons)
    alone = sum(one.weight for one in lessons if one.reviewers == {"林晓梅"})
    assert alone <= total / 2 + 1e-6
    assert (
        sum(one.weight for one in lessons if one.says < 0)
        <= 3 * sum(one.weight for one in lessons if one.says > 0) + 1e-6
    )
    assert sum(one.weight for one in guarded(labels, {"ads": 30}).lessons) <= 30 + 1e-6


def answered(**given: tuple[int, int]) -> list[Label]:
    """So many offences and so many normal texts of each reviewer."""
    labels: list[Label] = []
    for place, (by, (offences, normal)) in enumerate(given.items()):
        first = 1000 * place
        labels += (a_label(text, by=by) for text in lures(first, first + offences))
        labels += (a_label(text, says=False, by=by) for text in chores(first, first + normal))
    return labels


def test_one_label_more_of_one_reviewer_does_not_silence_a_category():
    for second in (149, 150, 151):
        assert len(guarded(answered(甲=(0, 150), 乙=(0, second)), {"ads": 1000}).lessons) == 150 + second


@pytest.mark.parametrize(
    "given",
    [
        {"甲": (20, 100), "乙": (1, 60)},
        {"甲": (10, 60), "乙": (0, 100), "丙": (5, 3)},
        {"甲": (200, 0), "乙": (10, 50)},
        {"甲": (200, 3), "乙": (40, 200), "丙": (0, 300)},
    ],
)
def test_balance_and_share_hold_together(given):
    lessons = guarded(answered(**given), {"ads": 1000}).lessons
    total = sum(one.weight for one in lessons)
    sides = sorted(sum(one.weight for one in lessons if one.says == says) for says in (1, -1))
    assert total >= 20 * (1 - 1e-6)
    assert sides[1] <= max(3 * sides[0], 20) * (1 + 1e-6)
    for by in given:
        assert sum(one.weight for one in lessons if one.reviewers == {by}) <= total / 2 * (1 + 1e-6)


def test_few_labels_teach_nothing():
    found = guarded(a_team(5, "林晓梅", "何平"), {"ads": 1000})
    assert found.lessons == ()
    assert found.guards[-1].name == "enough"
    assert found.guards[-1].told == "a category needs labels that weigh 20 together, these weigh 8.0"


def test_of_a_flood_of_labels_the_newest_count(monkeypatch):
    monkeypatch.setattr(guards_module, "MOST", 50)
    labels = [*a_team(60, "林晓梅", "何平")]
    assert outcome(labels)["newest"] == (120, 50)


# learning


@pytest.fixture(scope="module")
def honest(base, rows, tmp_path_factory) -> Model:
    return taught(base, rows, a_team(60, "林晓梅", "何平"), tmp_path_factory.mktemp("honest"))


def test_two_agreeing_reviewers_move_the_scores(base, honest):
    assert moved(base, honest, lures(500, 800)).mean() > 1.0
    assert honest.version != base.version
    assert honest.card.taught.base == base.version
    assert honest.card.taught.labels["ads"]["offence"] > 20


def test_five_thousand_poisoned_labels_of_one_reviewer_move_next_to_nothing(base, rows, honest, tmp_path):
    """Beside an honest reviewer they are bound by what the honest one's labels move; alone they move nothing at all."""
    poison = [a_label(text, says=False, by="投毒者") for text in lures(60, 1060)]
    poison += [a_label(text, says=True, by="投毒者") for text in chores(100, 4100)]
    assert guarded(poison, {"ads": 150}).lessons == ()
    both = [*a_team(60, "林晓梅"), *poison]
    assert sum("投毒者" in one.reviewers for one in guarded(both, {"ads": 150}).lessons) > 1000
    poisoned = taught(base, rows, both, tmp_path)
    for texts in (lures(1100, 1400), chores(5000, 5300), list(rows.texts[:300])):
        assert abs(moved(base, poisoned, texts)).max() < 0.3
    # And among honest reviewers one poisoner turns nothing round.
    third = taught(base, rows, [*a_team(60, "林晓梅", "何平"), *poison[:300], *poison[-300:]], tmp_path / "third")
    assert moved(base, third, lures(1100, 1400)).min() > -0.3
    assert moved(base, third, chores(5000, 5300)).max() < 0.3


def test_no_weight_moves_farther_than_without_any_one_reviewer():
    """What the guard promises, weight by weight: here of a reviewer who says one thing of all that the other two say both of."""
    x = sparse.csr_matrix(np.random.default_rng(1).random((60, 5)))
    says = np.where(np.arange(60) % 2, 1.0, -1.0)
    by = np.arange(60) % 3
    says[by == 2] = 1.0
    without = np.array([[one != name for name in range(3)] for one in by])
    rows = _Rows(x, np.zeros(60), says, np.ones(60), without, np.arange(60) % 5)
    every = np.ones(60, np.bool_)
    found = change_of(rows, x, every)
    alone = _fitted(x[by != 2], np.zeros(40), says[by != 2], np.ones(40))
    assert (np.abs(found) <= np.abs(alone) + 1e-9).all()
    assert (found * alone >= 0).all()
    assert np.abs(found).max() > 0


def test_what_shares_no_n_gram_with_a_label_keeps_its_score(base, honest):
    assert moved(base, honest, ["xyz 😀"]).tolist() == [0.0]
    assert np.array_equal(base.weights("abuse"), honest.weights("abuse"))
    assert honest.card.heads[honest.categories.index("abuse")] == base.card.heads[base.categories.index("abuse")]


def test_labels_never_lower_a_cut(base, honest):
    for old, new in zip(base.card.heads, honest.card.heads, strict=True):
        assert all(b.score >= a.score for a, b in zip(old.quantiles, new.quantiles, strict=True))
        assert [one.score for one in new.quantiles] == sorted(one.score for one in new.quantiles)


def test_learning_twice_gives_the_same_bytes_without_any_text(base, rows, tmp_path):
    for name in "ab":
        taught(base, rows, a_team(60, "林晓梅", "何平"), tmp_path / name)
    for path in (tmp_path / "a").iterdir():
        content = path.read_bytes()
        assert content == (tmp_path / "b" / path.name).read_bytes()
        assert "拼单".encode() not in content


# the registry


@pytest.fixture
def models(tmp_path, base_folder, base, rows) -> Path:
    """A registry with two versions, `one` and `two`, which differ in a cut."""
    folder = tmp_path / "models"
    for number in (1, 2):
        register(folder, base, base_folder, number)
    return folder


def register(folder: Path, base: Model, source: Path, number: int) -> str:
    folder.mkdir(exist_ok=True)
    head = msgspec.structs.replace(base.card.heads[0], recent=Recent(100 * number, 0, 1, (Quantile(20, 0.5, 5),)))
    card = msgspec.structs.replace(base.card, heads=(head, *base.card.heads[1:]))
    with tempfile.TemporaryDirectory(dir=folder) as made:
        (Path(made) / "made").mkdir()
        scores.write_recounted(card, source, Path(made) / "made")
        return registry.register(
            folder, Path(made) / "made", "recounted", by="林晓梅", why="试", base=base.version, at=number
        )


def versions(folder: Path) -> list[str]:
    return [one.version for one in registry.listed(folder)]


def in_force(folder: Path, version: str) -> None:
    registry.promote(folder, version, by="林晓梅", why="好", at=10)
    registry.promote(folder, version, by="何平", why="看过", at=11)


def test_a_second_person_promotes(models):
    one, _ = versions(models)
    assert registry.promote(models, one[:6], by="林晓梅", why="好", at=10).kind == "proposed"
    assert registry.in_force(models).version is None
    for again in ("林晓梅", " 林晓梅 ", "林　晓梅", "林晓梅\u200b"):
        with pytest.raises(WrongUse, match=r"林晓梅 proposed .* already: another person has to promote it"):
            registry.promote(models, one, by=again, why="好", at=11)
    entered = registry.promote(models, one, by="何平", why="看过", at=12)
    assert (entered.kind, entered.by, entered.proposed_by) == ("promoted", "何平", "林晓梅")
    assert registry.in_force(models).folder == models / one
    with pytest.raises(WrongUse, match="promoted already"):
        registry.promote(models, one, by="何平", why="看过", at=13)
    with pytest.raises(NotFound, match="no version ffff"):
        registry.promote(models, "ffff", by="何平", why="看过", at=13)
    with pytest.raises(WrongUse, match="--why REASON"):
        registry.promote(models, one, by="何平", why=" ", at=13)


def test_rollback_puts_the_one_before_in_force(models):
    one, two = versions(models)
    in_force(models, one)
    in_force(models, two)
    assert registry.in_force(models).version == two
    assert registry.roll_back(models, by="何平", why="误报", at=20).version == one
    assert registry.in_force(models).version == one
    # What was proposed before has to be proposed again.
    assert registry.promote(models, two, by="何平", why="再试", at=21).kind == "proposed"
    registry.roll_back(models, by="何平", why="误报", at=22)
    assert registry.in_force(models).version is None
    with pytest.raises(WrongUse, match="the weights of the package are in force"):
        registry.roll_back(models, by="何平", why="误报", at=23)


def test_rollback_goes_back_from_what_serves(models, base, base_folder, capsys):
    one, two = versions(models)
    in_force(models, one)
    in_force(models, two)
    (models / two / "card.json").unlink()
    assert registry.in_force(models).version == one
    main_ok("model", "rollback", "--by", "何平", "--why", "误报", "--registry", str(models))
    told = capsys.readouterr().out
    assert told == f"the package's own weights in force from the next start of a process, instead of {one}\n"
    # What was damaged does not come back with what is made again.
    assert register(models, base, base_folder, 2) == two
    assert registry.in_force(models) == registry.InForce(None, None)


def test_rollback_says_what_serves_where_the_one_before_is_damaged(models, capsys):
    one, two = versions(models)
    in_force(models, one)
    in_force(models, two)
    (models / one / "card.json").unlink()
    main_ok("model", "rollback", "--by", "何平", "--why", "误报", "--registry", str(models))
    told = capsys.readouterr()
    assert told.out.startswith("the package's own weights in force")
    assert f"The promoted model {one} cannot be used" in told.err
    main_ok("model", "rollback", "--by", "何平", "--why", "误报", "--registry", str(models))
    assert registry.in_force(models).trouble is None


def test_a_rollback_without_a_registry_makes_none(tmp_path, capsys):
    command = ("model", "rollback", "--by", "何平", "--why", "误报", "--registry", str(tmp_path / "nosuch"))
    code, told = main_fails(capsys, *command)
    assert (code, "nothing is promoted" in told, (tmp_path / "nosuch").exists()) == (1, True, False)


def _cut_in_half(folder: Path) -> None:
    path = folder / "weights-0.npy"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _other_card(folder: Path) -> None:
    card = json.loads((folder / "card.json").read_text())
    card["heads"][0]["quantiles"][0]["score"] = 0.123
    (folder / "card.json").write_text(json.dumps(card))


def _other_format(folder: Path) -> None:
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**card, "features": 1}))


def _half_a_card(folder: Path) -> None:
    (folder / "card.json").write_bytes((folder / "card.json").read_bytes()[:200])


def _other_content(folder: Path) -> None:
    """Its digest is right, and it is no table."""
    card = json.loads((folder / "card.json").read_text())
    (folder / "weights-0.npy").write_bytes(b"numbers")
    card["weights"] = [{"name": "weights-0.npy", "sha256": sha256(b"numbers").hexdigest()}]
    (folder / "card.json").write_text(json.dumps(card))


def _no_file(folder: Path) -> None:
    (folder / "weights-0.npy").unlink()


def _impossible_cut(folder: Path) -> None:
    card = json.loads((folder / "card.json").read_text())
    card["heads"][0]["quantiles"][0]["score"] = 1.0
    (folder / "card.json").write_text(json.dumps(card))


@pytest.mark.parametrize(
    "damage", [_cut_in_half, _other_card, _other_format, _half_a_card, _other_content, _no_file, _impossible_cut]
)
def test_where_the_promoted_model_is_damaged_the_last_good_one_goes_on(models, damage):
    one, two = versions(models)
    in_force(models, one)
    in_force(models, two)
    damage(models / two)
    found = registry.in_force(models)
    assert found.version == one
    assert found.trouble.startswith(f"The promoted model {two} cannot be used, so the one before it goes on: ")
    assert model_folder("default", models) == models / one
    damage(models / one)
    assert registry.in_force(models).version is None
    with pytest.raises(ModelUnavailable):
        registry.promote(models, two, by="林晓梅", why="好", at=30)


def test_a_line_that_was_not_written_to_its_end_never_happened(models):
    one, two = versions(models)
    in_force(models, one)
    path = models / "registry.jsonl"
    path.write_bytes(path.read_bytes() + b'{"kind":"promoted","by":"x","at":1,"why":"y","vers')
    assert registry.in_force(models).version == one
    registry.promote(models, two, by="林晓梅", why="好", at=30)
    registry.promote(models, two, by="何平", why="好", at=31)
    assert registry.in_force(models).version == two


def test_a_damaged_line_of_the_registry_is_told(models):
    one, two = versions(models)
    in_force(models, one)
    in_force(models, two)
    registry.roll_back(models, by="何平", why="误报", at=20)
    path = models / "registry.jsonl"
    *lines, last = path.read_bytes().splitlines(keepends=True)
    assert registry.in_force(models) == registry.InForce(one, models / one)
    path.write_bytes(b"".join([*lines, b"#" + last]))
    found = registry.in_force(models)
    assert found.version == two
    assert f"{path} is damaged in line {len(lines) + 1}: restore the file" in found.trouble
    # Torn at its end it never happened, and what is decided next stands in a line of its own.
    path.write_bytes(b"".join([*lines, last[:-9]]))
    assert registry.in_force(models) == registry.InForce(two, models / two)
    registry.roll_back(models, by="何平", why="误报", at=21)
    assert registry.in_force(models) == registry.InForce(one, models / one)
    # Whole but for its end it did happen.
    path.write_bytes(path.read_bytes()[:-1])
    registry.promote(models, two, by="何平", why="再试", at=22)
    assert registry.in_force(models) == registry.InForce(one, models / one)


@pytest.mark.parametrize("shortened", [12, 8])
def test_a_version_whose_card_was_changed_does_not_serve_under_its_name(models, shortened):
    one, _ = versions(models)
    _other_card(models / one)
    with pytest.raises(ModelUnavailable, match="was changed"):
        model_folder(one[:shortened], models)


@pytest.mark.parametrize("damage", [_cut_in_half, _half_a_card, _impossible_cut, shutil.rmtree])
def test_what_is_made_again_heals_what_was_damaged(models, base, base_folder, damage):
    one, two = versions(models)
    in_force(models, two)
    damage(models / two)
    assert registry.in_force(models).version is None
    assert register(models, base, base_folder, 2) == two
    assert registry.in_force(models) == registry.InForce(two, models / two)
    assert versions(models) == [one, two]


def test_where_the_registry_cannot_be_read_the_package_s_own_weights_go_on(models):
    one, _ = versions(models)
    in_force(models, one)
    events = models / "registry.jsonl"
    events.unlink()
    # A folder in its place: nobody can read that, whatever permissions he has.
    events.mkdir()
    found = registry.in_force(models)
    assert (found.version, found.folder) == (None, None)
    assert found.trouble.startswith(f"The registry cannot be read, so the package's own weights go on: {events}: ")
    with pytest.raises(OSError, match="directory"):
        registry.promote(models, one, by="何平", why="好", at=30)


def test_what_a_killed_process_left_in_the_registry_goes_after_a_day(models):
    old, fresh = models / ".making-old", models / ".making-fresh"
    for one in (old, fresh):
        (one / "made").mkdir(parents=True)
    os.utime(old, (1, 1))
    with registry.making(models) as folder:
        assert folder.is_dir()
    assert [one.is_dir() for one in (old, fresh, folder)] == [False, True, False]


def test_the_beginning_of_a_version_names_it_wherever_weights_are_named(models, monkeypatch, capsys):
    one, _ = versions(models)
    assert model_folder(one[:8], models) == models / one
    monkeypatch.setenv("XUNQUN_MODELS", str(models))
    assert classifiers_from(one[:8]).model_version == one
    unknown = classifiers_from("ffff").model
    assert isinstance(unknown, ModelUnavailable)
    assert unknown.reason == f"there is no version ffff in {models}; `xunqun model list` shows them."


def test_default_means_what_is_promoted(models, monkeypatch):
    one, _ = versions(models)
    assert model_folder("default", models).name == "full"
    in_force(models, one)
    monkeypatch.setenv("XUNQUN_MODELS", str(models))
    assert classifiers_from().model_version == one
    assert classifiers_from("shipped").model_version == Model.load(model_folder("full")).version
    assert model_folder(versions(models)[1]) == models / versions(models)[1]


# cuts from the tenant's own messages


def with_recent(base: Model, normals: int, *quantiles: Quantile) -> Model:
    head = msgspec.structs.replace(base.card.heads[0], recent=Recent(normals, 0, 1, quantiles))
    card = msgspec.structs.replace(base.card, heads=(head, *base.card.heads[1:]))
    return Model(card, base._weights, "test")


def test_a_budget_follows_the_own_messages_where_there_are_three_times_as_many(base):
    category = base.categories[0]
    own = with_recent(base, 300, Quantile(20, 0.2, 15), Quantile(100, 0.42, 3))
    assert own.cut(category, 1 / 100) == pytest.approx(0.42)
    # 299 are too few for 1 in 100: the card's, but not below what the own ones show of a wider budget.
    few = with_recent(base, 299, Quantile(20, 0.999, 14))
    assert base.cut(category, 1 / 100) < 0.999
    assert few.cut(category, 1 / 100) == pytest.approx(0.999)
    low = with_recent(base, 60, Quantile(20, 1e-6, 3))
    assert low.cut(category, 1 / 100) == base.cut(category, 1 / 100)
    assert low.cut(category, 1 / 20) == pytest.approx(1e-6)


def test_a_budget_that_neither_supports_stays_with_review(base):
    category = base.categories[0]
    normals = sum(base.card.heads[0].normals.values())
    assert normals < 30_000
    assert base.cut(category, 1 / 10_000) == NEVER
    assert with_recent(base, 3000, Quantile(1000, 0.9, 3)).cut(category, 1 / 10_000) == NEVER
    assert base.cut(category, 3.001 / normals) < NEVER
    assert base.cut(category, 2.999 / normals) == NEVER


def said(*texts: str, **given: object) -> list[tuple[Observation, int]]:
    return [
        (
            Observation(
                **{
                    "type": "message.created",
                    "id": f"m{n}",
                    "sent_at": START + n,
                    "group": GroupRef("g"),
                    "sender": Sender("u"),
                    "text": text,
                    **given,
                }
            ),
            START + n,
        )
        for n, text in enumerate(texts)
    ]


@pytest.fixture(scope="module")
def keywords() -> Keywords:
    return Keywords(load_lists())


def test_a_recount_counts_distinct_messages_without_a_hit(base, keywords):
    ads = base.categories.index("ads")
    plain = chores(0, 400)
    loud = chores(400, 410)
    found = scores.scored(base, keywords, said(*plain, *plain, *loud, "", AD), upheld={"ads": set(loud[:4])})
    assert (found.messages, len(found.scores)) == (811, 411)
    # Upheld texts and listed words are out; a high score alone takes nothing out.
    recent = scores.recounted(base, found).heads[ads].recent
    assert found.is_hit[:, ads].sum() == 4 + 1
    assert recent.normals == 411 - 4 - 1
    assert [one.one_in for one in recent.quantiles] == [20, 50, 100]
    kept = np.sort(np.delete(found.scores[:, ads], [400, 401, 402, 403, 410]))[::-1]
    assert recent.quantiles[0].score == pytest.approx(kept[len(kept) // 20 - 1])
    assert (recent.since, recent.until) == (START, START + 811)


def test_a_word_is_a_hit_while_it_counts(base):
    text = chores(0, 1)[0]
    word = Word("样品送检", "样品送检", "strong", starts=START + MINUTE, ends=START + DAY)
    dated = Keywords([WordList("ads", "试", (word,))])
    ads = base.categories.index("ads")
    for at, is_hit in ((START, False), (START + MINUTE, True), (START + DAY, False)):
        ((one, _),) = said(text)
        assert scores.scored(base, dated, [(one, at)]).is_hit[:, ads].tolist() == [is_hit]


def test_of_more_texts_than_are_looked_at_the_last_count(base, keywords, monkeypatch):
    monkeypatch.setattr(scores, "_AT_ONCE", 16)
    everything = said(*chores(0, 100))
    whole = scores.scored(base, keywords, everything)
    monkeypatch.setattr(scores, "MOST", 40)
    found = scores.scored(base, keywords, everything)
    assert (found.messages, found.since, found.until) == (100, START + 60, START + 99)
    assert np.array_equal(found.scores, whole.scores[60:])


def test_robots_and_what_is_too_old_do_not_count(base, keywords):
    robot = said(*chores(0, 5), sender=Sender("r", scope="robot"))
    assert len(scores.scored(base, keywords, robot).scores) == 0
    assert len(scores.scored(base, keywords, said(*chores(0, 5)), since=START + 3).scores) == 2


def test_verdicts_name_the_recounted_version_and_its_cut(base_folder, base, keywords, tmp_path):
    from policies.rules.content import points
    from policies.schema import Budget

    made = tmp_path / "made"
    made.mkdir()
    head = msgspec.structs.replace(
        base.card.heads[0], recent=Recent(40_000, 0, 1, (Quantile(1000, 0.91, 40), Quantile(10_000, 0.97, 4)))
    )
    card = msgspec.structs.replace(base.card, heads=(head, *base.card.heads[1:]))
    scores.write_recounted(card, base_folder, made)
    classifiers = Classifiers(keywords, Model.load(made))
    assert classifiers.model_version != base.version
    assert points(head.category, Budget(), classifiers.cut) == pytest.approx((0.91, 0.97))


# drift


def test_scores_as_the_cuts_expect_have_not_drifted(base, keywords):
    found = scores.scored(base, keywords, said(*chores(0, 3500)))
    card = scores.recounted(base, found)
    same_model = Model(card, base._weights, "test")
    drift = {one.category: one for one in scores.drift_of(same_model, found)}
    assert not drift["ads"].has_drifted
    assert drift["ads"].at_100.share == pytest.approx(0.01, abs=0.003)
    assert drift["ads"].psi < 0.01


def test_a_flood_of_offences_is_drift_and_few_messages_say_nothing(base, keywords):
    calm = scores.scored(base, keywords, said(*chores(0, 3500)))
    model = Model(scores.recounted(base, calm), base._weights, "test")
    ads = [f"自家{goods}新货到了，加微信下单，{who}{when}要" for goods in GOODS for who in WHO for when in WHEN]
    loud = scores.scored(base, keywords, said(*chores(0, 3500), *ads[:400]))
    (found,) = [one for one in scores.drift_of(model, loud) if one.category == "ads"]
    assert found.has_drifted
    assert "times as many messages as the cut for 1 in" in found.told
    few = scores.drift_of(model, scores.scored(base, keywords, said(*ads[:400])))
    assert not any(one.has_drifted for one in few)
    assert "too few" in few[0].told


# evaluation


def test_the_real_share_at_a_base_rate():
    """Of 1,000,000 messages 1,000 are offences; 500 of these and 999 of the others lie above the cut."""
    share, low, high = real_share(wilson(500, 1000), wilson(10, 10_000), 0.001)
    assert share == pytest.approx(500 / (500 + 999), abs=1e-3)
    assert low < share < high
    # Of nothing normal, or of no offence, nothing follows.
    assert real_share(wilson(5, 5), wilson(0, 0), 0.5) is None
    assert real_share(wilson(0, 0), wilson(0, 5), 0.5) is None


def test_bins_count_texts_by_score():
    bins = bins_of(np.array([0.05, 0.07, 0.95, 1.0]), np.array([False, True, True, True]))
    assert [(one.low, one.count, one.positives) for one in bins] == [(0.0, 2, 1), (0.9, 2, 2)]


def test_an_exported_label_is_normal_for_its_category_alone(base, tmp_path):
    path = tmp_path / "labels.jsonl"
    rude = [a_label(f"{task}都做错，脑子有病", category="abuse", says=True) for task in TASKS]
    write_labels(path, [*a_team(20, "林晓梅"), *rude])
    found = {one.category: one for one in on_file(base, path)}
    assert (found["ads"].review.positives, found["ads"].accused.positives) == (20, 20)
    assert found["abuse"].accused.positives == 0
    path.write_bytes(path.read_bytes() + b"{}\n")
    with pytest.raises(ValueError, match="line 51"):
        on_file(base, path)


def labelled(path: Path, *rows: tuple[str, str]) -> Path:
    path.write_bytes(b"".join(msgspec.json.encode({"text": text, "label": label}) + b"\n" for text, label in rows))
    return path


def test_a_file_of_offences_alone_says_nothing_of_who_would_be_accused(base, tmp_path):
    path = labelled(tmp_path / "a.jsonl", *((text, "ads") for text in lures(0, 20)))
    (ads,) = on_file(base, path)
    assert (ads.review.positives, ads.accused.positives, ads.real, ads.act_real) == (20, 0, None, None)


def test_a_file_of_normal_texts_alone_says_who_would_be_accused(base, tmp_path):
    path = labelled(
        tmp_path / "a.jsonl", *((text, "ok") for text in chores(0, 10)), *((one, "normal") for one in chores(10, 20))
    )
    found = {one.category: one for one in on_file(base, path)}
    assert set(found) == set(base.categories)
    assert (found["ads"].accused.positives, found["ads"].real, found["ads"].auc) == (20, None, None)


def test_a_label_that_nobody_knows_is_told_with_its_line(base, tmp_path, capsys):
    path = labelled(tmp_path / "a.jsonl", ("好", "ok"), ("坏", "add"))
    with pytest.raises(ValueError, match='line 2: the label "add" is neither ok nor one of abuse, ads,'):
        on_file(base, path)
    code, told = main_fails(capsys, "model", "evaluate", str(path))
    assert (code, told.count("\n")) == (2, 1)


# the command line


def main_ok(*arguments: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert ended.value.code in (0, None)


def main_fails(capsys, *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return ended.value.code, capsys.readouterr().err


def test_the_week_of_a_team_on_the_command_line(models, base_folder, tmp_path, capsys):
    one, two = versions(models)
    place = ("--registry", str(models))
    main_ok("model", "promote", one, "--by", "林晓梅", "--why", "好", *place)
    code, told = main_fails(capsys, "model", "promote", one, "--by", "林晓梅", "--why", "好", *place)
    assert code == 1
    assert told == f"xunqun: 林晓梅 proposed {one} already: another person has to promote it\n"
    main_ok("model", "promote", one, "--by", "何平", "--why", "看过", *place)
    capsys.readouterr()
    main_ok("model", "list", "--json", *place)
    told = json.loads(capsys.readouterr().out)
    assert told["in_force"] == one
    assert [row["version"] for row in told["registered"]] == [one, two]
    labels = tmp_path / "labels.jsonl"
    write_labels(labels, a_team(40, "林晓梅", "何平"))
    main_ok("model", "compare", one, two[:5], "--on", str(labels), "--json", *place)
    rows = json.loads(capsys.readouterr().out)
    assert {row["what"] for row in rows} == {"found at review", "accused at review", "found at act", "accused at act"}
    assert not any(row["differs"] for row in rows)
    plot = tmp_path / "plot.svg"
    main_ok("model", "evaluate", str(labels), "--model", one, "--plot", str(plot), "--base-rate", "0.01", *place)
    assert "real: of the messages above the cut" in capsys.readouterr().out
    assert plot.read_text().count("<svg") == 1
    main_ok("model", "rollback", "--by", "何平", "--why", "误报", *place)
    assert main_fails(capsys, "model", "rollback", "--by", "何平", "--why", "误报", *place)[0] == 1


def test_the_same_labels_again_give_the_same_weights(models, tmp_path, capsys):
    """Else a file that is learned every week would weigh more every week."""
    one, _ = versions(models)
    labels = tmp_path / "labels.jsonl"
    write_labels(labels, a_team(30, "林晓梅", "何平"))

    def learn(model: str) -> tuple[dict, str]:
        signed = ("--by", "林晓梅", "--why", "本周", "--out", str(models), "--json")
        main_ok("model", "train", "--labels", str(labels), "--model", model, *signed)
        told = capsys.readouterr()
        return json.loads(told.out), told.err

    first, told = learn(one)
    assert "learned before" not in told
    assert "the recount of the cuts is dropped" in told
    again, told = learn(first["version"])
    assert again["version"] == first["version"]
    assert f"{first['version']} has learned before: all labels are learned anew on {one}" in told
    assert "recount" not in told
    # Compared is what was in force, which has learned most of them by now.
    write_labels(labels, a_team(40, "林晓梅", "何平"))
    later = learn(first["version"])[0]["taught"]
    assert (later["base"], later["before"]) == (one, first["version"])
    was, found = ({each["of"]: each["before"]["share"] for each in one["effects"]} for one in (first["taught"], later))
    assert found["upheld, found"] > was["upheld, found"]
    shutil.rmtree(models / one)
    command = ("model", "train", "--labels", str(labels), "--model", first["version"], "--by", "a", "--why", "b")
    code, told = main_fails(capsys, *command, "--out", str(models))
    assert (code, told.count("\n")) == (2, 1)
    assert f"learned from labels on top of {one}, which is neither in {models} nor the package's: begin with" in told


def test_recount_and_drift_on_the_command_line(models, base, tmp_path, capsys):
    history = tmp_path / "history.jsonl"
    history.write_bytes(
        b"".join(
            msgspec.json.encode(
                {
                    "type": "message.created",
                    "id": f"m{n}",
                    "group": {"id": "g"},
                    "sender": {"id": "u"},
                    "sent_at": START + n,
                    "text": text,
                }
            )
            + b"\n"
            for n, text in enumerate(chores(0, 3500))
        )
        + b"not an observation\n"
    )
    one = versions(models)[0]
    place = ("--registry", str(models), "--model", one, "--history", str(history))
    main_ok("model", "recount", "--by", "林晓梅", "--why", "本厂", *place, "--json")
    made = json.loads(capsys.readouterr().out)
    assert made["recent"]["ads"]["normals"] > 3000
    assert registry.load(models, made["version"]).card.heads[0].recent.normals > 3000
    main_ok(
        "model", "drift", "--registry", str(models), "--model", made["version"], "--history", str(history), "--json"
    )
    few = ("model", "recount", "--by", "林晓梅", "--why", "试", *place, "--since", str(START + 3450))
    code, told = main_fails(capsys, *few)
    assert (code, "50 distinct messages are too few" in told) == (1, True)


@pytest.mark.parametrize("command", [("drift",), ("recount", "--by", "林晓梅", "--why", "试")])
def test_a_history_without_any_message_has_not_stood_still(tmp_path, capsys, command):
    empty = tmp_path / "history.jsonl"
    empty.write_bytes(b"not an observation\n")
    code, told = main_fails(capsys, "model", *command, "--model", "shipped", "--history", str(empty))
    assert (code, told.count("\n")) == (2, 1)
    assert "there is no message to score" in told
    assert "--history" in told


def test_recount_and_drift_go_by_the_lists_of_the_settings(tmp_path, capsys, monkeypatch):
    lists, other = tmp_path / "lists", tmp_path / "other"
    for folder, word in ((lists, "样品送检"), (other, "设备点检")):
        folder.mkdir()
        (folder / "ads.yaml").write_text(f"category: ads\nwhy: 试\nstrong: [{word}]\n", "utf-8")
    history = tmp_path / "history.jsonl"
    texts = [*chores(0, 100), *(one.replace("样品送检", "设备点检") for one in chores(100, 200))]
    history.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one, _ in said(*texts)))
    monkeypatch.setenv("XUNQUN_LISTS", str(lists))
    for given, kept in (((), 100), (("--lists", str(other)), 100), (("--lists", str(lists), "--lists", str(other)), 0)):
        place = ("--registry", str(tmp_path / "models"), "--model", "shipped", "--history", str(history), *given)
        main_ok("model", "recount", "--by", "林晓梅", "--why", "本厂", *place, "--json")
        recent = json.loads(capsys.readouterr().out)["recent"]
        assert recent.get("ads", {"normals": 0})["normals"] == kept


def _cut_short(content: bytes) -> bytes:
    return gzip.compress(content)[:-12]


def _not_of_its_form(content: bytes) -> bytes:
    return gzip.compress(content + '{"text": "私密的话"}\n'.encode())


def _no_text(content: bytes) -> bytes:
    return gzip.compress(content + "私密的话\n".encode("gbk"))


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (_cut_short, "the gzip data is cut short or damaged; make the file again"),
        (lambda content: b"nothing packed", "the gzip data is cut short or damaged; make the file again"),
        (_not_of_its_form, "line 2 is no labelled text: Object missing required field `label`"),
        (_no_text, "line 2 is no labelled text: "),
    ],
)
def test_damaged_data_to_train_from_is_told_in_one_sentence(tmp_path, capsys, damage, sentence):
    row = {"text": "加我微信", "label": "ok", "source": "tgspam_zh"}
    (tmp_path / "tgspam_zh.train.jsonl.gz").write_bytes(damage(msgspec.json.encode(row) + b"\n"))
    command = ("model", "train", "--data", str(tmp_path), "--out", str(tmp_path / "out"))
    code, told = main_fails(capsys, *command, "--json")
    assert (code, told.count("\n"), "私密" in told) == (2, 1, False)
    assert f"tgspam_zh.train.jsonl.gz: {sentence}" in told


def test_wrong_use_is_told_in_one_sentence(tmp_path, capsys):
    labels = tmp_path / "labels.jsonl"
    write_labels(labels, a_team(40, "林晓梅"))
    for code, sentence, *command in (
        (2, "name what to learn from", "model", "train"),
        (2, "needs --by NAME", "model", "train", "--labels", str(labels)),
        (1, "the guards let nothing through", "model", "train", "--labels", str(labels), "--by", "a", "--why", "b"),
        (2, "there are no labels", "labels", "list", "--labels", str(tmp_path / "none.jsonl")),
        (2, "a plot needs texts", "model", "evaluate", "--plot", str(tmp_path / "a.svg")),
        (2, "there is no version", "model", "compare", "default", "abcdef012345"),
        (2, "is no time", "model", "drift", "--since", "gestern", "--history", str(labels)),
    ):
        found, told = main_fails(capsys, *command)
        assert (found, sentence in told, told.count("\n")) == (code, True, 1), told
