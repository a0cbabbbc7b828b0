"""The rules of the fleet with an hour in a minute, so that an alert that looks back over a day can be seen to fire and to clear.

Expressions, counts and shares stay. Shorter are how far back is looked, how long something has to hold, and ages in seconds; the
last not where processes are watched, for there they are times of the product itself (a tick, a round of an agent).
"""

import re
from pathlib import Path
from typing import Any

import yaml

# So many times shorter.
PACE = 60
_MILLISECONDS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_BACK = re.compile(r"(?<=\[)\d+[smhdw](?=\])|(?<=\boffset )\d+[smhdw]\b")
# Times in rules are whole minutes, and no count is: tests/chaos/test_quick.py holds that.
_NUMBER = re.compile(r"(?<![\w.:\"])\d+(?![\w.:\"])")
_PRODUCT = "xunqun_processes"


def quickened(rules: dict[str, Any]) -> dict[str, Any]:
    """The groups of a file of rules, made quick."""
    return {"groups": [_group(one) for one in rules["groups"]]}


def quicken(rules: Path, settings: Path) -> None:
    """Let a Prometheus with these settings look every second, at quick copies of these rules. They lie beside the settings."""
    folder = settings.parent / "quick"
    folder.mkdir(exist_ok=True)
    for path in rules.glob("*.yml"):
        text = yaml.safe_dump(quickened(yaml.safe_load(path.read_text("utf-8"))), allow_unicode=True, sort_keys=False)
        (folder / path.name).write_text(text, "utf-8")
    told = settings.read_text("utf-8").replace(f"{rules}/", f"{folder}/").replace("interval: 5s", "interval: 1s")
    settings.write_text(told, "utf-8")


def _group(group: dict[str, Any]) -> dict[str, Any]:
    made = {**group, "rules": [_rule(one, ages=group["name"] != _PRODUCT) for one in group["rules"]]}
    return {**made, "interval": _shorter(group["interval"])} if "interval" in group else made


def _rule(rule: dict[str, Any], *, ages: bool) -> dict[str, Any]:
    asked = _BACK.sub(lambda found: _shorter(found[0]), rule["expr"])
    asked = _NUMBER.sub(_fewer, asked) if ages else asked
    return {**rule, "expr": asked} | {name: _shorter(rule[name]) for name in ("for", "keep_firing_for") if name in rule}


def _shorter(duration: str) -> str:
    return f"{int(duration[:-1]) * _MILLISECONDS[duration[-1]] // PACE}ms"


def _fewer(number: re.Match[str]) -> str:
    seconds = int(number[0])
    return str(seconds // PACE) if seconds % 60 == 0 and seconds else number[0]
