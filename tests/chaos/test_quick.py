"""Quick rules are the rules: what changes is how far they look back, how long they wait, and ages."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from quick import quicken, quickened

RULES = Path(__file__).resolve().parents[2] / "deploy" / "prometheus" / "rules"
# Every number of seconds in the rules, and what it becomes.
AGES = {"300": "5", "600": "10", "1800": "30", "3600": "60", "86400": "1440", "259200": "4320"}


def _rule(expression, group="xunqun_found", **more):
    made = quickened({"groups": [{"name": group, "rules": [{"alert": "A", "expr": expression, **more}]}]})
    return made["groups"][0]["rules"][0]


@pytest.mark.parametrize(
    ("expression", "quick"),
    [
        ("rate(a_total[5m]) * 300 > 5", "rate(a_total[5000ms]) * 5 > 5"),
        ("a:b:rate1d offset 1h == 0", "a:b:rate1d offset 60000ms == 0"),
        ('a_bucket{le="60.0"} < 14.4', 'a_bucket{le="60.0"} < 14.4'),
        ("a > 10000 or a > 1073741824", "a > 10000 or a > 1073741824"),
        ("a > 86400 or a > 259200", "a > 1440 or a > 4320"),
    ],
)
def test_times_are_shorter_and_counts_stay(expression, quick):
    assert _rule(expression)["expr"] == quick


def test_what_has_to_hold_and_how_often_is_asked_are_shorter_too():
    assert _rule("a > 1", **{"for": "10m", "keep_firing_for": "5m"}) == {
        "alert": "A", "expr": "a > 1", "for": "10000ms", "keep_firing_for": "5000ms"
    }  # fmt: skip
    assert quickened({"groups": [{"name": "g", "interval": "1m", "rules": []}]})["groups"][0]["interval"] == "1000ms"


def test_times_of_the_product_itself_stay():
    assert _rule("time() - a > 120", "xunqun_processes", **{"for": "1m"}) == {
        "alert": "A", "expr": "time() - a > 120", "for": "1000ms"
    }  # fmt: skip


def test_no_count_in_the_rules_is_taken_for_a_time():
    changed = set()
    for path in RULES.glob("*.yml"):
        rules = yaml.safe_load(path.read_text("utf-8"))
        for group, quick in zip(rules["groups"], quickened(rules)["groups"], strict=True):
            for one, other in zip(group["rules"], quick["rules"], strict=True):
                numbers = [re.findall(r"(?<![\w.:\"\[])\d+(?![\w.:\"])", rule["expr"]) for rule in (one, other)]
                changed |= {pair for pair in zip(*numbers, strict=True) if pair[0] != pair[1]}
    assert changed == set(AGES.items())


def test_a_prometheus_takes_them(tmp_path):
    settings = tmp_path / "prometheus.yml"
    settings.write_text(
        f"global: {{scrape_interval: 5s, evaluation_interval: 5s}}\nrule_files: [{RULES}/*.yml]\n", "utf-8"
    )
    quicken(RULES, settings)
    done = subprocess.run(["promtool", "check", "config", settings], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS: 2 rule files found" in done.stdout
    assert settings.read_text("utf-8").count("interval: 1s") == 2
