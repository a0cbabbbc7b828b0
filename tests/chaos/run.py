"""All runs, one after the other, on a stack of their own: `make chaos`. Writes the table of docs/reliability.md with --table.

python tests/chaos/run.py [NAME ...] [--rate 500] [--seconds 40] [--stack DIR] [--table]
"""

import argparse
import asyncio
import importlib.util
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any
from uuid import uuid4

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from faults import RUNS  # noqa: E402
from field import Result  # noqa: E402


async def one(name: str, stack: Any, folder: Path, rate: int, seconds: float) -> Result:
    """One run with its fault. What keeps it from its end is wrong too."""
    fault, workers, scene = RUNS[name]
    field = scene(stack, folder / name, f"{name}-{uuid4().hex[:6]}-", rate=rate, seconds=seconds)
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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*RUNS, []], metavar="NAME")
    parser.add_argument("--rate", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--stack", type=Path, help="a folder in which the stack runs already, or is to run and stay")
    given = parser.parse_args()
    folder = given.stack or Path(tempfile.mkdtemp(prefix="xunqun-chaos-"))
    folder.chmod(0o755)
    stack = local_stack().Stack(folder, folder / "jars" if given.stack else Path.home() / ".cache" / "xunqun" / "jars")
    failed = 0
    try:
        stack.up(free_ports=True)
        for name in given.names or RUNS:
            began = time.monotonic()
            result = asyncio.run(
                one(name, stack, Path(tempfile.mkdtemp(prefix="xunqun-field-")), given.rate, given.seconds)
            )
            failed += bool(result.wrong)
            told = (
                f"{result.observations} observations",
                f"{result.after_fault} after the fault",
                f"{result.violations} violations",
                f"{result.strikes} strikes",
                f"{result.sanctions} sanctions",
                f"{result.published_twice} verdicts published twice",
                f"worked off {result.recovered_seconds} s after it was over",
                f"{time.monotonic() - began:.0f} s in all",
                result.proof,
            )
            print(f"{'FAILED' if result.wrong else 'ok':6} {name:16} {', '.join(told)}", flush=True)
            for wrong in result.wrong:
                print(f"       {wrong}", flush=True)
    finally:
        if given.stack is None:
            stack.down(wipe=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
