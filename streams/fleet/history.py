"""A fleet's history for a backtest: its observations as they were appended, and what is in force by announcement."""

import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import structs

from streams.backtest.history import from_topic
from streams.backtest.sides import Side, in_force
from streams.fleet.control import Announcement, Editions, parts_from, weights
from streams.fleet.kafka import CONTROL, Kafka, read_in_parts, read_whole
from streams.settings import Settings
from streams.topics import OBSERVATIONS


async def read_history(kafka: Kafka, folder: Path) -> Path:
    """Write the observations that the topic holds now into one file, in the order of their append times."""
    return await from_topic(read_in_parts(kafka, OBSERVATIONS), folder)


async def announced_side(
    kafka: Kafka, settings: Settings, packs: Sequence[Path], folder: Path
) -> tuple[Side, Path | None]:
    """What is in force in the fleet now, and its fleet file where one was announced; files are put into `folder`."""
    side, fleet = structs.replace(in_force(settings), model=weights(settings.model)), None
    editions = Editions.begin(parts_from(settings))
    now = time.time_ns() // 1_000_000
    for record in await read_whole(kafka, CONTROL):
        if editions.announce(record) is not None or editions.kept[-1].effective_from > now:
            continue
        told = msgspec.json.decode(record.value, type=Announcement)
        place = folder / f"control-{record.offset}"
        place.mkdir()
        for name, text in told.texts.items():
            (place / Path(name).name).write_text(text, "utf-8")
        if told.kind == "pack":
            side = structs.replace(side, packs=(*side.packs, str(place)))
        elif told.kind == "lists":
            side = structs.replace(side, lists=(str(place),))
        elif told.kind == "model":
            side = structs.replace(side, model=weights(told.model))
        elif told.kind == "fleet":
            (fleet,) = place.iterdir()
    return structs.replace(side, packs=(*side.packs, *map(str, packs))), fleet
