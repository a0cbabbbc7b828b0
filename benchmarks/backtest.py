"""Messages a second of a backtest, both sides at once, and of a replay of the same history by one side.

    python benchmarks/backtest.py [--data DIR] [--sources qqgroup,...] [--messages 100000] [--pack xianchuang] [--json]

The history is that of `real_input.py`; the change is one word more in a list of the tenant. No text is printed. The slower of
both sides counts, with loading, comparing and looking examples up. Where others use the machine, compare CPU seconds. Memory is
the resident peak of this process and of the other.
"""

import json
import resource
import tempfile
import time
from pathlib import Path

from real_input import arguments, fleet, observations, texts

from streams.backtest.history import Lines, write_down
from streams.backtest.run import Question, backtest, judge
from streams.backtest.sides import Side, load


def measured(words: list[str], messages: int, pack: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="xunqun-benchmark-") as name:
        folder = Path(name)
        lists = folder / "lists"
        lists.mkdir()
        (lists / "ads.yaml").write_text("category: ads\nwhy: 测试\nstrong: [样机到了]\n", "utf-8")
        who = fleet(pack)
        write_down(observations(words, messages), folder / "history.jsonl")
        lines = Lines(files=(str(folder / "history.jsonl"),))
        began, cpu = time.perf_counter(), _cpu()
        judge(load(Side(), who), who, lines.read(), folder / "one.db", None)
        alone, alone_cpu = time.perf_counter() - began, _cpu() - cpu
        began, cpu = time.perf_counter(), _cpu()
        found = backtest(Question(old=Side(), new=Side(lists=(str(lists),)), lines=lines, fleet=who))
        both, both_cpu = time.perf_counter() - began, _cpu() - cpu
        return {
            "messages": messages,
            "one_side_per_second": round(messages / alone),
            "backtest_per_second": round(messages / both),
            "seconds": round(both, 1),
            "one_side_cpu_seconds": round(alone_cpu, 1),
            "backtest_cpu_seconds": round(both_cpu, 1),
            "findings": found.compared.total.new,
            "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            "peak_other_mb": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024),
        }


def _cpu() -> float:
    """CPU seconds of this process and of those that it has ended."""
    own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


def main() -> None:
    parser = arguments(__doc__)
    given = parser.parse_args()
    found = measured(texts(given.data, given.sources.split(",")), given.messages, given.pack)
    if given.json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(f"{name:>22}  {value:,}")


if __name__ == "__main__":
    main()
