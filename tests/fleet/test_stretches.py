"""What is clean was judged too, and the rows that prove it: one for each stretch of a partition between two commits."""

import asyncio
import sys
from hashlib import blake2b
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from test_catching_up import Screening

from streams.errors import Unavailable
from streams.topics import OBSERVATIONS, VIEWS, Record, value_of


class Away(Unavailable):
    pass


@pytest.fixture
def screening(stack):
    return Screening(stack.redis)


def proofs(at):
    rows = [row for one in at.topics.records.get(VIEWS, []) for row in value_of(one).rows]
    return [row for table, row in rows if table == "judged"]


def expected(records):
    ids = "".join(f"j{one.offset}\n" for one in records)
    digest = blake2b(ids.encode(), digest_size=12).hexdigest()
    return {"first": records[0].offset, "last": records[-1].offset, "count": len(records), "digest": digest}


def test_batches_between_two_commits_leave_one_row(screening):
    async def run():
        async with screening as at:
            said = [at.joins(who) for who in "abcdef"]
            await at.host.handle([said[:2]])
            await at.host.handle([said[2:4]])
            assert proofs(at) == []
            await at.host.settle()
            await at.host.settle()
            assert proofs(at) == [expected(said[:4])]
            await at.host.handle([said[4:]])
            await at.host.settle()
            assert proofs(at)[1:] == [expected(said[4:])]
            assert {one.key for one in at.topics.records[VIEWS]} == {said[0].key}

    asyncio.run(run())


def test_what_was_saved_and_not_proven_is_proven_by_the_next_owner(screening):
    async def run():
        async with screening as at:
            said = [at.joins(who) for who in "abc"]
            await at.host.handle([said[:2]])
            again = [Record(one.topic, one.key, one.value, one.offset, one.appended_at, partition=3) for one in said]
            other = at.another()
            await other.handle([again])
            await other.settle()
            assert proofs(at) == [expected(said)]

    asyncio.run(run())


def test_a_proof_that_kafka_did_not_take_goes_out_at_the_next_commit(screening):
    async def run():
        async with screening as at:
            said = [at.joins(who) for who in "ab"]
            await at.host.handle([said])
            publish = at.topics.publish

            async def refuse(records):
                raise Away

            at.topics.publish = refuse
            with pytest.raises(Away):
                await at.host.settle()
            at.topics.publish = publish
            await at.host.settle()
            assert proofs(at) == [expected(said)]

    asyncio.run(run())


def test_what_cannot_be_used_does_not_count(screening, monkeypatch):
    async def run():
        async with screening as at:
            good, broken = at.joins("a"), at.joins("b")
            bad = Record(OBSERVATIONS, good.key, b"{", next(at.offsets), good.appended_at, partition=3)
            judge = at.host.agent._judge_one

            def breaks(effects, record, *others):
                if record is broken:
                    raise ZeroDivisionError
                judge(effects, record, *others)

            monkeypatch.setattr(at.host.agent, "_judge_one", breaks)
            await at.host.handle([[good, broken, bad]])
            await at.host.settle()
            assert proofs(at) == [{**expected([good]), "last": bad.offset}]

    asyncio.run(run())


def test_nothing_is_left_of_partitions_that_were_given_away(screening):
    async def run():
        async with screening as at:
            await at.host.handle([[at.joins("a")]])
            at.host.forget()
            await at.host.settle()
            assert proofs(at) == []

    asyncio.run(run())
