"""What people call at a shell, on the database of a fleet that runs; and that database built again."""

import time

import pytest
from running_fleet import ADVERT, NUMBER, Called, RunningFleet

from streams.cli import people
from streams.fleet.rebuild import REBUILT

TABLES = (*REBUILT, "decisions", "appeals", "outbox", "unmeasured")


def asked(fleet, xunqun, said):
    """The open review on a message."""
    found = fleet.until(
        lambda: [one for one in xunqun.json("review", "list") if one.get("observation_id") == said], "a person is asked"
    )
    return found[0]


def sanctions(fleet):
    return fleet.rows("SELECT id, subject, kind FROM sanctions")


def test_a_decision_is_published_and_acted_on(fleet, xunqun):
    review = asked(fleet, xunqun, fleet.say(NUMBER, by="decided"))
    assert sanctions(fleet) == []
    code, out, err = xunqun("review", "decide", review["id"], "uphold", "--by", "林晓梅", "--reason", "属实")
    assert code == 0, err
    assert "it is published, and the workers act on it" in out
    assert fleet.rows("SELECT * FROM outgoing") == []
    found = fleet.until(lambda: sanctions(fleet), "the sanction is entered")
    assert [(subject, kind) for _, subject, kind in found] == [("webhook:decided", "remind")]
    assert review["id"] not in [one["id"] for one in xunqun.json("review", "list")]
    assert xunqun.json("review", "show", review["id"])["status"] == "decided"


def test_an_appeal_reaches_the_queue(fleet, xunqun):
    fleet.say(ADVERT, by="appealing", group="g2")
    (sanction,) = fleet.until(
        lambda: fleet.rows("SELECT id FROM sanctions WHERE subject = 'webhook:appealing'"), "the sanction is entered"
    )
    code, out, err = xunqun("appeal", sanction[0], "--by", "陈思远", "--text", "我在问供应商")
    assert code == 0, err
    assert "it is published" in out
    fleet.until(lambda: xunqun.json("review", "list", "--kind", "appeal"), "the appeal waits for a person")


def test_a_pause_holds_the_fleet_and_a_resume_lets_it_go(fleet, xunqun):
    assert xunqun("pause", "--group", "g9", "--by", "林晓梅")[0] == 0
    assert ("group:g9", "林晓梅") in fleet.rows("SELECT scope, by FROM pauses")
    assert xunqun("resume", "--group", "g9", "--by", "林晓梅")[0] == 0
    assert "group:g9" not in [scope for (scope,) in fleet.rows("SELECT scope FROM pauses")]
    code, _, err = xunqun("resume", "--group", "g9", "--by", "林晓梅")
    assert (code, err) == (2, "xunqun: group:g9 is not paused\n")


def test_a_folder_that_is_named_wins_over_the_database(fleet, xunqun, tmp_path):
    code, _, err = xunqun("review", "list", "--dir", tmp_path)
    assert code == 2
    assert "name the folder that `xunqun run` uses with --dir" in err


@pytest.mark.parametrize("command", ["review", "deadletters", "pause", "resume", "approvals", "appeal"])
def test_help_says_first_which_store_is_used(xunqun, command):
    _, out, _ = xunqun(command, "--help")
    assert "Uses PostgreSQL where XUNQUN_DATABASE is set" in " ".join(out.split())


# the database built again


def settled(fleet):
    """The tables, once nothing of them changes any more."""
    before, since = fleet.dump(TABLES), time.monotonic()
    while time.monotonic() < since + 1.2:
        time.sleep(0.3)
        now = fleet.dump(TABLES)
        if now != before:
            before, since = now, time.monotonic()
    return before


def test_a_rebuild_gives_the_same_tables_and_pauses_what_goes_out(fleet, xunqun):
    taken_back = asked(fleet, xunqun, fleet.say(NUMBER, by="recalling"))
    fleet.say("", by="recalling", type="message.recalled", recall_of={"id": taken_back["observation_id"]})
    fleet.until(
        lambda: xunqun.json("review", "show", taken_back["id"])["status"] == "withdrawn", "nobody is asked any more"
    )
    settled_on = [asked(fleet, xunqun, fleet.say(NUMBER, by=f"m{number}")) for number in range(2)]
    for review, outcome in zip(settled_on, ("uphold", "overturn"), strict=True):
        assert xunqun("review", "decide", review["id"], outcome, "--by", "林晓梅")[0] == 0
    fleet.say("明天八点开会", by="m1", group="g3")
    before = settled(fleet)
    assert all(before[one] for one in ("verdicts", "violations", "sanctions", "reviews", "evidence", "groups_seen"))

    told = xunqun.json("cases", "rebuild", "--dry-run")
    assert {one["table"]: (one["written"], one["removed"]) for one in told["tables"]} == dict.fromkeys(
        (*REBUILT, "appeals", "decisions"), (0, 0)
    )
    assert {one["table"]: one["made"] for one in told["tables"]}["verdicts"] == len(before["verdicts"])
    assert fleet.rows("SELECT * FROM pauses WHERE scope = 'all'") == []

    # Everything that follows from the topics is lost or wrong; what was never in them stays.
    kept = fleet.rows("SELECT * FROM evidence WHERE starts_with(violation_id, 'p_')")
    assert kept
    for table in ("verdicts", "violations", "sanctions", "tasks", "judged", "groups_seen"):
        fleet.write(f"DELETE FROM {table}")
    fleet.write("DELETE FROM evidence WHERE NOT starts_with(violation_id, 'p_')")
    fleet.write("DELETE FROM decisions")
    fleet.write("UPDATE reviews SET status = 'open'")
    fleet.write("INSERT INTO sanctions VALUES ('s_made_up', 'g1', 'webhook:m1', 'warn', 1, 999999, '{}'::bytea)")
    code, out, err = xunqun("cases", "rebuild")
    assert code == 0, err
    assert "outgoing actions are paused until a person looks at what is planned" in out
    after = settled(fleet)
    assert after == before
    assert fleet.rows("SELECT by FROM pauses WHERE scope = 'all'") == [("restore",)]
    assert xunqun("resume", "--all", "--by", "林晓梅")[0] == 0


def test_a_rebuild_beside_workers_that_write_loses_nothing(fleet, xunqun):
    said = [fleet.say(ADVERT, by=f"busy{number}", group=f"busy{number % 5}") for number in range(40)]
    assert xunqun("cases", "rebuild")[0] == 0
    said += [fleet.say(ADVERT, by=f"late{number}", group=f"busy{number % 5}") for number in range(5)]
    fleet.until(
        lambda: len(fleet.rows("SELECT id FROM violations WHERE id = ANY(:ids)", ids=said)) == len(said),
        "every verdict is entered",
    )
    before = settled(fleet)
    assert xunqun("cases", "rebuild")[0] == 0
    assert settled(fleet) == before
    assert xunqun("resume", "--all", "--by", "林晓梅")[0] == 0


def test_what_kafka_has_removed_stays(fleet, xunqun):
    """Rows that are older than the topics cannot be built again."""
    from aiokafka.admin import AIOKafkaAdminClient
    from aiokafka.admin.records_to_delete import RecordsToDelete
    from aiokafka.structs import TopicPartition

    from streams.topics import ACTIONS, DEAD_LETTERS, JUDGEMENTS, VIEWS

    before = settled(fleet)

    async def remove() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=fleet.kafka.brokers)
        await admin.start()
        try:
            await admin.delete_records(
                {
                    TopicPartition(fleet.kafka.named(topic), partition): RecordsToDelete(before_offset=-1)
                    for topic in (ACTIONS, DEAD_LETTERS, JUDGEMENTS, VIEWS)
                    for partition in range(2)
                }
            )
        finally:
            await admin.close()

    fleet.wait_for(remove())
    assert xunqun("cases", "rebuild")[0] == 0
    assert settled(fleet) == before


def test_the_schema_is_checked_upgraded_and_paused_after_a_restore(stack, tmp_path, capsys, monkeypatch):
    empty = RunningFleet(stack, tmp_path)
    try:
        xunqun = Called(empty, capsys, monkeypatch)
        code, _, err = xunqun("cases", "check")
        assert code == 1
        assert "call `xunqun cases upgrade`" in err
        assert xunqun("review", "list")[0] == 1
        code, out, err = xunqun("cases", "upgrade", "--restored")
        assert code == 0, err
        assert "the schema is current now" in out
        assert "paused until a person" in out
        assert empty.rows("SELECT scope, by FROM pauses") == [("all", "restore")]
        code, out, _ = xunqun("cases", "check")
        assert (code, out) == (0, "the schema is current\n")
    finally:
        empty.close()


def test_without_a_worker_the_decision_is_kept_and_that_is_said(fleet, xunqun, monkeypatch):
    """The last test of this file: the worker has ended."""
    monkeypatch.setattr(people, "_PUBLISHED_SECONDS", 0.3)
    review = asked(fleet, xunqun, fleet.say(NUMBER, by="unheard"))
    assert fleet.stop() == 0
    code, out, err = xunqun("review", "decide", review["id"], "uphold", "--by", "林晓梅")
    assert code == 0, err
    assert "takes effect when a worker with the role dispatch runs" in out
    assert len(fleet.rows("SELECT * FROM outgoing")) == 1
