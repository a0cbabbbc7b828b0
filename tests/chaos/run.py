"""All runs, one after the other, on a stack of their own: `make chaos`. Writes the table of docs/reliability.md with --table.

python tests/chaos/run.py [NAME ...] [--rate 500] [--seconds 40] [--stack DIR] [--table FILE] [--program FILE]
"""

import argparse
import asyncio
import importlib.util
import os
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from faults import RUNS  # noqa: E402
from field import Result  # noqa: E402


async def one(name: str, stack: Any, folder: Path, rate: int, seconds: float, program: Path | None = None) -> Result:
    """One run with its fault. What keeps it from its end is wrong too."""
    fault, workers, scene = RUNS[name]
    given = {"program": program} if program else {}
    field = scene(stack, folder / name, f"{name}-{uuid4().hex[:6]}-", rate=rate, seconds=seconds, **given)
    result = Result(name)
    await field.prepare()
    try:
        await asyncio.gather(*(field.start(worker, roles) for worker, roles in workers.items()))
        await field.working()
        result = await field.run(fault)
        result.name = name
    except Exception as error:
        result.wrong.append(f"{type(error).__name__}: {error}")
        traceback.print_exc()
    finally:
        await field.close()
    return result


def local_stack() -> Any:
    path = HERE.parents[1] / "deploy" / "local" / "stack.py"
    spec = importlib.util.spec_from_file_location("local_stack", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def told(result: Result, seconds: float) -> str:
    """A run in a line, and a line for everything that is wrong."""
    parts = (
        f"{result.observations} observations",
        f"{result.after_fault} after the fault",
        f"{result.violations} violations",
        f"{result.strikes} strikes",
        f"{result.sanctions} sanctions",
        f"{result.published_twice} verdicts published twice",
        f"worked off {result.recovered_seconds} s after it was over",
        f"{seconds:.0f} s in all",
        result.proof,
    )
    line = f"{'FAILED' if result.wrong else 'ok':6} {result.name:20} {', '.join(parts)}"
    return "\n".join([line, *(f"       {wrong}" for wrong in result.wrong)])


def as_markdown(results: Sequence[Result]) -> str:
    """The table of docs/reliability.md."""
    head = (
        "run",
        "what strikes",
        "observations (after it)",
        "violations",
        "strikes",
        "sanctions",
        "twice",
        "worked off",
        "proof",
        "",
    )
    rows = [
        (
            f"`{one.name}`",
            (RUNS[one.name].fault.__doc__ or "").partition("\n")[0].rstrip("."),
            f"{one.observations:,} ({one.after_fault:,})",
            f"{one.violations:,}",
            f"{one.strikes:,}",
            f"{one.sanctions:,}",
            f"{one.published_twice:,}",
            f"{one.recovered_seconds} s",
            one.proof.replace("|", "/"),
            "failed: " + "; ".join(one.wrong).replace("|", "/") if one.wrong else "passed",
        )
        for one in results
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, ("---",) * len(head), *rows))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*RUNS, []], metavar="NAME")
    parser.add_argument("--rate", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--stack", type=Path, help="a folder in which the stack runs already, or is to run and stay")
    parser.add_argument("--table", type=Path, help="write the results as a Markdown table to this file")
    parser.add_argument(
        "--program", type=Path, help="what a worker runs instead of the product: a script with a mistake"
    )
    given = parser.parse_args()
    folder = given.stack or Path(tempfile.mkdtemp(prefix="xunqun-chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    # Kafka's jars are kept from one run to the next.
    kept = Path(os.environ.get("XUNQUN_JARS") or Path.home() / ".cache" / "xunqun" / "jars")
    jars = folder / "jars" if given.stack else kept
    stack = local_stack().Stack(folder, jars)
    results: list[Result] = []
    try:
        stack.up(free_ports=True)
        for name in given.names or RUNS:
            began = time.monotonic()
            field = Path(tempfile.mkdtemp(prefix="xunqun-field-"))
            results.append(asyncio.run(one(name, stack, field, given.rate, given.seconds, given.program)))
            print(told(results[-1], time.monotonic() - began), flush=True)
            # What a failed run left behind is what its reason is found in.
            if not results[-1].wrong:
                shutil.rmtree(field, ignore_errors=True)
            if given.table:
                given.table.write_text(as_markdown(results), "utf-8")
    finally:
        if given.stack is None:
            stack.down(wipe=True)
            shutil.rmtree(folder, ignore_errors=True)
    print(as_markdown(results))
    return 1 if any(one.wrong for one in results) else 0


if __name__ == "__main__":
    sys.exit(main())
