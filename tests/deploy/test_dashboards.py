"""The dashboards: made by build.py, asking for what is declared, and answered by a real Prometheus."""

import json
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from streams.metrics import DECLARED, Metrics, declared

ROOT = Path(__file__).resolve().parents[2]
GRAFANA = ROOT / "deploy" / "grafana"
FILES = sorted((GRAFANA / "dashboards").glob("*.json"))
BOARDS = {path.stem: json.loads(path.read_text("utf-8")) for path in FILES}
BY_NAME = {one.name: one for one in DECLARED}

# What Prometheus itself adds to what a process shows (`role` comes from the file of its targets).
OF_TARGETS = {"job", "instance", "role"}
# The same in every process that shows them.
OF_THE_DATABASE = {
    "xunqun_outbox_open",
    "xunqun_outbox_oldest_seconds",
    "xunqun_reviews_open",
    "xunqun_reviews_oldest_seconds",
    "xunqun_groups_due",
    "xunqun_groups",
    "xunqun_unknown_groups",
    "xunqun_paused",
    "xunqun_brakes",
}
VALUES = {
    ("xunqun_verdicts_total", "outcome"): declared.VERDICT_OUTCOMES,
    ("xunqun_decisions_total", "outcome"): declared.DECISION_OUTCOMES,
    ("xunqun_actions_total", "status"): declared.TRY_OUTCOMES,
    ("xunqun_outbox_open", "status"): declared.OPEN_STATUSES,
    ("xunqun_outbox_oldest_seconds", "status"): declared.OPEN_STATUSES,
    ("xunqun_shadow_total", "side"): declared.SHADOW_SIDES,
    ("xunqun_groups_due", "state"): declared.DEADLINE_STATES,
    ("xunqun_end_to_end_seconds", "until"): declared.MILESTONES,
    ("xunqun_edition_info", "part"): declared.EDITION_PARTS,
    ("xunqun_consumer_lag", "agent"): declared.AGENTS,
    ("xunqun_partitions", "agent"): declared.AGENTS,
    ("xunqun_progress_timestamp_seconds", "agent"): declared.AGENTS,
}
_METRIC = re.compile(r"\b((?:xunqun|process)_[a-z_]+|up(?=\{))(?:\{([^}]*)\})?")
_MATCHER = re.compile(r"(\w+)(=~|!~|!=|=)\"([^\"]*)\"")


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in board["panels"] if one["type"] != "row"]


def expressions() -> list[tuple[str, str]]:
    """Every expression with the place where it stands."""
    asked = [
        (f"{name} / {panel['title']} / {target['refId']}", target["expr"])
        for name, board in BOARDS.items()
        for panel in panels(board)
        for target in panel["targets"]
    ]
    marks = [(f"{name} / mark", one["expr"]) for name, board in BOARDS.items() for one in board["annotations"]["list"]]
    return asked + marks


def run(program: str, *options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(GRAFANA / program), *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_dashboards_and_their_page_are_what_build_makes(tmp_path: Path) -> None:
    page = tmp_path / "dashboards.md"
    shutil.copy(ROOT / "docs" / "dashboards.md", page)
    done = run("build.py", "--to", tmp_path, "--page", page)
    assert done.returncode == 0, done.stderr
    made = {path.name: path.read_text("utf-8") for path in tmp_path.glob("*.json")}
    assert made == {path.name: path.read_text("utf-8") for path in FILES}, "run make dashboards"
    assert page.read_text("utf-8") == (ROOT / "docs" / "dashboards.md").read_text("utf-8"), "run make dashboards"


def test_there_is_a_board_for_each_question() -> None:
    assert list(BOARDS) == ["actions", "fleet", "pack", "pipeline", "quality"]
    assert {name: board["uid"] for name, board in BOARDS.items()} == {name: f"xunqun-{name}" for name in BOARDS}
    assert "pack" in {one["name"] for one in BOARDS["pack"]["templating"]["list"]}


@pytest.mark.parametrize("board", BOARDS.values(), ids=list(BOARDS))
def test_every_panel_says_what_it_answers_and_what_to_do(board: dict[str, Any]) -> None:
    for panel in panels(board):
        assert re.fullmatch(r".+[?.:] Moved by: .+\.", panel["description"]), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}, panel["title"]
        assert panel["targets"], panel["title"]
        assert [re.fullmatch(r"\$\{docs\}/runbooks/Xunqun\w+\.md", one["url"]) for one in panel["links"]], panel[
            "title"
        ]


@pytest.mark.parametrize("board", BOARDS.values(), ids=list(BOARDS))
def test_panels_fill_the_board(board: dict[str, Any]) -> None:
    cells = [
        (x, y)
        for one in board["panels"]
        for x in range(one["gridPos"]["x"], one["gridPos"]["x"] + one["gridPos"]["w"])
        for y in range(one["gridPos"]["y"], one["gridPos"]["y"] + one["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert len(cells) == 24 * (max(y for _, y in cells) + 1), "a hole between panels"
    assert len({one["id"] for one in board["panels"]}) == len(board["panels"])


@pytest.mark.parametrize(("place", "expression"), expressions(), ids=[place for place, _ in expressions()])
def test_only_what_is_declared_is_asked_for(place: str, expression: str) -> None:
    labels = set(OF_TARGETS)
    asked = list(_METRIC.finditer(expression))
    assert asked
    for found in asked:
        name, matchers = found[1], _MATCHER.findall(found[2] or "")
        assert ("job", "=~", "$job") in matchers, f"{name} of all jobs"
        own = set(OF_TARGETS)
        if name.startswith("xunqun_"):
            base = name if name in BY_NAME else re.sub(r"_(bucket|count|sum)$", "", name)
            one = BY_NAME[base]
            assert (base != name) == (one.kind == "histogram"), f"{name} is no series"
            own |= {*one.labels, "le"} if name.endswith("_bucket") else set(one.labels)
            name = base
        assert {label for label, _, _ in matchers} <= own
        for label, _, value in matchers:
            _check_value(name, label, value)
        labels |= own
    used = {one.strip() for listed in re.findall(r"\b(?:by|on) \(([^)]*)\)", expression) for one in listed.split(",")}
    assert used - {""} <= labels


def _check_value(name: str, label: str, value: str) -> None:
    if value.startswith("$"):
        return
    if label == "le":
        assert value in {repr(bound) for bound in BY_NAME[name].buckets}
        return
    assert set(value.split("|")) <= VALUES[name, label]


@pytest.mark.parametrize(("place", "expression"), expressions(), ids=[place for place, _ in expressions()])
def test_what_the_database_says_is_not_counted_once_for_each_process(place: str, expression: str) -> None:
    for found in _METRIC.finditer(expression):
        if found[1] in OF_THE_DATABASE:
            assert re.search(r"\bmax (?:by \([^)]*\) )?\($|\bmax\($", expression[: found.start()]), place


def test_all_boards_together_show_all_metrics() -> None:
    shown = {
        re.sub(r"_(bucket|count|sum)$", "", found[1]) for _, one in expressions() for found in _METRIC.finditer(one)
    }
    # Shown with all other states of groups.
    assert set(BY_NAME) - shown == {"xunqun_unknown_groups"}


def test_grafana_is_told_where_everything_lies() -> None:
    sources = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "xunqun.yaml").read_text("utf-8"))
    (source,) = sources["datasources"]
    assert (source["type"], source["isDefault"]) == ("prometheus", True)
    providers = yaml.safe_load((GRAFANA / "provisioning" / "dashboards" / "xunqun.yaml").read_text("utf-8"))
    (provider,) = providers["providers"]
    assert (provider["type"], provider["allowUiUpdates"]) == ("file", False)
    page = (ROOT / "docs" / "dashboards.md").read_text("utf-8")
    assert provider["options"]["path"] in page
    assert source["url"].removeprefix("$") in page


def enter_something_of_everything(metrics: Metrics) -> None:
    now = time.time()
    metrics.observed("message.created", 10)
    metrics.duplicated()
    metrics.died("not_json")
    metrics.requested("/observations", 202)
    metrics.post_took(0.02)
    metrics.arrived("webhook", [0.3, 4.0])
    for pack, outcome in product(("baseline", "xianchuang"), declared.VERDICT_OUTCOMES):
        metrics.judged(pack, "ads", outcome)
    metrics.verdict_took([0.1, 0.4, 3.0, 40.0])
    metrics.scored("ads", [0.45, 0.97])
    metrics.missed("trained")
    for side in declared.SHADOW_SIDES:
        metrics.shadowed(side)
    metrics.set_editions(
        [("pack", "baseline", "1"), ("pack", "xianchuang", "1"), ("lists", "product", "2"), ("model", "ads", "3")]
    )
    for kind in declared.SANCTION_KINDS:
        metrics.sanctioned(kind, "enforce")
    for status in declared.TRY_OUTCOMES:
        metrics.acted("webhook", status)
    metrics.set_outbox(dict.fromkeys(declared.OPEN_STATUSES, 2), dict.fromkeys(declared.OPEN_STATUSES, 70.0))
    for until in declared.MILESTONES:
        metrics.reached("webhook", until, [1.5])
    metrics.set_paused(1)
    metrics.set_brakes(dict.fromkeys(declared.BRAKED, 1))
    metrics.set_reviews(dict.fromkeys(declared.REVIEW_KINDS, 3), dict.fromkeys(declared.REVIEW_KINDS, 900.0))
    for pack, outcome in product(("baseline", "xianchuang"), declared.DECISION_OUTCOMES):
        metrics.decided(pack, "ads", outcome, 4)
    metrics.decided("baseline", "abuse", "overturn", 4)
    metrics.appealed()
    metrics.set_deadlines(open=5, overdue=2)
    metrics.ticked(now - 2)
    metrics.set_groups(dict.fromkeys(declared.GROUP_STATES, 7))
    for agent in declared.AGENTS:
        metrics.set_lag(agent, 12)
        metrics.set_partitions(agent, 4)
        metrics.rebalanced(agent)
        metrics.progressed(agent, now - (1 if agent == "screen" else 90))
        metrics.batched(agent, 20)
    for store in declared.STORES:
        metrics.store_took(store, "read", 0.004)
    metrics.set_waiting(declared.PARTS)
    metrics.set_caches(dict.fromkeys(declared.CACHES, 100))
    metrics.set_disk(free=5 << 30, size=20 << 30)


def test_what_is_entered_is_something_of_everything() -> None:
    metrics = Metrics()
    enter_something_of_everything(metrics)
    families = list(text_string_to_metric_families(metrics.exposition()[0].decode()))
    entered = {one.name for one in families if any(sample.value for sample in one.samples)}
    assert {one.name.removesuffix("_total") for one in DECLARED} <= entered


class Process:
    """A process as Prometheus sees it; a busy one has got on between any two looks."""

    def __init__(self, *, busy: bool) -> None:
        metrics = Metrics()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if busy:
                    enter_something_of_everything(metrics)
                body, kind = metrics.exposition()
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.target = f"127.0.0.1:{self._server.server_port}"

    def end(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def look_up(url: str, query: str) -> list[dict[str, Any]]:
    asked = f"{url}/api/v1/query?query={urllib.parse.quote(query)}"
    with urllib.request.urlopen(asked, timeout=10) as answer:
        return list(json.load(answer)["data"]["result"])


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that has looked for some seconds at a busy fleet (of two, one of them gone) and at a quiet one."""
    folder = tmp_path_factory.mktemp("prometheus")
    busy, quiet = Process(busy=True), Process(busy=False)
    # Bound and never listening: nobody else is given the port, and whoever calls is refused.
    gone = socket.socket()
    gone.bind(("127.0.0.1", 0))
    jobs = {"xunqun": [busy.target, f"127.0.0.1:{gone.getsockname()[1]}"], "quiet": [quiet.target]}
    settings = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": targets, "labels": {"role": "worker"}}]}
            for job, targets in jobs.items()
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings), "utf-8")
    address = f"127.0.0.1:{free_port()}"
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={address}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        _wait_for_looks(f"http://{address}", process, folder / "log")
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(20)
        gone.close()
        busy.end()
        quiet.end()


def _wait_for_looks(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until there is enough to compare two windows that lie one behind the other, and a little more."""
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        try:
            looks = look_up(url, "min(count_over_time(up[1m]))")
        except OSError:
            looks = []
        if looks and float(looks[0]["value"][1]) >= 2 * WINDOW_SECONDS + 2:
            return
        time.sleep(0.3)
    pytest.fail(f"Prometheus did not look often enough:\n{log.read_text()[-2000:]}")


WINDOW_SECONDS = 5


def answers(done: subprocess.CompletedProcess[str]) -> dict[tuple[str, str, str], list[str]]:
    """What ask.py printed: (board, panel, query) and its answers."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for line in done.stdout.splitlines():
        if line.startswith(("ok ", "NONE ")):
            _, board, panel, query, answer = line.split(" | ")
            found.setdefault((board, panel, query.split(", ")[0]), []).append(answer)
    return found


def test_every_panel_answers_and_none_only_with_nought(prometheus: str) -> None:
    done = run("ask.py", "--url", prometheus, "--window", f"{WINDOW_SECONDS}s", "--job", "xunqun")
    assert done.returncode == 0, done.stdout + done.stderr
    found = answers(done)
    asked = {
        (name, p["title"], t["refId"]) for name, board in BOARDS.items() for p in panels(board) for t in p["targets"]
    }
    assert {key for key in found if key[2] != "mark"} == asked
    assert "ok   | pack | Violations | A, pack xianchuang | " in done.stdout
    # Something of everything was entered: a 0 means that a label's value was asked for that nobody gives.
    assert not {key for key, given in found.items() if "0" in given}


def test_a_category_of_which_nothing_was_upheld_is_shown(prometheus: str) -> None:
    done = run("ask.py", "--url", prometheus, "--window", f"{WINDOW_SECONDS}s", "--job", "xunqun")
    found = answers(done)
    assert (
        found["quality", "Precision by category", "A"] == found["quality", "Precision by category", "B"] == ["2 series"]
    )
    # One of two packs has both categories.
    assert sorted(found["pack", "Precision by category", "A"]) == ["0.5", "2 series"]


def test_a_table_has_a_row_for_each_panel_with_its_values(prometheus: str) -> None:
    done = run("ask.py", "--url", prometheus, "--window", f"{WINDOW_SECONDS}s", "--job", "xunqun", "--table")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines() if line.startswith("|")][2:]
    assert len({(board, panel) for board, panel, _ in rows}) == len(rows)
    values = {(board, panel): value for board, panel, value in rows}
    assert values["actions", "Paused scopes"] == "1"
    assert values["fleet", "Groups"] == "0 to 7 (5 series)"
    assert ("pack, pack xianchuang", "Violations") in values


def test_all_jobs_are_asked_about_where_none_is_named(prometheus: str) -> None:
    done = run("ask.py", "--url", prometheus, "--window", f"{WINDOW_SECONDS}s")
    assert done.returncode == 0, done.stdout + done.stderr
    assert answers(done)["pipeline", "Builds", "A"] == ["2"]
    assert answers(done)["pipeline", "Processes", "A"] == ["3 series"]


def test_a_quiet_fleet_shows_nought_where_that_is_the_truth(prometheus: str) -> None:
    done = run("ask.py", "--url", prometheus, "--window", f"{WINDOW_SECONDS}s", "--job", "quiet")
    found = answers(done)
    fleet = {panel: given for (board, panel, _), given in found.items() if board == "fleet"}
    nought = {panel for panel, given in fleet.items() if given == ["0"]}
    nothing = {panel for panel, given in fleet.items() if given == ["nothing"] or given == ["nan"]}
    assert {"Processes that judge", "Processes that are gone", "What comes in", "Findings"} <= nought
    assert {"Could not be measured, last hour", "Could not be read, last hour", "Decisions behind it"} <= nought
    # Nobody was judged and nobody decided: neither late nor in time, neither right nor wrong.
    assert {"Judged within 2 s, last hour", "Precision, 7 days", "Since the last tick"} <= nothing
    # The process has no agent: whether one stands still or lags it cannot say.
    assert {"Agents that stand still", "Not judged yet"} <= nothing


def test_where_nobody_answers_nothing_is_claimed(prometheus: str) -> None:
    done = run("ask.py", "--url", prometheus, "--window", f"{WINDOW_SECONDS}s", "--job", "nobody")
    assert done.returncode == 1
    known = {key: given for key, given in answers(done).items() if key[2] != "mark" and given != ["nothing"]}
    assert known == {("fleet", "Processes that judge", "A"): ["0"]}


def test_a_question_without_an_answer_is_named(prometheus: str, tmp_path: Path) -> None:
    board = json.loads(FILES[0].read_text("utf-8"))
    board["panels"][1]["targets"][0]["expr"] = "xunqun_never_declared"
    board["panels"][2]["targets"][0]["expr"] = "sum(("
    (tmp_path / "actions.json").write_text(json.dumps(board), "utf-8")
    done = run(
        "ask.py", "--url", prometheus, "--window", f"{WINDOW_SECONDS}s", "--job", "xunqun", "--dashboards", tmp_path
    )
    assert done.returncode == 1
    found = answers(done)
    assert found["actions", board["panels"][1]["title"], "A"] == ["nothing"]
    assert found["actions", board["panels"][2]["title"], "A"][0].startswith("error: ")
    assert "2 without an answer" in done.stdout


def test_a_prometheus_that_is_away_is_an_error() -> None:
    done = run("ask.py", "--url", f"http://127.0.0.1:{free_port()}")
    assert done.returncode == 1
    assert "does not answer" in done.stderr
