"""The sealed path: what is parted, how the stub is judged, and that the words are nowhere but in `sealed`."""

import asyncio
import base64
import json
import logging
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

import msgspec
import pytest
import redis as redis_client
from aiokafka.admin import AIOKafkaAdminClient

from classifiers.measure import Classifiers
from models import Fleet, Group
from policies.directory import Directory
from streams import desk
from streams.agents import Screen
from streams.cases.postgres import Cases
from streams.errors import LoadError, WrongUse
from streams.fleet.ingest import serve_ingest
from streams.fleet.kafka import SEALED, SEALED_ACCESS, Kafka, create_topics, read_whole
from streams.fleet.sealing import (
    Seal,
    Sealed,
    find,
    new_keys,
    part,
    read_accesses,
    read_private_key,
    read_sealed,
    unseal,
    write_private_key,
)
from streams.ledger.stored import unpack
from streams.loading import classifiers_from, packs_from
from streams.settings import Settings, SettingsError, read_settings
from streams.topics import DEAD_LETTERS, JUDGEMENTS, OBSERVATIONS, Record, Unusable, decode_observation, without_forged

MARKING = "机密★10年"
# What must be found nowhere: the words, and of a report also the persons.
WORDS = ("雪松三号", "南坡仓库")
PERSONS = ("reporter-7741", "accused-9912", "钱举报")


def an_observation(**given: Any) -> dict[str, Any]:
    return {
        "v": 1,
        "id": f"o{uuid4().hex[:8]}",
        "type": "message.created",
        "platform": "webhook",
        "group": {"id": "g1", "name": "工作群"},
        "sender": {"id": "a1", "name": "王建国", "role": "member"},
        "sent_at": 1_790_000_000_000,
        "kind": "text",
        **given,
    }


def body_of(one: dict[str, Any]) -> bytes:
    return json.dumps(one, ensure_ascii=False).encode()


def parted(one: dict[str, Any]) -> Any:
    body = body_of(one)
    return part(decode_observation(body), body)


# Everything here carries the marking in words that are judged.
MARKED = {
    "text": {"text": f"{MARKING} 雪松三号部署方案"},
    "text_with_escapes": {"text": f"{MARKING} 雪松三号部署方案"},
    "starred": {"text": "秘密★ 雪松三号"},
    "spread": {"text": "机 密★10年 雪松三号"},
    "traditional": {"text": "絕密★啟用前 雪松三号"},
    "title_of_a_link": {"text": "看这个", "links": [{"url": "http://a.cn/x", "title": f"{MARKING} 雪松三号"}]},
    "file": {"kind": "file", "attachments": [{"kind": "file", "name": f"{MARKING} 雪松三号.pdf"}]},
    "upload": {
        "type": "file.uploaded",
        "kind": "file",
        "sender": None,
        "target": {"id": "a1"},
        "attachments": [{"kind": "file", "name": "绝密_雪松三号.docx"}],
    },
    "edit": {"type": "message.edited", "text": f"{MARKING} 雪松三号", "edit_of": {"id": "o0"}},
    "edit_as_change": {
        "type": "message.edited",
        "edit_of": {"id": "o0"},
        "change": {"field": "text", "old": "好的", "new": f"{MARKING} 雪松三号"},
    },
    "with_red_header": {
        "kind": "file",
        "attachments": [{"kind": "file", "name": f"{MARKING} 国发〔2025〕3号 雪松三号.pdf"}],
    },
}
# The marking stands where nobody judges; what is judged stays in the open.
CARRIED = {
    "reply": ({"text": "收到", "reply_to": {"id": "o0", "quoted_text": f"{MARKING} 雪松三号"}}, "收到"),
    "forward": ({"text": "大家看", "forward": [{"text": MARKING}, {"text": "雪松三号"}]}, "大家看"),
    "raw": ({"text": "好", "raw": {"xml": f"<a>{MARKING}雪松三号</a>"}}, "好"),
    "reply_in_the_text": ({"text": f"「王建国：{MARKING} 雪松三号」\n- - - - - -\n收到，马上办"}, "收到，马上办"),
    "the_text_before_an_edit": (
        {
            "type": "message.edited",
            "edit_of": {"id": "o0"},
            "change": {"field": "text", "old": f"{MARKING} 雪松三号", "new": "发错了"},
        },
        "发错了",
    ),
    "middle_of_a_long_text": ({"text": "好" * 15_000 + f"\n{MARKING} 雪松三号\n" + "好" * 15_000}, None),
    "nickname": ({"sender": {"id": "a1", "card": f"{MARKING} 雪松三号"}, "text": "早"}, "早"),
    "notice_of_the_group": (
        {"type": "group.notice_changed", "change": {"field": "notice", "new": f"{MARKING} 雪松三号"}},
        None,
    ),
}
OPEN = {
    "internal": {"text": "内部资料，注意保管"},
    "talk": {"text": "标有“机密★10年”字样的文件不得发群里"},
    "password": {"text": "密码忘了，找谁重置"},
    "plain": {"text": "今天下午三点开会"},
}


@pytest.mark.parametrize("name", MARKED)
def test_marked_message_leaves_no_words_in_its_stub(name: str) -> None:
    one = an_observation(**MARKED[name])
    body = json.dumps(one).encode() if name == "text_with_escapes" else body_of(one)
    found = part(decode_observation(body), body)
    assert found is not None
    assert found.kind == "secrecy_marking"
    assert not traces(found.stub, (*WORDS, "密★"))
    stub = decode_observation(found.stub)
    assert (stub.id, stub.type, stub.kind, stub.sent_at) == (one["id"], one["type"], one["kind"], one["sent_at"])
    assert stub.flags is not None
    assert stub.flags[0] == "sealed:secrecy_marking"
    assert stub.text is None
    assert stub.links is None
    assert stub.reply_to is None
    assert stub.change is None


@pytest.mark.parametrize("name", CARRIED)
def test_what_only_quotes_a_marking_keeps_what_is_judged(name: str) -> None:
    given, text = CARRIED[name]
    found = parted(an_observation(**given))
    assert found.kind == "quotation"
    assert not traces(found.stub, (*WORDS, "密★"))
    stub = decode_observation(found.stub)
    assert stub.flags == ("sealed:quotation",)
    if text is not None:
        assert stub.text == text


@pytest.mark.parametrize("name", OPEN)
def test_everything_else_is_stored_as_it_came(name: str) -> None:
    assert parted(an_observation(**OPEN[name])) is None


def test_report_leaves_neither_persons_nor_words() -> None:
    one = a_report()
    found = parted(one)
    assert found.kind == "report"
    assert not traces(found.stub, (*WORDS, *PERSONS))
    stub = decode_observation(found.stub)
    assert (stub.id, stub.group_key, stub.flags) == (one["id"], "webhook:g1", ("sealed:report",))
    assert stub.sender is None
    assert stub.target is None


def test_appeal_that_quotes_a_marking_still_counts_as_one_with_words() -> None:
    found = parted(an_observation(type="appeal.filed", sanction_id="s_1", text=f"{MARKING} 雪松三号是误发"))
    assert found.kind == "quotation"
    assert decode_observation(found.stub).text
    assert not traces(found.stub, WORDS)


@pytest.mark.parametrize("depth", [500, 900, 995])
@pytest.mark.parametrize("place", ["raw", "fact"])
def test_no_depth_hides_a_marking(place: str, depth: int) -> None:
    """What the decoder still takes may be too deep for the rest of Python: it is sealed all the same."""
    nested = b"[" * depth + body_of({"a": f"{MARKING} 雪松三号"}) + b"]" * depth
    given = b'"raw":%b' % nested if place == "raw" else b'"fact":{"name":"work_ended","value":%b}' % nested
    body = body_of(an_observation(type="task.stated"))[:-1] + b"," + given + b"}"
    try:
        seen = decode_observation(body)
    except Unusable:
        assert depth > 990
        return
    found = part(seen, body)
    assert found is not None
    assert found.kind == "quotation"
    assert not traces(found.stub, WORDS)
    assert decode_observation(found.stub).id == seen.id


@pytest.fixture(scope="module")
def classifiers() -> Classifiers:
    return classifiers_from()


@pytest.mark.parametrize("name", MARKED)
@pytest.mark.parametrize("pack", sorted(packs_from(())))
def test_stub_breaks_the_clauses_that_the_whole_breaks(name: str, pack: str, classifiers: Classifiers) -> None:
    packs = packs_from(())
    one = an_observation(**MARKED[name])
    whole, stub = (
        judged(
            body, Screen(classifiers, packs, Directory(Fleet(groups=(Group(id="g1", platform="webhook", pack=pack),))))
        )
        for body in (body_of(one), parted(one).stub)
    )
    marked = {one for one in whole if one[3] & {"secrecy_marking", "internal_marking", "red_header_file"}}
    assert {each[:3] for each in stub} == {each[:3] for each in marked}


def test_a_pack_forbids_each_of_the_marked(classifiers: Classifiers) -> None:
    screen = Screen(classifiers, packs_from(()), Directory(Fleet()))
    for given in MARKED.values():
        assert judged(parted(an_observation(**given)).stub, screen)


def judged(body: bytes, screen: Screen) -> set[tuple[str, str, str, frozenset[str]]]:
    """Id, clause, subject and categories of what is found on the observation itself."""
    record = Record(OBSERVATIONS, "webhook:g1", body, 0, 1_790_000_000_000)
    keys = screen.keys([record])
    effects = screen.handle([record], dict.fromkeys(keys))
    verdicts = [one.verdict for _, _, one, _ in effects.records if getattr(one, "verdict", None)]
    return {
        (one.id, one.clause, one.subject.id, frozenset(item.category for item in one.evidence))
        for verdict in verdicts
        for one in (*verdict.violations, *verdict.uncertain)
        if verdict.observation_id
    }


def test_nobody_is_accused_by_a_flag() -> None:
    body = body_of(an_observation(text="大家好", flags=["backfilled", "sealed:secrecy_marking"], raw={"a": 1}))
    left = decode_observation(without_forged(decode_observation(body), body))
    assert left.flags == ("backfilled",)
    report = parted(a_report(flags=["sealed:secrecy_marking"]))
    assert decode_observation(report.stub).flags == ("sealed:report",)
    clean = body_of(an_observation(text="大家好", flags=["backfilled"], raw={"a": 1}))
    assert without_forged(decode_observation(clean), clean) == clean


# keys


def test_only_the_private_key_opens(tmp_path: Path) -> None:
    private, public = new_keys()
    write_private_key(tmp_path / "key", private)
    other, _ = new_keys()
    write_private_key(tmp_path / "other", other)
    body = body_of(an_observation(text=f"{MARKING} 雪松三号"))
    seal = Seal(public)
    one, again = (msgspec.json.decode(seal(body, "report", 7).value, type=Sealed) for _ in range(2))
    assert one.id != again.id
    assert one.box != again.box
    key = read_private_key(tmp_path / "key")
    assert unseal(one, key) == body
    assert find([again, one], decode_observation(body).id, key)[1] == body
    with pytest.raises(WrongUse, match="sealed for key"):
        unseal(one, read_private_key(tmp_path / "other"))
    for changed in ({"kind": "quotation"}, {"id": again.id}, {"box": one.box[:-1] + b"x"}):
        with pytest.raises(WrongUse, match="does not open"):
            unseal(msgspec.structs.replace(one, **changed), key)


def test_length_of_what_is_sealed_tells_little() -> None:
    seal = Seal(new_keys()[1])
    short, longer = (seal(b"{}" + b" " * size, "report", 0).value for size in (0, 800))
    assert len(short) == len(longer)


def test_private_key_is_for_its_owner_alone_and_never_replaced(tmp_path: Path) -> None:
    write_private_key(tmp_path / "key", new_keys()[0])
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(WrongUse, match="there already"):
        write_private_key(tmp_path / "key", new_keys()[0])


def test_keys_cannot_be_mixed_up(tmp_path: Path) -> None:
    private, public = new_keys()
    with pytest.raises(SettingsError) as raised:
        read_settings({"XUNQUN_SEALED_KEY": private})
    assert private not in str(raised.value)
    assert read_settings({"XUNQUN_SEALED_KEY": public}).sealed_key == public
    (tmp_path / "key").write_text(public)
    with pytest.raises(LoadError, match="no private key"):
        read_private_key(tmp_path / "key")
    with pytest.raises(LoadError, match="no public key"):
        Seal("xqpk_" + base64.urlsafe_b64encode(bytes(32)).decode().rstrip("="))


# without a key


async def test_without_a_key_the_door_refuses_and_stores_nothing_open(
    stack: Any, topic_prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    kafka = Kafka(stack.kafka, topic_prefix)
    await create_topics(kafka, partitions=2)
    stop, started = asyncio.Event(), asyncio.get_running_loop().create_future()
    settings = Settings(kafka=stack.kafka, kafka_prefix=topic_prefix, port=0)
    with caplog.at_level(logging.WARNING):
        door = asyncio.create_task(serve_ingest(settings, stop, lambda host, port: started.set_result((host, port))))
        host, port = await asyncio.wait_for(started, 20)
    assert "XUNQUN_SEALED_KEY" in caplog.text
    url = f"http://{host}:{port}/observations"
    plain = an_observation(text="今天下午三点开会")
    try:
        for one in (a_report(), an_observation(text=f"{MARKING} 雪松三号")):
            code, answer = await asyncio.to_thread(post, url, body_of(one))
            assert code == 503
            assert "XUNQUN_SEALED_KEY" in answer["error"]
        code, answer = await asyncio.to_thread(post, url, b"\n".join(map(body_of, (plain, a_report()))), many=True)
        assert (code, answer["error"][:19]) == (503, "1 of 2 observations")
        assert (await asyncio.to_thread(post, url, body_of(plain)))[0] == 202
    finally:
        stop.set()
        await asyncio.wait_for(door, 20)
    held = await whole_log(kafka)
    assert {decode_observation(one.value).id for one in held[OBSERVATIONS]} == {plain["id"]}
    assert not held[SEALED]
    assert not any(traces(one.value, (*WORDS, *PERSONS)) for some in held.values() for one in some)


# a fleet at work


@dataclass
class House:
    """A door and a worker that have taken everything in, and what they were given."""

    stack: Any
    kafka: Kafka
    folder: Path
    posted: dict[str, dict[str, Any]]
    group: str
    order: list[str]
    metrics: bytes

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", MAIN, *arguments], env=environment(self.stack, self.kafka), text=True,
            capture_output=True, timeout=60, check=False,
        )  # fmt: skip


MAIN = "from streams.cli import main; main()"


def environment(stack: Any, kafka: Kafka, **given: str) -> dict[str, str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("XUNQUN_")}
    ours = {"KAFKA": stack.kafka, "REDIS": stack.redis, "DATABASE": stack.database, "KAFKA_PREFIX": kafka.prefix}
    return clean | {f"XUNQUN_{name}": value for name, value in (ours | given).items()}


def a_report(**given: Any) -> dict[str, Any]:
    return an_observation(
        type="report.filed",
        sender={"id": PERSONS[0], "name": PERSONS[2]},
        target={"id": PERSONS[1], "name": "孙被举报"},
        text="南坡仓库有人拉外人进群",
        attachments=[{"kind": "image", "name": "南坡仓库.png"}],
        **given,
    )


@pytest.fixture(scope="module")
def house(stack: Any, tmp_path_factory: pytest.TempPathFactory) -> House:
    folder = tmp_path_factory.mktemp("sealing")
    kafka = Kafka(stack.kafka, f"t{uuid4().hex[:10]}-")
    asyncio.run(create_topics(kafka, partitions=2))
    private, public = new_keys()
    write_private_key(folder / "key", private)
    group = f"g{uuid4().hex[:10]}"
    groups = (Group(id=group, platform="webhook", pack="xianchuang", mode="advise"),)
    (folder / "fleet.yaml").write_bytes(msgspec.yaml.encode(Fleet(groups=groups)))
    now = time.time_ns() // 1_000_000
    said = MARKED | {name: given for name, (given, _) in CARRIED.items()} | OPEN
    said |= {"forged": {"text": "大家好", "flags": ["sealed:secrecy_marking"]}}
    here = {"sent_at": now, "group": {"id": group}}
    posted = {name: an_observation(**given, **here) for name, given in said.items()}
    for number, one in enumerate(posted.values()):
        # Everybody says one thing, and no two say it of the same message.
        for place in ("sender", "target"):
            if one.get(place):
                one[place] = {**one[place], "id": f"{group}-{number}"}
        if "edit_of" in one:
            one["edit_of"] = {"id": f"{group}-edited-{number}"}
    posted["report"] = a_report(**here)
    given = {"SEALED_KEY": public, "FLEET": str(folder / "fleet.yaml")}
    with (folder / "log").open("ab") as log:
        started = [
            subprocess.Popen(
                [sys.executable, "-c", MAIN, *arguments], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                env=environment(stack, kafka, **given),
            )
            for arguments in (("ingest", "--port", "0"), ("worker", "--port", "0"))
        ]  # fmt: skip
        try:
            address = wait_for(lambda: told(folder, "ingest listens on "), "the door does not start")
            health = wait_for(lambda: told(folder, "health on "), "the worker does not start").removesuffix("/ready")
            # One by one, and the rest as a batch.
            single = [one for name, one in posted.items() if name in ("text", "file", "report")]
            for one in single:
                assert post(address, body_of(one))[0] == 202
            rest = [one for one in posted.values() if one not in single]
            assert post(address, b"\n".join(map(body_of, rest)), many=True)[0] == 202
            cases = Cases(stack.database)
            wait_for(lambda: len(waiting_for_a_person(cases, group)) >= len(MARKED) + 2, "not all was judged")
            cases.close()
            metrics = fetch(f"{health}/metrics") + fetch(address.replace("/observations", "/metrics"))
        finally:
            for one in started:
                one.terminate()
            for one in started:
                one.wait(30)
    return House(stack, kafka, folder, posted, group, [one["id"] for one in (*single, *rest)], metrics)


def waiting_for_a_person(cases: Cases, group: str) -> list[tuple[str, str]]:
    """Kind and subject of the reviews of a group."""
    return sorted((one["kind"], one["subject"]) for one in desk.list_reviews(cases, group=group, limit=500))


def test_marked_messages_and_reports_reach_a_person(house: House) -> None:
    """And nobody else: neither who quotes, nor whom a flag accuses."""
    names = (*MARKED, "internal")
    accused = [house.posted[one].get("sender") or house.posted[one]["target"] for one in names]
    cases = Cases(house.stack.database)
    try:
        expected = sorted([("report", house.group), *(("assisted", f"webhook:{one['id']}") for one in accused)])
        assert waiting_for_a_person(cases, house.group) == expected
    finally:
        cases.close()


async def test_words_are_nowhere_in_kafka(house: House) -> None:
    held = await whole_log(house.kafka)
    assert held[JUDGEMENTS]
    assert not held[DEAD_LETTERS]
    for topic, records in held.items():
        bad = [one.offset for one in records if traces(one.value + b"\n" + one.key.encode(), (*WORDS, *PERSONS))]
        assert not bad, topic
    assert all(one.key == "" for one in held[SEALED])
    assert len(held[SEALED]) == len(MARKED) + len(CARRIED) + 1


def test_words_are_not_in_postgres(house: House, local_stack: ModuleType) -> None:
    url = house.stack.database.replace("+psycopg", "")
    program = local_stack.find_program("pg_dump")
    dump = subprocess.run([str(program), url], capture_output=True, timeout=60, check=True).stdout
    assert house.group.encode() in dump
    assert not traces(dump, (*WORDS, *PERSONS))


def test_words_are_not_in_redis(house: House) -> None:
    client = redis_client.Redis.from_url(house.stack.redis)
    with client:
        keys = [key for key in client.scan_iter() if house.kafka.prefix.encode() in key]
        assert keys
        for key in keys:
            assert not any(traces(key + b"\n" + one, (*WORDS, *PERSONS)) for one in values_of(client, key))


def test_words_are_not_in_logs_and_metrics(house: House) -> None:
    logs = (house.folder / "log").read_bytes()
    logs += b"".join(house.stack.log(name).read_bytes() for name in ("kafka", "redis", "postgres"))
    assert not traces(logs + house.metrics, (*WORDS, *PERSONS))


async def test_order_within_the_group_is_kept(house: House) -> None:
    held = await read_whole(house.kafka, OBSERVATIONS)
    said = [decode_observation(one.value) for one in held]
    assert [one.id for one in said if one.group] == house.order


async def test_open_prints_what_was_posted_and_leaves_an_entry(house: House) -> None:
    listed = json.loads(house.run("sealed", "list", "--json").stdout)
    kinds = [one["kind"] for one in listed]
    assert kinds.count("secrecy_marking") == len(MARKED)
    assert kinds.count("quotation") == len(CARRIED)
    (report,) = [one for one in listed if one["kind"] == "report"]
    assert not traces(house.run("sealed", "list").stdout.encode(), (*WORDS, *PERSONS))
    why = ("--key", str(house.folder / "key"), "--by", "保密员", "--reason", "核实举报")
    opened = house.run("sealed", "open", report["id"], *why)
    assert opened.returncode == 0, opened.stderr
    assert json.loads(opened.stdout)["observation"] == house.posted["report"]
    # By the id that a review names; where it was edited, by that of the edit.
    opened = house.run("sealed", "open", house.posted["edit_as_change"]["id"], *why)
    assert json.loads(opened.stdout)["observation"] == house.posted["edit_as_change"]
    entries = read_accesses(await read_whole(house.kafka, SEALED_ACCESS))
    assert [(one.by, one.reason) for one in entries] == [("保密员", "核实举报")] * 2
    assert entries[0].id == report["id"]
    assert "保密员" in house.run("sealed", "accesses").stdout


async def test_nothing_opens_without_the_key_a_name_and_a_reason(house: House) -> None:
    before = await read_whole(house.kafka, SEALED_ACCESS)
    one = read_sealed(await read_whole(house.kafka, SEALED))[0]
    write_private_key(house.folder / "other", new_keys()[0])
    key, other = str(house.folder / "key"), str(house.folder / "other")
    wrong = (
        (one.id, "--key", other, "--by", "甲", "--reason", "乙"),
        (one.id, "--key", key, "--by", "甲"),
        (one.id, "--key", key, "--by", " ", "--reason", "乙"),
        (one.id, "--key", str(house.folder / "missing"), "--by", "甲", "--reason", "乙"),
        ("z_unknown", "--key", key, "--by", "甲", "--reason", "乙"),
    )
    runs = await asyncio.gather(*(asyncio.to_thread(house.run, "sealed", "open", *given) for given in wrong))
    for given, done in zip(wrong, runs, strict=True):
        assert done.returncode == 2, given
        assert done.stderr
        assert "Traceback" not in done.stderr
        assert not done.stdout
        assert not traces(done.stderr.encode(), (*WORDS, *PERSONS))
    assert await read_whole(house.kafka, SEALED_ACCESS) == before


# looking


def traces(raw: bytes, words: tuple[str, ...]) -> bool:
    """Whether any of the words stands in bytes: as UTF-8, as escapes of JSON, in hexadecimal, or in base64 within JSON."""
    for word in words:
        plain, escaped = word.encode(), json.dumps(word)[1:-1].encode()
        if any(one in raw for one in (plain, escaped, plain.hex().encode(), escaped.hex().encode())):
            return True
    with suppress(ValueError):
        return any(traces(one, words) for one in boxes(json.loads(raw.partition(b"\n")[0])))
    return False


def boxes(value: Any) -> Iterator[bytes]:
    """What the strings of JSON hold in base64."""
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from boxes(one)
    elif isinstance(value, str) and len(value) > 8:
        with suppress(ValueError):
            yield base64.b64decode(value, validate=True)


def test_traces_are_found() -> None:
    inner = json.dumps({"text": "雪松三号"}).encode()
    shown = [
        inner,
        "雪松三号".encode(),
        inner.hex().encode(),
        json.dumps({"a": [base64.b64encode(inner).decode()]}).encode(),
    ]
    assert all(traces(one, WORDS) for one in shown)
    assert not traces(b'{"a": "c25vdyBzbm93"}', WORDS)


def values_of(client: Any, key: bytes) -> list[bytes]:
    kind = client.type(key)
    if kind == b"zset":
        return list(client.zrange(key, 0, -1))
    if kind == b"hash":
        return [*client.hgetall(key).values(), *client.hgetall(key)]
    assert kind == b"string", kind
    raw = client.get(key)
    found = [raw]
    for packed in (raw, raw.partition(b"\n")[2]):
        with suppress(Exception):
            found.append(unpack(packed))
    return found


async def whole_log(kafka: Kafka) -> dict[str, list[Record]]:
    """All topics of this fleet with all their records."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.brokers)
    await admin.start()
    try:
        names = [kafka.plain(one) for one in await admin.list_topics() if one.startswith(kafka.prefix)]
    finally:
        await admin.close()
    return dict(zip(names, await asyncio.gather(*(read_whole(kafka, one) for one in names)), strict=True))


def post(url: str, body: bytes, *, many: bool = False) -> tuple[int, Any]:
    kind = "application/x-ndjson" if many else "application/json"
    request = urllib.request.Request(url, body, {"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read()


def told(folder: Path, before: str) -> str:
    """The address that a process has told after these words."""
    _, found, rest = (folder / "log").read_text("utf-8", "replace").partition(before)
    return rest.split()[0] if found and "\n" in rest else ""


def wait_for(look: Callable[[], Any], otherwise: str, seconds: float = 60.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.3)
    return found
