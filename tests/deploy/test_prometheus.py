"""Rules, alerts and their pages hold together, and a real Prometheus takes them."""

import json
import os
import re
import shlex
import signal
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any

import click
import pytest
import typer
import yaml

from streams.cli import app
from streams.metrics import DECLARED, Metrics, declared

ROOT = Path(__file__).resolve().parents[2]
# Built once: it takes a tenth of a second.
COMMAND: click.Command = typer.main.get_command(app)
FOLDER = ROOT / "deploy" / "prometheus"
RULES = sorted((FOLDER / "rules").glob("*.yml"))
CASES = sorted((FOLDER / "tests").glob("*.yml"))
RUNBOOKS = ROOT / "docs" / "runbooks"
SECONDS = 120.0

# What a file of `XUNQUN_TARGETS` and Prometheus itself add to every sample.
TARGET = {"job": {"xunqun"}, "role": {"worker", "ingest", "run"}, "instance": None}
# What the database knows, so that every process shows the same number.
OF_THE_DATABASE = {
    "xunqun_outbox_open",
    "xunqun_outbox_oldest_seconds",
    "xunqun_paused",
    "xunqun_brakes",
    "xunqun_reviews_open",
    "xunqun_reviews_oldest_seconds",
    "xunqun_groups_due",
    "xunqun_tick_timestamp_seconds",
    "xunqun_groups",
    "xunqun_unknown_groups",
}
# The values that a label may have, by metric; None where an installation names them.
VALUES: dict[tuple[str, str], frozenset[str] | None] = {
    ("xunqun_observations_total", "type"): declared.OBSERVATION_TYPES,
    ("xunqun_dead_letters_total", "cause"): declared.DEAD_LETTER_CAUSES | {declared.OTHER},
    ("xunqun_http_requests_total", "route"): None,
    ("xunqun_http_requests_total", "code"): None,
    ("xunqun_arrival_delay_seconds", "platform"): None,
    ("xunqun_verdicts_total", "pack"): None,
    ("xunqun_verdicts_total", "category"): None,
    ("xunqun_verdicts_total", "outcome"): declared.VERDICT_OUTCOMES,
    ("xunqun_unavailable_total", "classifier"): declared.CLASSIFIERS,
    ("xunqun_shadow_total", "side"): declared.SHADOW_SIDES,
    ("xunqun_actions_total", "platform"): None,
    ("xunqun_actions_total", "status"): declared.TRY_OUTCOMES,
    ("xunqun_outbox_open", "status"): declared.OPEN_STATUSES,
    ("xunqun_outbox_oldest_seconds", "status"): declared.OPEN_STATUSES,
    ("xunqun_brakes", "scope"): declared.BRAKED,
    ("xunqun_reviews_open", "kind"): declared.REVIEW_KINDS,
    ("xunqun_reviews_oldest_seconds", "kind"): declared.REVIEW_KINDS,
    ("xunqun_decisions_total", "pack"): None,
    ("xunqun_decisions_total", "category"): None,
    ("xunqun_decisions_total", "outcome"): declared.DECISION_OUTCOMES,
    ("xunqun_groups_due", "state"): declared.DEADLINE_STATES,
    ("xunqun_groups", "state"): declared.GROUP_STATES,
    ("xunqun_consumer_lag", "agent"): declared.AGENTS,
    ("xunqun_partitions", "agent"): declared.AGENTS,
    ("xunqun_progress_timestamp_seconds", "agent"): declared.AGENTS,
    ("xunqun_store_seconds", "store"): declared.STORES,
    ("xunqun_store_seconds", "operation"): declared.OPERATIONS,
    ("xunqun_waiting", "store"): declared.PARTS,
    ("xunqun_edition_info", "part"): declared.EDITION_PARTS,
}
_WORDS = {"and", "or", "unless", "offset", "by", "without", "on", "ignoring", "group_left", "group_right", "bool"}
_MATCHER = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"')
_NAME = r"(?<![\w:.$])[a-zA-Z_:][\w:]*"
_LABELS_OF = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")


def _rules(kind: str) -> list[dict[str, Any]]:
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text("utf-8"))["groups"]]
    return [rule for group in groups for rule in group["rules"] if kind in rule]


ALERTS = _rules("alert")
RECORDED = _rules("record")
NAMES = sorted({rule["alert"] for rule in ALERTS})
_BY_NAME = {one.name: one for one in DECLARED}


@cache
def _tests(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load(path.read_text("utf-8"))["tests"])


def _metrics_in(expression: str) -> list[tuple[str, dict[str, str]]]:
    """The metrics of an expression, each with what its labels are compared with."""
    bare = re.sub(r'"[^"]*"', lambda found: '"' + "~" * (len(found[0]) - 2) + '"', expression)
    bare = _LABELS_OF.sub(lambda found: " " * len(found[0]), bare)
    found = []
    for name in re.finditer(_NAME, bare):
        after = bare[name.end() :].lstrip()
        if name[0] in _WORDS or after.startswith("(") or _inside_braces(bare, name.start()):
            continue
        matchers = ""
        if after.startswith("{"):
            begin = bare.index("{", name.end())
            matchers = expression[begin : bare.index("}", begin)]
        found.append((name[0], dict(_MATCHER.findall(matchers))))
    return found


def _inside_braces(text: str, at: int) -> bool:
    return text.count("{", 0, at) > text.count("}", 0, at) or text.count('"', 0, at) % 2 == 1


def _base(name: str) -> str:
    """The declared name of what an expression calls a histogram's parts."""
    for ending in ("_bucket", "_sum", "_count"):
        if name.endswith(ending) and (one := _BY_NAME.get(name.removesuffix(ending))) and one.kind == "histogram":
            return one.name
    return name


def _labels(name: str) -> set[str]:
    """The labels that a series of this name has."""
    if name == "up":
        return set(TARGET)
    if ":" in name:
        level = name.split(":")[0]
        return set() if level == "fleet" else set(level.split("_"))
    one = _BY_NAME[_base(name)]
    return {*one.labels, *TARGET, *(["le"] if name.endswith("_bucket") else [])}


def _declared_in(name: str) -> set[str]:
    """The declared metrics that a name rests on, through all that is recorded."""
    if ":" not in name:
        return {_base(name)} - {"up"}
    rules = [rule for rule in RECORDED if rule["record"] == name]
    return {each for rule in rules for one, _ in _metrics_in(rule["expr"]) for each in _declared_in(one)}


def _wrong_names(expression: str) -> Iterator[str]:
    """What an expression names that nobody declared: metrics, labels, and values of labels."""
    recorded = {rule["record"] for rule in RECORDED}
    known = {"promise": {rule["labels"]["promise"] for rule in RECORDED if "labels" in rule}}
    for name, matchers in _metrics_in(expression):
        if name not in recorded and name != "up" and _base(name) not in _BY_NAME:
            yield name
            continue
        for label, value in matchers.items():
            if label not in _labels(name):
                yield f"{name}{{{label}}}"
            elif label == "le":
                if value not in {repr(bound) for bound in _BY_NAME[_base(name)].buckets}:
                    yield f"{name}{{le={value}}}"
            else:
                for allowed in (
                    [TARGET[label]]
                    if label in TARGET
                    else [known[label]]
                    if label in known
                    else [VALUES[one, label] for one in _declared_in(name) if label in _BY_NAME[one].labels]
                ):
                    yield from (
                        f"{name}{{{label}={one}}}" for one in value.split("|") if allowed and one not in allowed
                    )
    named = {label.strip() for labels in _LABELS_OF.findall(expression) for label in labels.split(",")} - {""}
    shown = set().union(
        *(
            _labels(name)
            for name, _ in _metrics_in(expression)
            if name in recorded or name == "up" or _base(name) in _BY_NAME
        )
    )
    yield from sorted(named - shown)


def _promtool(*arguments: str | Path) -> str:
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


# -- what promtool says ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", autouse=True)
def running_cases() -> Iterator[dict[Path, subprocess.Popen[str]]]:
    """All files of cases, under way from the first test on: they take seconds each."""
    running = {
        path: subprocess.Popen(
            ["promtool", "test", "rules", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for path in CASES
    }
    yield running
    for one in running.values():
        if one.poll() is None:
            one.kill()
            one.communicate()


def test_prometheus_takes_the_file_that_operators_copy(tmp_path: Path) -> None:
    told = _promtool("check", "config", FOLDER / "prometheus.yml")
    assert f"SUCCESS: {len(RULES)} rule files found" in told


def test_rules_can_be_read_and_none_stands_twice() -> None:
    told = _promtool("check", "rules", *RULES)
    assert f"SUCCESS: {len(ALERTS)} rules found" in told
    assert f"SUCCESS: {len(RECORDED)} rules found" in told
    assert "lint error" not in told


# -- alerts, their cases and their pages ----------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: "-".join([rule["alert"], *rule["labels"].values()]))
def test_every_alert_fires_for_its_fault_and_clears(rule: dict[str, Any]) -> None:
    """In one case it is silent, then fires with the labels and texts of this rule, then is silent again."""
    for case in (case for path in CASES for case in _tests(path)):
        looks = [one for one in case.get("alert_rule_test", ()) if one["alertname"] == rule["alert"]]
        fired = [
            any(rule["labels"].items() <= each["exp_labels"].items() for each in one["exp_alerts"]) for one in looks
        ]
        if any(fired) and not fired[0] and not fired[-1]:
            return
    pytest.fail("no case shows it silent, firing and silent again")


def test_a_fleet_that_works_alerts_nobody() -> None:
    (healthy,) = _tests(FOLDER / "tests" / "healthy.yml")
    assert sorted(one["alertname"] for one in healthy["alert_rule_test"]) == NAMES
    assert not any(one["exp_alerts"] for one in healthy["alert_rule_test"])
    # Silence is worth something only where all that the alerts ask about is there.
    given = {_base(name) for one in healthy["input_series"] for name, _ in _metrics_in(one["series"])}
    assert {each for rule in ALERTS for name, _ in _metrics_in(rule["expr"]) for each in _declared_in(name)} <= given


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: "-".join([rule["alert"], *rule["labels"].values()]))
def test_every_alert_says_what_is_wrong_and_where_to_read_on(rule: dict[str, Any]) -> None:
    notes = rule["annotations"]
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert notes.keys() == {"summary", "description", "runbook_url"}
    assert notes["runbook_url"] == f"docs/runbooks/{rule['alert']}.md"
    assert "{{" in notes["summary"] + notes["description"] or rule["alert"] == "XunqunVerdictsSilent"
    assert not notes["summary"].endswith(".")
    assert notes["description"].rstrip("{}end ").endswith(".")


def test_every_page_belongs_to_an_alert() -> None:
    assert sorted(path.stem for path in RUNBOOKS.glob("*.md") if path.stem != "README") == NAMES
    index = (RUNBOOKS / "README.md").read_text("utf-8")
    assert re.findall(r"^\| \[(Xunqun\w+)\]\(\1\.md\)", index, re.MULTILINE) == NAMES
    for name in NAMES:
        severities = {rule["labels"]["severity"] for rule in ALERTS if rule["alert"] == name}
        (row,) = re.findall(rf"^\| \[{name}\].*$", index, re.MULTILINE)
        assert row.split("|")[2].strip() == ", ".join(sorted(severities))


@pytest.mark.parametrize("name", NAMES)
def test_every_page_answers_the_same_questions(name: str) -> None:
    page = (RUNBOOKS / f"{name}.md").read_text("utf-8")
    assert page.startswith(f"# {name}\n")
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == [
        "What members notice",
        "Look here first",
        "Causes, common first",
        "How to see that it is over",
        "When to wake somebody else",
    ]


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("*.md")), ids=lambda path: path.stem)
def test_commands_on_the_pages_exist(page: Path) -> None:
    """With every option that is named there."""
    text = page.read_text("utf-8")
    lines = [line for block in re.findall(r"^```\n(.*?)^```", text, re.M | re.S) for line in block.splitlines()]
    spans = re.findall(r"`(xunqun [^`]+)`", text)
    for line in [one for one in (*lines, *spans) if one.startswith("xunqun ")]:
        command = COMMAND
        words = shlex.split(line.split("#")[0].replace("…", ""))[1:]
        while words and hasattr(command, "commands") and words[0] in command.commands:
            command = command.commands[words.pop(0)]
        assert not getattr(command, "commands", {}) or getattr(command, "invoke_without_command", False), line
        options = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
        assert {word.split("=")[0] for word in words if word.startswith("-")} <= options, line


def test_queries_on_the_pages_can_be_asked(tmp_path: Path) -> None:
    """And what they name in passing is declared."""
    queries, named = [], set()
    for page in sorted(RUNBOOKS.glob("Xunqun*.md")):
        text = page.read_text("utf-8")
        blocks = re.findall(r"^```promql\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        assert blocks, page.stem
        queries += [line for block in blocks for line in block.strip().splitlines()]
        named |= set(re.findall(r"`([^`\n]*xunqun_[^`\n]*)`", text))
    assert not {(one, wrong) for one in (*queries, *named) for wrong in _wrong_names(one)}
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    (tmp_path / "queries.yml").write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    _promtool("check", "rules", tmp_path / "queries.yml")


# -- metrics --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", [*ALERTS, *RECORDED], ids=lambda rule: rule.get("alert", rule.get("record")))
def test_rules_name_only_what_is_declared(rule: dict[str, Any]) -> None:
    assert list(_wrong_names(rule["expr"])) == []


def test_names_that_nobody_declared_are_found() -> None:
    """The look at the rules is itself looked at."""
    for expression, wrong in {
        "rate(xunqun_typo_total[5m])": "xunqun_typo_total",
        'xunqun_groups_due{kind="open"}': "xunqun_groups_due{kind}",
        'state:xunqun_groups_due:max{state="late"}': "state:xunqun_groups_due:max{state=late}",
        'xunqun_verdict_latency_seconds_bucket{le="2"}': "xunqun_verdict_latency_seconds_bucket{le=2}",
        'up{role="console"} == 0': "up{role=console}",
        'sum(xunqun_actions_total{status=~"retry|lost"})': "xunqun_actions_total{status=lost}",
        "sum by (group) (xunqun_waiting)": "group",
    }.items():
        assert list(_wrong_names(expression)) == [wrong]


@pytest.mark.parametrize("rule", RECORDED, ids=lambda rule: rule["record"])
def test_names_of_recorded_series_tell_their_labels(rule: dict[str, Any]) -> None:
    level, _, _ = rule["record"].split(":")
    kept = re.search(r"\bby \(([^)]*)\)", rule["expr"])
    if "promise" in rule["record"]:
        assert level == "promise"
    elif kept:
        labels = [one for one in kept[1].split(", ") if one != "le"]
        assert level == ("_".join(labels) or "fleet")
    else:
        assert {_labels(name) == _labels(rule["record"]) for name, _ in _metrics_in(rule["expr"]) if ":" in name} <= {
            True
        }


@pytest.mark.parametrize("rule", [*ALERTS, *RECORDED], ids=lambda rule: rule.get("alert", rule.get("record")))
def test_what_every_process_shows_alike_is_never_summed(rule: dict[str, Any]) -> None:
    for name in OF_THE_DATABASE:
        for found in re.finditer(rf"(?<![\w:]){name}(?![\w:])", rule["expr"]):
            assert re.search(r"\bmax(?: by \(\w+\))? \($|\bmax\($", rule["expr"][: found.start()]), name


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_cases_are_made_of_what_processes_show(path: Path) -> None:
    for case in _tests(path):
        for one in case["input_series"]:
            assert list(_wrong_names(one["series"])) == []
            ((name, labels),) = _metrics_in(one["series"])
            assert labels.keys() == _labels(name), one["series"]


# -- a real one -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def exposed() -> Iterator[tuple[Metrics, ThreadingHTTPServer]]:
    """A process's metrics over HTTP, as `/metrics` shows them."""
    metrics = Metrics()

    class Shown(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body, content_type = metrics.exposition()
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *given: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Shown)
    Thread(target=server.serve_forever, daemon=True).start()
    yield metrics, server
    server.server_close()


@pytest.fixture
def ask(local_stack: ModuleType, stack_folder: Path, jars: Path) -> Iterator[Any]:
    """Asks a Prometheus of the stack, which this test alone uses, over its API."""
    stack = local_stack.Stack(stack_folder / "prometheus", jars)
    stack.up(["prometheus"], free_ports=True)
    # Every second instead of every five, so that the test does not wait for clocks.
    settings = stack.folder / "prometheus" / "prometheus.yml"
    settings.write_text(settings.read_text("utf-8").replace("interval: 5s", "interval: 1s"), "utf-8")
    os.kill(stack.pid("prometheus"), signal.SIGHUP)

    def asked(path: str, **query: str) -> Any:
        url = f"http://127.0.0.1:{stack.ports['prometheus']}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]

    asked.stack = stack  # type: ignore[attr-defined]
    yield asked
    stack.down(wipe=True)


def _until(look: Callable[[], Any], seconds: float = 30.0) -> Any:
    until = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.1)
    return found


def test_prometheus_of_the_stack_finds_a_process_misses_it_and_forgets_it(
    ask: Any, exposed: tuple[Metrics, ThreadingHTTPServer], local_stack: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = ask.stack
    metrics, server = exposed
    metrics.set_lag("screen", 7)
    assert local_stack.main(["env", "--only", "prometheus", "--dir", str(stack.folder)]) == 0
    targets = Path(capsys.readouterr().out.split("XUNQUN_TARGETS=")[1].strip())
    assert targets == stack.targets

    listed = [{"targets": [f"127.0.0.1:{server.server_port}"], "labels": {"job": "xunqun", "role": "worker"}}]
    (targets / "w1.json.new").write_text(json.dumps(listed))
    (targets / "w1.json.new").rename(targets / "w1.json")

    def value(query: str) -> str | None:
        found = ask("query", query=query)["result"]
        return found[0]["value"][1] if found else None

    up = 'up{job="xunqun", role="worker"}'
    _until(lambda: value(up) == "1")
    _until(lambda: value('agent:xunqun_consumer_lag:sum{agent="screen"}') == "7")
    assert _until(lambda: value('up{job="prometheus"}')) == "1"

    # It dies: it stays listed, so that it is missed.
    server.shutdown()
    server.server_close()
    _until(lambda: value(up) == "0")
    _until(lambda: "XunqunProcessDown" in {one["labels"]["alertname"] for one in ask("alerts")["alerts"]})

    # It would have ended in order: it is not missed.
    (targets / "w1.json").unlink()
    _until(lambda: value(up) is None)

    loaded = [rule for group in ask("rules")["groups"] for rule in group["rules"]]
    assert len(loaded) == len(ALERTS) + len(RECORDED)
    assert not [rule["lastError"] for rule in loaded if rule.get("lastError")]
    assert value("prometheus_config_last_reload_successful") == "1"


def test_prometheus_of_the_stack_listens_on_loopback_only(ask: Any) -> None:
    port = f"{ask.stack.ports['prometheus']:04X}"
    listening = [
        fields[1]
        for family in ("tcp", "tcp6")
        for fields in map(str.split, Path(f"/proc/net/{family}").read_text().splitlines()[1:])
        if fields[3] == "0A" and fields[1].rpartition(":")[2] == port
    ]
    assert listening == [f"0100007F:{port}"]


# At the end, so that they had time meanwhile.
@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_cases_hold(path: Path, running_cases: dict[Path, subprocess.Popen[str]]) -> None:
    told, _ = running_cases[path].communicate(timeout=SECONDS)
    assert running_cases[path].returncode == 0, told
    assert "SUCCESS" in told
