"""A shadow judges beside the live edition: it sees all, changes nothing, and whatever happens to it the live one goes on."""

import asyncio
import json
import shutil
import sqlite3

import msgspec
import pytest
import sqlalchemy as sa
import yaml
from house import GIFT, MINUTE, PLAIN, START, TRANSFER, VOUCHER, a_fleet, a_pack

from classifiers.flooding import Windows
from classifiers.trained.serve import Model
from connectors.simulated import SimulatedActuator
from policies.directory import Directory
from streams import shadow as shadows
from streams.agents import Screen
from streams.cases.tables import shadow as table
from streams.cli import main
from streams.embedded import Embedded
from streams.loading import model_folder
from streams.metrics import Metrics
from streams.service import Service
from streams.shadow import SHARE, Beside, Shadow, Told, Wanted
from streams.store import Store
from streams.text_keys import TextKeys
from streams.topics import CONTROL, JUDGEMENTS, OBSERVATIONS, Effects, Record, record_of

WARN = {"rungs": [{"strikes": 1, "sanction": "warn"}]}


def a_text(**clauses: str) -> str:
    """The file of a pack `house` whose clauses forbid each a category."""
    body = {
        "pack": "house", "title": "影子制度", "source": {"document": None}, "status": {"stage": "adopted"},
        "ladders": {"l": WARN},
        "clauses": {
            f"house-{number}": {
                "article": "第一条", "says": "不许",
                "bindings": [
                    {"for": "x", "rule": "content.category", "with": {"category": category}, "mode": "automatic", "ladder": "l"}
                ],
            }
            for number, category in clauses.items()
        },
    }  # fmt: skip
    return yaml.safe_dump(body, allow_unicode=True)


# Red packets go on, transfers and vouchers are allowed, identity numbers accuse; `house-7` is new.
OTHER = Wanted(of="pack", texts={"house.yaml": a_text(**{"1": "red_packet", "4": "identity_number", "7": "bank_card"})})
SAID = (GIFT, TRANSFER, VOUCHER, PLAIN, {"text": "身份证 11010519491231002X"}, {"text": "卡号 6222021234567890128"})


def rows(store, *sides):
    query = sa.select(table).order_by(table.c.id)
    found = [dict(one._mapping) for one in store.connection.execute(query)]
    return [one for one in found if one["side"] in sides] if sides else found


def everything_but_rows_of_the_shadow(path):
    """All that is in a store, byte by byte; text by what it says, for every store has keys of its own."""
    keys = TextKeys(path.parent / "keys")

    def plain(one):
        return keys.text.decrypt(one) if isinstance(one, bytes) else keys.words(one) if isinstance(one, str) else one

    with sqlite3.connect(path) as database:
        names = [
            row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        ]
        tables = {one: database.execute(f'SELECT * FROM "{one}"') for one in names if one != "shadow"}
        return {one: sorted(repr([*map(plain, row)]) for row in rows) for one, rows in tables.items()}


def a_day(house):
    for number, said in enumerate(SAID * 2):
        house.say(f"a{number % 2 + 1}", group=f"g{number % 3 + 1}", **said)
    house.say("a1", group="g1", text="同一句话")
    for _ in range(30):
        house.say("a2", group="g2", at=40 * MINUTE, text="刷屏了")
    house.recall("m1")
    house.edit("m2", text="卡号 6222021234567890128")


def test_the_live_edition_does_the_same_with_and_without(a_house):
    alone, watched = a_house(), a_house()
    watched.host.shadow = Shadow(OTHER, watched.host.screen)
    for one in (alone, watched):
        a_day(one)
    assert everything_but_rows_of_the_shadow(alone.path) == everything_but_rows_of_the_shadow(watched.path)
    assert rows(alone.store) == []
    assert rows(watched.store, "only_live")
    assert rows(watched.store, "only_shadow")


def test_findings_of_one_of_them_and_of_both(a_house):
    house = a_house()
    house.host.shadow = Shadow(OTHER, house.host.screen)
    ids = [house.say(**said) for said in SAID]
    told = {
        (one["observation_id"], one["clause"]): (one["side"], one["live"], one["beside"])
        for one in rows(house.store, "only_live", "only_shadow", "both")
    }
    assert told == {
        (ids[0], "house-1"): ("both", "automatic", "automatic"),
        (ids[1], "house-1"): ("only_live", "automatic", ""),
        (ids[1], "house-2"): ("only_live", "automatic", ""),
        (ids[2], "house-3"): ("only_live", "automatic", ""),
        (ids[4], "house-4"): ("both", "asks", "automatic"),
        (ids[5], "house-5"): ("only_live", "automatic", ""),
        (ids[5], "house-7"): ("only_shadow", "", "automatic"),
    }
    assert sum(one["count"] for one in rows(house.store, "compared")) == 6
    # Of messages nothing but their ids.
    assert "11010519491231002X" not in repr(rows(house.store))


def test_only_some_groups(a_house):
    house = a_house()
    house.host.shadow = Shadow(msgspec.structs.replace(OTHER, groups=("g2",)), house.host.screen)
    for group in ("g1", "g2"):
        house.say(group=group, **VOUCHER)
    assert {one["group_id"] for one in rows(house.store, "only_live")} == {"g2"}


def test_a_share_takes_the_same_groups_everywhere(classifiers):
    live = Screen(classifiers, {"baseline": a_pack("baseline"), "house": a_pack()}, Directory(a_fleet()))
    half = Shadow(msgspec.structs.replace(OTHER, share=0.5), live)
    taken = [half.takes(one) for one in decoded(live, *(dict(PLAIN, group=f"x{number}") for number in range(400)))]
    assert 150 < sum(taken) < 250
    assert not any(Shadow(msgspec.structs.replace(OTHER, share=0.0), live).takes(one) for one in decoded(live, PLAIN))


def decoded(screen, *said):
    found = []
    for number, one in enumerate(said):
        group = one.get("group", "g1")
        body = {
            "type": "message.created", "id": f"x{number}", "platform": "webhook", "sender": {"id": "a1"}, "kind": "text",
            "sent_at": START, **one, "group": {"id": group},
        }  # fmt: skip
        found.append(Record(OBSERVATIONS, f"webhook:{group}", json.dumps(body).encode(), number, START))
    screen.keys(found)
    return found


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_a_slow_shadow_takes_no_more_than_its_share_of_the_time(classifiers, monkeypatch):
    live = Screen(classifiers, {"baseline": a_pack("baseline"), "house": a_pack()}, Directory(a_fleet()))
    shadow, clock, taken = Shadow(OTHER, live), Clock(), 0.0
    beside = Beside(clock)

    def slow(*given):
        nonlocal taken
        clock.now += 2.0
        taken += 2.0
        return []

    monkeypatch.setattr(shadow, "compare", slow)
    counted = {"compared": 0, "skipped": 0}
    for _ in range(400):
        clock.now += 1.0
        for _, row in beside.judge(shadow, decoded(live, PLAIN), Effects(), {}):
            counted[row["side"]] += row["count"]
    assert taken <= SHARE * clock.now + 1.0 + 2.0
    assert counted["compared"] * 2.0 == pytest.approx(taken, abs=20)
    assert counted["skipped"] > counted["compared"] > 10


def test_a_shadow_that_breaks_is_counted_and_said_once(a_house, monkeypatch, caplog):
    alone, watched = a_house(), a_house()
    watched.host.shadow = Shadow(OTHER, watched.host.screen)

    def broken(*given):
        raise RuntimeError("卡号 6222021234567890128")

    monkeypatch.setattr(watched.host.shadow.screen, "handle", broken)
    for one in (alone, watched):
        a_day(one)
    assert everything_but_rows_of_the_shadow(alone.path) == everything_but_rows_of_the_shadow(watched.path)
    assert rows(watched.store, "compared", "only_live", "only_shadow", "both") == []
    assert sum(one["count"] for one in rows(watched.store, "failed")) > 0
    said = [one.getMessage() for one in caplog.records if one.getMessage().startswith("shadow_broke")]
    assert len(said) == 1
    assert 'error="RuntimeError" place=["test_shadow.py:' in said[0]
    assert "6222021234567890128" not in said[0]


def test_windows_are_seen_and_not_changed():
    owned = Windows()
    for number in range(5):
        owned.of("g", "a").add(START + number, 7, f"m{number}", False)
    owned.expect_receipts("g", until=START + 10)
    for second, text in enumerate(("好的", "收到", "约")):
        owned.pieces.enter("g", "a", START + 240_000 * second, f"p{second}", text)
    seen = owned.beheld()
    assert seen.of("g", "a").flood(START + 4, 3, MINUTE, 3) == (5, 5, "m0")
    seen.of("g", "a").add(START + 4, 7, "m4", False)
    seen.of("g", "b").add(START, 1, "x", False)
    seen.expect_receipts("h", until=START)
    # The first piece is too old by now: who looks on brings it back no more than a new one.
    assert [seen.pieces.enter("g", "a", START, one, "好的") for one in ("p0", "p1", "new")] == [(), [], ()]
    assert seen.pieces.enter("h", "b", START + 9 * MINUTE, "x", "炮") == ()
    assert owned.pieces.enter("g", "a", START + 490_000, "p3", "炮") == ["约"]
    assert seen.pieces.enter("g", "a", START + 490_000, "p3", "炮") == ["约"]
    assert len(owned.pieces) == 3
    assert (len(owned), len(owned.of("g", "a"))) == (1, 5)
    assert seen.receipts_expected("g", START + 10)
    assert not seen.receipts_expected("g", START + 11)
    # As long ago as nobody asks any more: the owner forgets, who looks on does not.
    assert not seen.receipts_expected("g", START + 10**9)
    assert seen.receipts_expected("g", START)


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(of="pack", texts={"a.yaml": "pack: ["}),
        Wanted(of="pack"),
        Wanted(of="lists", texts={"ads.yaml": "category: ads\nstrong: 5"}),
        Wanted(of="model", model="nix"),
        Wanted(of="model", model="full", version="another"),
    ],
)
def test_what_cannot_judge_is_said_in_a_sentence(classifiers, wanted):
    live = Screen(classifiers, {"baseline": a_pack("baseline")}, Directory(a_fleet()))
    with pytest.raises(shadows.LoadError) as told:
        Shadow(wanted, live)
    assert "\n" not in str(told.value)


def test_lists_and_weights_in_shadow(a_house):
    house = a_house()
    words = {"red_packet.yaml": "category: red_packet\nwhy: 测试\nstrong: [样机到了]\n"}
    house.host.shadow = Shadow(Wanted(of="lists", texts=words), house.host.screen)
    named = house.say(text="第三批样机到了，去仓库领")
    assert [(one["side"], one["observation_id"]) for one in rows(house.store, "only_shadow", "both")] == [
        ("only_shadow", named)
    ]
    assert Shadow(Wanted(of="model", model="full"), house.host.screen).screen.classifiers.model_version is not None


async def test_a_service_takes_up_what_was_announced_last_and_lets_it_go(tmp_path, classifiers):
    store = Store(tmp_path / "xunqun.db")
    with store.transaction():
        bad = Told(by="林", shadow=Wanted(of="model", model="nix"))
        store.append([record_of(CONTROL, "", one, 1) for one in (bad, Told(by="林", shadow=OTHER))])
    packs = {"baseline": a_pack("baseline"), "house": a_pack(), "other": a_pack("other")}
    host = Embedded(store, classifiers, packs, Directory(a_fleet()))
    service = Service(host, SimulatedActuator(), Metrics(), tick_seconds=0.02, clock=lambda: START + MINUTE)
    await service.start()
    try:
        async with asyncio.timeout(30):
            while host.shadow is None:
                await asyncio.sleep(0.01)
            (voucher,) = decoded(host.screen, VOUCHER)
            await service.append(voucher.value)
            while await service.busy() or not await service._in_store(rows, store):
                await asyncio.sleep(0.01)
        found = await service._in_store(rows, store)
        assert {one["side"] for one in found} == {"only_live", "compared"}
        assert {one["shadow"] for one in found} == {OTHER.name}
        exposed = service.metrics.exposition()[0].decode()
        assert 'xunqun_shadow_total{side="only_live"} 1.0' in exposed

        def announce(told):
            with store.transaction():
                store.append([record_of(CONTROL, "", told, 2)])

        await service._in_store(announce, Told(by="林"))
        async with asyncio.timeout(30):
            while host.shadow is not None:
                await asyncio.sleep(0.01)
    finally:
        await service.stop()


def test_start_report_and_stop_on_the_command_line(a_house, tmp_path, capsys, monkeypatch):
    house = a_house()
    pack = tmp_path / "house.yaml"
    pack.write_text(OTHER.texts["house.yaml"], "utf-8")
    (tmp_path / "bad.yaml").write_text("pack: [", "utf-8")
    monkeypatch.delenv("XUNQUN_DATABASE", raising=False)
    folder = ("--dir", house.path.parent)

    def call(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["shadow", *map(str, arguments)])
        return int(ended.value.code or 0), *capsys.readouterr()

    assert call("report", *folder)[0] == 1
    assert call("start", "--pack", tmp_path / "bad.yaml", "--by", "林", *folder)[0] == 2
    assert call("start", "--by", "林", *folder)[0] == 2
    (tmp_path / "words.txt").write_text("诚招代理", "utf-8")
    assert "a word list is called CATEGORY.yaml" in call("start", "--lists", tmp_path / "words.txt", *folder)[2]
    assert call("start", "--lists", tmp_path / "nix", "--by", "林", *folder)[2].endswith("No such file or directory\n")
    # A version of the registry in the folder of the service, which has no environment in common with this command.
    monkeypatch.delenv("XUNQUN_MODELS", raising=False)
    made = house.path.parent / "models" / Model.load(model_folder("permissive")).version
    shutil.copytree(model_folder("permissive"), made)
    assert call("start", "--model", made.name, "--by", "林", *folder)[0] == 0
    told = msgspec.json.decode(house.store.read((CONTROL,), 0, 10)[-1].value, type=Told)
    assert Shadow(told.shadow, house.host.screen).screen.classifiers.model_version == made.name
    house.store.connection.exec_driver_sql("DELETE FROM log WHERE topic = 'control'")
    house.store.connection.commit()
    assert call("start", "--pack", tmp_path / "nix.yaml", "--by", "林", *folder)[0] == 2
    code, out, _ = call("start", "--pack", pack, "--by", "林", "--json", *folder)
    assert (code, json.loads(out)["shadow"]) == (0, OTHER.name)
    (record,) = house.store.read((CONTROL,), 0, 10)
    told = msgspec.json.decode(record.value, type=Told)
    assert (told.by, told.shadow) == ("林", OTHER)
    house.host.shadow = Shadow(told.shadow, house.host.screen)
    for said in SAID:
        house.say(**said)
    page = tmp_path / "shadow.html"
    code, out, _ = call("report", "--json", "--out", page, *folder)
    seen = json.loads(out)
    assert (code, seen["shadow"]["compared"], seen["shadow"]["skipped"]) == (0, 6, 0)
    total = seen["total"]
    assert (total["more"], total["fewer"], total["harder"]) == (1, 4, 1)
    assert "影子运行报告" in page.read_text("utf-8")
    assert call("report", *folder)[0] == 0
    assert call("report", "h_none", *folder)[0] == 2
    assert call("stop", "--by", "林", *folder)[0] == 0
    assert msgspec.json.decode(house.store.read((CONTROL,), 0, 10)[-1].value, type=Told).shadow is None
    # Nobody reads what is announced but the service: nothing is judged anew.
    assert house.store.count_after((JUDGEMENTS,), house.store.offset("escalate")) == 0
