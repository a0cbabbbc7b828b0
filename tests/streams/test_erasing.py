"""Rows without a person: what goes, and what stays of others."""

import sqlite3
import stat
from contextlib import closing

import msgspec
import pytest
import sqlalchemy as sa

from streams import erasures
from streams.cases.erasing import GONE, Who, scrub, scrub_verdict
from streams.cases.tables import violations
from streams.errors import LoadError
from streams.store import SCHEMA_VERSION, Store
from streams.topics import Erasure

WHO = Who.of({"subject": "u1", "accounts": ("webhook:2100000001", "wecom:chen"), "names": ("陈志强",), "shared": ()})


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("u1", "erased"),
        ("webhook:2100000001", "erased"),
        ("2100000001", "erased"),
        ("陈志强您好：请勿发红包", f"{GONE}您好：请勿发红包"),
        ("@chen 收到，chen2 与 chenwei 没有", f"@{GONE} 收到，chen2 与 chenwei 没有"),
        ("请webhook:2100000001核实", f"请{GONE}核实"),
        ("u1和u12", f"{GONE}和u12"),
        ("何平您好", "何平您好"),
        ("", ""),
    ],
)
def test_a_text_loses_names_and_whole_ids(text, left):
    assert scrub(text, WHO) == left


def test_a_small_number_is_no_id_within_a_text():
    who = Who.of({"subject": "12", "accounts": ("webhook:7",), "names": ("强",), "shared": ()})
    assert scrub(["12", "7", "第12条，连发7条，强制"], who) == ["erased", "erased", "第12条，连发7条，强制"]


def test_groups_clauses_and_deciders_are_nobody_even_where_they_are_written_alike():
    body = {"group_id": "u1", "clause": "u1", "pack": "u1", "by": "陈志强", "approved_by": "u1", "reason": "陈志强"}
    assert scrub(body, WHO) == {**body, "reason": GONE}


def test_a_subject_with_the_same_number_on_another_platform_is_somebody_else():
    body = [{"subject": {"kind": "member", "id": "2100000001"}}, {"subject": "onebot11:2100000001"}]
    assert scrub(body, WHO) == body


def a_violation(subject, explanation="发了红包", matched="#a1b2"):
    item = {"signal": "keywords", "category": "ads", "span": [0, 2], "matched": matched, "why": "“红包”"}
    return {
        "id": f"v_{subject}",
        "subject": {"kind": "member", "id": subject},
        "explanation": explanation,
        "evidence": [item],
    }


def test_of_several_subjects_only_the_erased_one_goes():
    verdict = {
        "platform": "webhook", "sender": "2100000001", "account": "bot", "native_id": "77", "observation_id": "m1",
        "violations": [a_violation("u1", "陈志强发了红包"), a_violation("u2", "回应了陈志强，未经同意")],
        "uncertain": [a_violation("webhook:2100000001")],
    }  # fmt: skip
    found = scrub_verdict(verdict, WHO)
    assert [one["subject"]["id"] for one in (*found["violations"], *found["uncertain"])] == ["erased", "u2", "erased"]
    assert [one["explanation"] for one in found["violations"]] == [f"{GONE}发了红包", f"回应了{GONE}，未经同意"]
    assert (found["sender"], found["account"], found["native_id"], found["observation_id"]) == (None, None, None, "m1")
    assert found["violations"][0]["evidence"] == [{"signal": "keywords", "category": "ads", "why": "“红包”"}]
    # No false accusation of the other is left unexplained.
    assert found["violations"][1]["evidence"] == verdict["violations"][1]["evidence"]
    assert scrub_verdict(found, WHO) == found


def test_who_wrote_a_message_stays_where_it_is_somebody_else():
    verdict = {
        "platform": "webhook",
        "sender": "2100000002",
        "account": "bot",
        "native_id": "77",
        "violations": [],
        "uncertain": [],
    }
    assert scrub_verdict(verdict, WHO) == verdict


# who was erased


def an_erasure(number, at):
    return Erasure(
        id=f"e_{number}", subject=f"u{number}", accounts=(), names=(), by="林晓梅", reason="本人申请", erased_at=at
    )


def test_erasures_are_kept_for_their_owner_and_given_from_a_time_on(tmp_path):
    folder = tmp_path / "keys"
    for number in (1, 2, 3):
        erasures.remember(folder, an_erasure(number, number * 10))
    assert [one.id for one in erasures.since(folder, 20)] == ["e_2", "e_3"]
    assert erasures.since(folder, 31) == []
    assert stat.S_IMODE((folder / "erased.jsonl").stat().st_mode) == 0o600


def test_a_line_that_a_crash_cut_short_takes_no_other_with_it(tmp_path):
    erasures.remember(tmp_path, an_erasure(1, 10))
    with (tmp_path / "erased.jsonl").open("ab") as file:
        file.write(b'{"id":"e_2","subj')
    erasures.remember(tmp_path, an_erasure(3, 30))
    assert [one.id for one in erasures.since(tmp_path, 0)] == ["e_1", "e_3"]


def test_nobody_was_erased_where_there_is_no_file_and_a_folder_that_cannot_be_used_is_told(tmp_path):
    assert erasures.since(tmp_path / "none", 0) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(LoadError, match=r"erased\.jsonl cannot be written"):
        erasures.remember(tmp_path / "file", an_erasure(1, 1))


# older files


def test_a_file_of_the_version_before_knows_whom_its_violations_are_about(a_house):
    house = a_house()
    house.say(text="我的微信 abc，恭喜发财", kind="red_packet")
    house.say(by="stranger", kind="transfer", text="请收款")
    before = msgspec.to_builtins(rows_of(house.store))
    assert {one for *_, one in before} >= {"u1", "webhook:a1", "webhook:stranger"}
    house.store.close()
    with sqlite3.connect(house.path) as old:
        old.execute("DROP INDEX ix_violations_subject")
        old.execute("ALTER TABLE violations DROP COLUMN subject")
        old.execute("PRAGMA user_version=3")
    old.close()
    with closing(Store(house.path)) as again:
        assert again.connection.exec_driver_sql("PRAGMA user_version").scalar() == SCHEMA_VERSION
        assert msgspec.to_builtins(rows_of(again)) == before
        names = {one["name"] for one in sa.inspect(again.connection).get_indexes("violations")}
        assert names == {"ix_violations_subject"}
    house.store = Store(house.path)


def rows_of(store):
    query = sa.select(violations.c.id, violations.c.clause, violations.c.subject).order_by(violations.c.id)
    return [tuple(row) for row in store.connection.execute(query)]
