"""A fleet that loses parts under load comes to the same verdicts, strikes and sanctions as a replay of what it was sent.

500 observations a second for 40 s, the fault after 35 % of them. `make chaos` has all runs; these are the ones that
found most. Each takes a little more than a minute.
"""

from pathlib import Path

import pytest
from faults import RUNS, kill_worker
from field import Field

BROKEN = Path(__file__).with_name("broken_worker.py")


@pytest.mark.parametrize(
    "name", ["kill-worker", "hanging-worker", "second-worker", "broker-away", "redis-empty", "poison"]
)
async def test_the_answer_is_that_of_a_replay(stack, topic_prefix, tmp_path, name):
    fault, workers, scene = RUNS[name]
    field = scene(stack, tmp_path, topic_prefix)
    await field.prepare()
    try:
        for worker, roles in workers.items():
            await field.start(worker, roles)
        await field.working()
        result = await field.run(fault)
    finally:
        await field.close()
    print(f"{name}: {result}")
    assert result.wrong == []
    assert result.after_fault >= 0.2 * result.observations
    assert result.strikes > 100


async def test_a_worker_that_acknowledges_before_the_effect_is_found_out(stack, topic_prefix, tmp_path):
    """Without this, the runs above could be blind."""
    field = Field(stack, tmp_path, topic_prefix, seconds=20.0, program=BROKEN)
    await field.prepare()
    try:
        await field.start("w1")
        await field.working()
        result = await field.run(kill_worker)
    finally:
        await field.close()
    assert result.wrong != []
