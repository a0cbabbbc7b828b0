"""The log: ids and never text, a limit for each event, libraries' lines without their values, and the way of a message."""

import asyncio
import io
import json
import logging
import threading
import time

import pytest
from house import GIFT, PLAIN
from sqlalchemy.exc import StatementError

from streams import logs
from streams.cli import main
from streams.http import is_loopback, tell_started
from streams.logs import EVENTS, FIELDS, Absences, Undeclared, Writer, as_markdown, be_strict, say
from streams.metrics import Metrics
from streams.service import Service
from streams.settings import SettingsError, read_settings
from streams.telling import tell_effects
from streams.topics import OBSERVATIONS, Effects, Record

SECRET = "UNIQUE-7f3a-祛痘精油"


class Heard:
    """A log that is written for a test, and read back."""

    def __init__(self, form="json", **given):
        self.stream = io.StringIO()
        self.writer = Writer(self.stream, form=form, always={"process": "test"}, **given)

    def __enter__(self):
        self._before = logging.getLogger("xunqun").level
        logging.getLogger("xunqun").setLevel(logging.INFO)
        logging.getLogger().addHandler(self.writer)
        return self

    def __exit__(self, *error):
        logging.getLogger().removeHandler(self.writer)
        logging.getLogger("xunqun").setLevel(self._before)
        self.writer.close()

    @property
    def text(self):
        return self.stream.getvalue()

    @property
    def lines(self):
        return [json.loads(line) for line in self.text.splitlines()]

    def of(self, event):
        return [one for one in self.lines if one["event"] == event]


@pytest.fixture
def lenient():
    """As in production: nothing that is said raises."""
    be_strict(False)
    yield
    be_strict()


def test_the_page_of_the_log_is_up_to_date(root):
    assert (root / "docs" / "logs.md").read_text("utf-8").endswith(as_markdown()), "run make docs"


def test_a_line_is_one_json_object_with_the_fields_that_were_given():
    with Heard() as heard:
        say("action", observation_id="m1", tries=2, outcome="retry", draft=True, violation_ids=("v1", "v2"), kind=None)
    (line,) = heard.lines
    assert line.pop("at").endswith("Z")
    assert line == {
        "level": "info", "event": "action", "observation_id": "m1", "tries": 2, "outcome": "retry", "draft": True,
        "violation_ids": ["v1", "v2"], "process": "test",
    }  # fmt: skip


def test_on_a_terminal_a_line_is_for_people():
    with Heard("text") as heard:
        say("away", part="kafka")
    assert "[warning  ] away         part=kafka" in heard.text


def test_what_is_not_declared_raises_in_tests():
    with Heard():
        for event, fields in (("verdict", {"text": "x"}), ("greeting", {}), ("verdict", {"tries": "2"})):
            with pytest.raises(Undeclared):
                say(event, **fields)


def test_what_is_not_declared_is_dropped_and_counted(lenient):
    before = logs.dropped().get("undeclared", 0)
    with Heard() as heard:
        say("verdict", observation_id="m1", text=SECRET, tries=SECRET, clauses=SECRET, partition={SECRET: 1})
        say(SECRET, observation_id="m2")
    told, strange = heard.lines
    assert (told["observation_id"], told["dropped"]) == ("m1", 4)
    assert (strange["event"], strange["dropped"]) == ("undeclared", 1)
    assert logs.dropped()["undeclared"] == before + 2
    assert "UNIQUE" not in heard.text


@pytest.mark.parametrize("kind", ["id", "ids"])
def test_an_id_that_is_not_plain_is_shown_as_a_digest(kind):
    name = next(name for name, (form, _) in FIELDS.items() if form == kind)
    given = {"id": SECRET, "ids": [SECRET, "v1"]}[kind]
    with Heard() as heard:
        for _ in range(2):
            say("verdict", **{name: given})
        say("verdict", **{name: "m" * 201 if kind == "id" else ["m" * 201]})
    first, second, long = (one[name] for one in heard.lines)
    assert first == second != long
    assert str(first).strip("[']").startswith("~")
    assert len(str(long)) < 30
    assert "UNIQUE" not in heard.text


def test_many_ids_are_cut_and_counted():
    with Heard() as heard:
        say("assigned", partitions=[f"observations/{number}" for number in range(64)])
    assert len(heard.lines[0]["partitions"]) == 21
    assert heard.lines[0]["partitions"][-1] == "+44"


def test_nothing_is_heard_before_a_log_is_set_up(capsys):
    say("brake", scope="all")
    say("started", port=1)
    assert capsys.readouterr() == ("", "")


# too many lines


def test_of_one_event_so_many_lines_and_then_how_many_were_left_out():
    with Heard(most=5, span=0.2) as heard:
        for number in range(30):
            say("verdict", offset=number)
        say("sanction", sanction_id="s1")
        assert len(heard.of("verdict")) == 5
        assert len(heard.of("sanction")) == 1
        # Whoever flooded is silent now, and it is said all the same.
        deadline = time.monotonic() + 5
        while not heard.of("left_out") and time.monotonic() < deadline:
            time.sleep(0.02)
        say("verdict", offset=30)
    (told,) = heard.of("left_out")
    assert (told["event_left_out"], told["count"]) == ("verdict", 25)
    assert heard.of("verdict")[-1]["offset"] == 30


def test_what_was_left_out_is_said_at_the_end():
    with Heard(most=1) as heard:
        for _ in range(4):
            say("verdict")
    assert [one["count"] for one in heard.of("left_out")] == [3]


def test_many_threads_write_whole_lines():
    with Heard(most=10**6) as heard:
        threads = [
            threading.Thread(target=lambda: [say("verdict", offset=number) for number in range(200)]) for _ in range(4)
        ]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    assert len(heard.lines) == 800


# libraries


def test_a_library_keeps_its_words_and_loses_its_values():
    log = logging.getLogger("aiokafka.conn")
    error = ValueError(SECRET)
    with Heard() as heard:
        log.error("Unable connect to %s:%s: %r", "broker-1", 9092, error)
        log.warning("A record %s of %r", SECRET, {"text": SECRET})
        log.warning(f"put together {SECRET}")
        log.info("nobody wants to know")
    known, value, together = heard.lines
    assert known["line"] == "Unable connect to broker-1:9092: <ValueError>"
    assert known["logger"] == "aiokafka.conn"
    assert value["line"] == "A record <str> of <dict>"
    assert "line" not in together
    assert together["place"][0].startswith("test_logs.py:")
    assert "UNIQUE" not in heard.text


def test_an_error_is_told_by_kind_and_place():
    with Heard() as heard:
        try:
            raise StatementError(SECRET, "INSERT INTO evidence VALUES (?)", {"matched": SECRET}, None)
        except StatementError:
            logging.getLogger("sqlalchemy.pool").exception("Exception during reset")
    (told,) = heard.lines
    assert (told["error"], told["line"]) == ("StatementError", "Exception during reset")
    assert told["place"][0].startswith("test_logs.py:")
    assert "UNIQUE" not in heard.text


async def test_a_task_that_nobody_awaits_says_no_text():
    async def breaks():
        raise RuntimeError(SECRET)

    with Heard() as heard:
        task = asyncio.ensure_future(breaks())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        del task
    (told,) = heard.lines
    assert (told["logger"], told["error"]) == ("asyncio", "RuntimeError")
    assert "UNIQUE" not in heard.text


def test_a_service_of_faust_speaks_without_its_prefix():
    from mode import Service as FaustService

    class Consumer(FaustService):
        logger = logging.getLogger("faust.transport.consumer")

    with Heard() as heard:
        one = Consumer()
        one.log.error("Crashed reason=%r", RuntimeError(SECRET))
        one.log.warning("A commit takes too long; what it holds will be handled again.")
    first, second = (line["line"] for line in heard.lines)
    assert first == "Crashed reason=<RuntimeError>"
    assert second == "A commit takes too long; what it holds will be handled again."


def test_misleading_lines_are_not_written():
    from faust.transport.drivers import aiokafka as driver

    with Heard() as heard:
        log = logging.getLogger("faust.transport.drivers.aiokafka")
        for name in dir(driver):
            if name.startswith("SLOW_PROCESSING_") and "CAUSE" not in name and "EXPLAINED" not in name:
                log.error(f"[^--AIOKafkaConsumerThread]: {getattr(driver, name)}", ("observations", 1), "1 minute ago")
        logging.getLogger("aiokafka").warning("Heartbeat failed for group %s because it is rebalancing", "g")
        log.error("Something else")
    assert [one["line"] for one in heard.lines] == ["Something else"]


def test_a_flood_of_a_library_is_limited():
    log = logging.getLogger("aiokafka.client")
    with Heard(library_most=2) as heard:
        for port in range(6):
            log.error("Unable connect to %s", port)
        log.error("another")
    assert [one["line"] for one in heard.of("library")] == ["Unable connect to 0", "Unable connect to 1", "another"]
    assert [(one["event_left_out"], one["count"]) for one in heard.of("left_out")] == [("aiokafka.client", 4)]


# the process


def test_absences_are_said_once_and_so_is_the_return():
    absences = Absences()
    with Heard() as heard:
        for missing in (["kafka"], ["kafka", "redis"], ["redis"], []):
            absences.look(missing)
    assert [(one["event"], one["part"]) for one in heard.lines] == [
        ("away", "kafka"), ("away", "redis"), ("back", "kafka"), ("back", "redis"),
    ]  # fmt: skip
    assert all("seconds" in one for one in heard.of("back"))


@pytest.mark.parametrize(
    ("host", "open"), [("127.0.0.1", False), ("::1", False), ("0.0.0.0", True), ("10.1.2.3", True)]
)
def test_an_address_that_others_reach_is_said_at_the_start(host, open):
    with Heard() as heard:
        tell_started(host, 8600, roles=("screen",))
    assert [one["host"] for one in heard.of("open_address")] == ([host] if open else [])
    assert heard.of("started")[0]["roles"] == ["screen"]


def test_every_process_listens_on_loopback_unless_told_otherwise():
    assert is_loopback(read_settings({}).host)


@pytest.mark.parametrize("log", ["json", "text"])
def test_the_form_is_a_setting(log):
    assert read_settings({"XUNQUN_LOG": log}).log == log


def test_a_form_that_there_is_not_is_refused():
    with pytest.raises(SettingsError, match="json or text"):
        read_settings({"XUNQUN_LOG": "xml"})


def test_what_nobody_catches_is_told_without_its_text(capsys):
    def breaks():
        raise RuntimeError(SECRET)

    logs.set_up(read_settings({"XUNQUN_LOG": "json", "XUNQUN_WORKER_ID": "w1"}), "worker")
    try:
        thread = threading.Thread(target=breaks)
        thread.start()
        thread.join()
        with pytest.raises(RuntimeError) as caught:
            breaks()
        assert logs.tell_end(caught.value)
    finally:
        logs.take_down()
    said = capsys.readouterr().err
    told = [json.loads(line) for line in said.splitlines()]
    assert [(one["event"], one["error"], one["worker"]) for one in told] == [
        ("thread_broke", "RuntimeError", "w1"), ("broke", "RuntimeError", "w1"),
    ]  # fmt: skip
    assert "UNIQUE" not in said


@pytest.mark.parametrize("process", ["run", "worker", "ingest"])
def test_a_command_that_breaks_says_kind_and_place_and_ends_with_70(process, monkeypatch, capsys, tmp_path):
    def breaks(*given, **named):
        raise ValueError(SECRET)

    monkeypatch.setattr(
        {"run": "streams.running.serve_settings", "worker": "streams.fleet.worker.Worker",
         "ingest": "streams.fleet.ingest.serve_ingest"}[process], breaks,
    )  # fmt: skip
    monkeypatch.setenv("XUNQUN_LOG", "json")
    options = {"run": ["--dir", str(tmp_path)]}.get(process, ["--port", "0"])
    with pytest.raises(SystemExit) as ended:
        main([process, *options])
    assert ended.value.code == 70
    said = capsys.readouterr().err
    (told,) = map(json.loads, said.splitlines())
    assert (told["event"], told["error"], told["process"]) == ("broke", "ValueError", process)
    assert told["place"][0].startswith("test_logs.py:")
    assert "UNIQUE" not in said
    say("brake", scope="all")
    assert capsys.readouterr().err == ""


# the way of a message


def test_one_id_shows_the_way_of_a_message_and_a_clean_one_leaves_no_line(house):
    service = Service(house.host, house.actuator, Metrics(), clock=lambda: house.now)
    with Heard() as heard:
        asyncio.run(_a_day(service, house, heard))
    by_id = {id: [one["event"] for one in heard.lines if one.get("observation_id") == id] for id in ("gift", "plain")}
    assert by_id["plain"] == []
    assert by_id["gift"][:2] == ["verdict", "sanction"]
    action = next(one for one in heard.of("action") if one["observation_id"] == "gift")
    sanction = next(one for one in heard.of("sanction") if one["observation_id"] == "gift")
    assert (action["outcome"], action["sanction_id"]) == ("confirmed", sanction["sanction_id"])
    (decision,) = heard.of("decision")
    assert (decision["observation_id"], decision["outcome"]) == ("gift", "overturn")
    assert any(one.get("reverses") == sanction["sanction_id"] for one in heard.of("sanction"))
    assert {one["observation_id"] for one in heard.of("sanction")} == {"gift"}
    for words in ("恭喜发财", "开例会", "u1", "小王", "林晓梅", "不是红包"):
        assert words not in heard.text


async def _a_day(service, house, heard):
    def said(id, **what):
        body = {"type": "message.created", "id": id, "platform": "webhook", "group": {"id": "g1"}, "sent_at": house.now}
        return service.append(
            json.dumps({**body, "sender": {"id": "a1", "card": "小王"}, "kind": "text", **what}).encode()
        )

    await service.start()
    await said("gift", **GIFT)
    await said("plain", **PLAIN)
    await _until(lambda: heard.of("action"))
    (verdict,) = heard.of("verdict")
    by = {"by": "林晓梅", "role": "moderator", "reason": "不是红包", "learn": False}
    more = {"pick": None, "amount_fen": None, "check": None}
    await service.decide(verdict["violation_ids"][0], outcome="overturn", **by, **more)
    await _until(lambda: len(heard.of("action")) > 1)
    await service.stop()


async def _until(check):
    async with asyncio.timeout(10):
        while not check():
            await asyncio.sleep(0.02)


def test_where_there_is_nothing_to_say_next_to_nothing_is_paid():
    """A chunk without findings costs the same however many messages it holds."""
    records = [Record(OBSERVATIONS, "webhook:g1", b"", number, 0) for number in range(256)]
    with Heard() as heard:
        began = time.perf_counter()
        for _ in range(1000):
            tell_effects("screen", records, Effects())
        a_chunk = (time.perf_counter() - began) / 1000
    assert heard.text == ""
    assert a_chunk < 50e-6, f"{a_chunk * 1e6:.1f} µs"


def test_every_event_and_field_says_what_it_is():
    assert all(help.endswith(".") for _, help in EVENTS.values())
    assert all(help for _, help in FIELDS.values())
