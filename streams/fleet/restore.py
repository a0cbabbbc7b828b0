"""Fills an empty Redis again from the compacted topics, before anybody goes on."""

from collections.abc import Iterable
from contextlib import aclosing

import msgspec

from streams.fleet.hosts import Kept
from streams.fleet.kafka import GROUP_STATE, LEDGER, Kafka, read_in_parts
from streams.ledger import RedisStates, Row
from streams.topics import Record

_KEPT = msgspec.json.Decoder(Kept)


async def restore(states: RedisStates, kafka: Kafka) -> int:
    """Let one worker rebuild, all others wait; how often a state was written. A new fleet begins with none."""
    rebuild = await states.begin_rebuild()
    if rebuild is None:
        return 0
    async with rebuild:
        written = 0
        for topic in (LEDGER, GROUP_STATE):
            async with aclosing(read_in_parts(kafka, topic)) as parts:
                async for some in parts:
                    # What an earlier part has written gives way to a higher version only.
                    written += await rebuild.write(newest(some))
        await rebuild.finish()
        return written


def newest(records: Iterable[Record]) -> list[Row]:
    """The highest version of each state: what one worker published late must not undo what another saved since."""
    found: dict[tuple[str, str], Row] = {}
    for record in records:
        if not record.value:
            continue
        kept = _KEPT.decode(record.value)
        known = found.get((kept.agent, record.key))
        if known is None or kept.version > known.version:
            found[kept.agent, record.key] = Row(
                kept.agent,
                record.key,
                kept.version,
                bytes(kept.value),
                kept.applied,
                kept.next_due,
                kept.partition,
            )
    return list(found.values())
