"""What each role may do at Kafka and Redis is what its code does, no less and no more."""

import ast
import re
from pathlib import Path

import pytest

from streams.agents import AGENTS
from streams.fleet import kafka as fleet_kafka
from streams.fleet.rights import ROLES, Kafka, rights
from streams.fleet.worker import ROLES as WORKER_ROLES

ROOT = Path(__file__).resolve().parents[2]
STREAMS = ROOT / "streams"
TOPICS = {
    name: value
    for name, value in vars(fleet_kafka).items()
    if isinstance(value, str) and value in fleet_kafka.TOPIC_SETTINGS
}
# Whose code stands in a file that publishes or reads topics by name.
OF_FILE = {
    "screening.py": ("screen",),
    "escalating.py": ("escalate",),
    "ticker.py": ("screen",),
    "ingest.py": ("ingest",),
    "hosts.py": ("screen", "escalate", "gather"),
    "restore.py": WORKER_ROLES,
    "redrive.py": ("operator",),
    "rebuild.py": ("operator",),
    "history.py": ("tuner",),
    "control.py": ("operator", "tuner"),
    "probe.py": ("operator",),
}
WRITING = {"Record", "record_of", "publish", "send_to"}
READING = {"read_back", "read_whole", "read_places", "read_in_parts", "_places"}


def named(node: ast.AST) -> set[str]:
    return {TOPICS[one.id] for one in ast.walk(node) if isinstance(one, ast.Name) and one.id in TOPICS}


def used(path: Path, calls: set[str]) -> set[str]:
    """The topics that stand among the arguments of these calls."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in calls:
                found |= set().union(*(named(one) for one in node.args[:3]))
    return found


def test_every_role_of_workers_has_its_rights():
    assert set(WORKER_ROLES) <= set(ROLES)


@pytest.mark.parametrize("agent", AGENTS, ids=lambda one: one.name)
def test_an_agent_declares_what_it_publishes(agent):
    path = STREAMS / "agents" / f"{agent.name}.py"
    published = used(path, {"publish"})
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("records.append"):
            (given,) = node.args
            assert isinstance(given, ast.Tuple)
            published |= named(given.elts[0])
    assert published == set(agent.writes)


@pytest.mark.parametrize("file", sorted(OF_FILE))
def test_a_role_may_do_what_its_code_does(file):
    path = STREAMS / "fleet" / file
    for role in OF_FILE[file]:
        writes = used(path, WRITING)
        # Whoever reads a record makes one of it again, to look at it.
        if file in ("control.py", "probe.py"):
            writes &= {"control", "observations"}
        assert writes <= ROLES[role].writes, role
    reads = used(path, READING)
    # `screen` alone asks for observations to be screened again.
    assert reads <= set().union(*(ROLES[role].reads for role in OF_FILE[file])), file


def test_every_file_that_names_topics_is_looked_at():
    looked = {*OF_FILE, "kafka.py", "rights.py", "sealing.py", "worker.py"}
    found = {
        path.name
        for path in (STREAMS / "fleet").glob("*.py")
        if used(path, WRITING | READING) and path.name not in looked
    }
    assert found == set()


def test_what_is_sealed_is_read_by_those_who_open_it_alone():
    assert {name for name, role in ROLES.items() if "sealed" in role.reads} == {"opener", "backup"}
    assert {name for name, role in ROLES.items() if "sealed" in role.writes} == {"ingest"}
    assert {name for name, role in ROLES.items() if "sealed-access" in role.writes} == {"opener"}


def test_message_text_is_read_where_it_is_judged_and_tried_alone():
    assert {name for name, role in ROLES.items() if "observations" in role.reads} == {"screen", "tuner", "backup"}
    # Who backs up has no keys, neither of text nor of what is sealed, and changes nothing.
    assert ROLES["backup"].writes == frozenset()
    assert ROLES["backup"].group is None


def test_what_members_said_is_written_by_the_door_time_and_operators_alone():
    assert {name for name, role in ROLES.items() if "observations" in role.writes} == {"ingest", "screen", "operator"}
    # A relay publishes what the desk and the outbox have entered.
    assert ROLES["dispatch"].writes == {"judgements", "outcomes"}


def test_what_is_in_force_is_announced_by_people_alone():
    assert {name for name, role in ROLES.items() if "control" in role.writes} == {"tuner", "operator"}


def test_rights_name_the_topics_of_one_fleet():
    found = rights(Kafka("broker:9092", "north-"), ["ingest"])
    assert {one.principal for one in found} == {"User:xunqun-ingest"}
    assert {one.name for one in found if one.operation == "write"} == {"north-observations", "north-sealed"}
    assert not [one for one in found if one.operation == "read"]
    assert all(one.name.startswith("north-") for role in ROLES for one in rights(Kafka("b", "north-"), [role]))


def test_the_user_of_redis_has_the_commands_that_we_use_and_no_other():
    line = next(
        one
        for one in (ROOT / "deploy/security/redis-users.acl").read_text("utf-8").splitlines()
        if one.startswith("user xunqun ")
    )
    given = set(re.findall(r"\+(\S+)", line))
    scripts = "".join(path.read_text("utf-8") for path in (STREAMS / "ledger" / "scripts").glob("*.lua"))
    in_scripts = {one.lower() for one in re.findall(r"redis\.call\('([A-Z]+)'", scripts)}
    called: set[str] = set()
    for path in [*(STREAMS / "ledger").glob("*.py"), STREAMS / "fleet" / "parts.py"]:
        text = path.read_text("utf-8")
        called |= {name.lower() for name in re.findall(r"\bredis\.([a-z_]+)\(", text)} - {"aclose"}
    used_here = in_scripts | {one.replace("_", "|") for one in called} | {"select", "ping"}
    # Only who restores a backup looks for keys by their names: an administrator.
    assert given == used_here - {"scan|iter"}
    assert "-@all" in line
    assert "user default off" in (ROOT / "deploy/security/redis-users.acl").read_text("utf-8")
