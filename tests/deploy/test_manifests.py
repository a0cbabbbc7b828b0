"""What is in deploy/ is what the program is: schemas hold the form, the code holds names, ports, paths, roles and commands."""

import json
import re
import subprocess
import sysconfig
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from jsonschema import Draft202012Validator
from kubernetes_validate import validate
from prometheus_client import ProcessCollector

from streams.cli import app
from streams.fleet import worker
from streams.fleet.rights import ROLES
from streams.settings import Settings
from streams.topics import CONTROL

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
SYSTEMD = DEPLOY / "systemd"
UNITS = sorted(SYSTEMD.glob("*.service"))
# The oldest and the newest version that the manifests are held to.
VERSIONS = ("1.30.0", "1.37.0")
# Where processes on one machine, and pods, find the keys of text at rest.
KEYS = Path("/var/lib/xunqun/keys")
# Number of the image's user; volumes and secrets are given to it.
USER = 10001
PORT = next(one.default for one in fields(Settings) if one.name == "port")
SETTINGS = {f"XUNQUN_{one.name.upper()}" for one in fields(Settings)}
# Never given by value, but for the addresses of stores on the network of one machine, which hold no password.
SECRET = {f"XUNQUN_{one.name.upper()}" for one in fields(Settings) if one.metadata["secret"]}
STORES = {"XUNQUN_REDIS", "XUNQUN_DATABASE"}


def _text(path: Path) -> str:
    return path.read_text("utf-8")


COMPOSE: dict[str, Any] = yaml.safe_load(_text(DEPLOY / "compose.yaml"))
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = {name: one for name, one in SERVICES.items() if "build" in one}
MANIFESTS = [
    (path.name, one)
    for path in sorted(KUBERNETES.glob("*.yaml"))
    if path.name != "kustomization.yaml"
    for one in yaml.safe_load_all(_text(path))
]
PODS = {
    one["metadata"]["name"]: one["spec"]["template"]["spec"]
    for _, one in MANIFESTS
    if "template" in one.get("spec", {})
}
LABELS = {
    one["metadata"]["name"]: one["spec"]["template"]["metadata"]["labels"]
    for _, one in MANIFESTS
    if "template" in one.get("spec", {})
}
CONTAINERS = [(name, one) for name, pod in PODS.items() for one in [*pod.get("initContainers", []), *pod["containers"]]]
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


def _named(kind: str) -> list[dict[str, Any]]:
    return [one for _, one in MANIFESTS if one["kind"] == kind]


def _unit(path: Path) -> dict[str, list[str]]:
    """The values of a unit by name, in their order; a name may stand several times."""
    found: dict[str, list[str]] = {}
    for line in _text(path).splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def _variables(path: Path) -> dict[str, str]:
    lines = (line for line in _text(path).splitlines() if line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)


def _commands() -> Iterator[tuple[str, list[str]]]:
    """Every call of xunqun in deploy/, with the place it stands in."""
    for name, one in OURS.items():
        yield f"compose {name}", one["command"]
    for name, one in CONTAINERS:
        yield f"kubernetes {name} {one['name']}", one["args"]
    for path in UNITS:
        (line,) = _unit(path)["ExecStart"]
        program, *words = line.split()
        assert program == "/opt/xunqun/bin/xunqun"
        if "${AGENTS}" not in words:
            yield f"systemd {path.name}", words
            continue
        for env in sorted((SYSTEMD / "workers").glob("*.env")):
            yield f"systemd worker {env.stem}", [_variables(env).get(one.strip("${}"), one) for one in words]


COMMANDS = dict(_commands())


def _agents(words: list[str]) -> list[str]:
    return words[words.index("--agents") + 1].split(",") if "--agents" in words else []


# -- what schemas and linters say ---------------------------------------------------------------------------------------


def test_compose_holds_to_its_specification() -> None:
    """The schema is that of compose-spec/compose-go 2.16.2 (Apache-2.0), which Docker's own program reads files with."""
    schema = json.loads(_text(Path(__file__).with_name("compose-spec.json")))
    assert [f"{one.json_path}: {one.message}" for one in Draft202012Validator(schema).iter_errors(COMPOSE)] == []


@pytest.mark.parametrize("version", VERSIONS)
def test_manifests_hold_to_the_schemas_of_kubernetes(version: str) -> None:
    """Strictly: a field that does not exist is an error."""
    assert len(MANIFESTS) > 20
    for _, one in MANIFESTS:
        validate(one, version, strict=True)


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_units_are_understood_by_systemd(unit: Path, tmp_path: Path) -> None:
    """By systemd-analyze of the Debian package systemd. It wants the program to be there, so another one stands in for ours."""
    copy = tmp_path / unit.name
    copy.write_text(_text(unit).replace("/opt/xunqun/bin/xunqun", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_units_let_a_process_see_its_own_memory_and_cpu(unit: Path, tmp_path: Path) -> None:
    """What `ProcSubset=pid` leaves of /proc is not enough for the metrics that every exporter has."""
    (tmp_path / "self").symlink_to("/proc/self")
    assert list(ProcessCollector(proc=str(tmp_path), registry=None).collect()) == []
    assert "ProcSubset" not in _unit(unit)


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_units_are_closed(unit: Path) -> None:
    """An exposure of 1.5 at most, of 10, as systemd itself reckons."""
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=15", unit]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr


def test_the_containerfile_passes_its_linter() -> None:
    hadolint = Path(sysconfig.get_path("scripts")) / "hadolint"
    done = subprocess.run([hadolint, DEPLOY / "Containerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_scrape_configuration_is_prometheus_own(tmp_path: Path) -> None:
    """Debian builds promtool without Kubernetes: its discovery is taken out, the rest is checked."""
    config = yaml.safe_load(_text(KUBERNETES / "scrape.yml"))
    for job in config["scrape_configs"]:
        (found,) = job.pop("kubernetes_sd_configs")
        assert found == {"role": "pod", "namespaces": {"names": ["xunqun"]}}
    copy = tmp_path / "prometheus.yml"
    copy.write_text(yaml.safe_dump(config))
    done = subprocess.run(["promtool", "check", "config", copy], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# -- names of the program -----------------------------------------------------------------------------------------------


def test_every_variable_is_a_setting() -> None:
    named: dict[str, set[str]] = {}
    for path in sorted(DEPLOY.rglob("*")):
        if path.is_file() and path.suffix not in {".pyc", ".json"}:
            for one in re.findall(r"XUNQUN_[A-Z][A-Z_]*", _text(path)):
                named.setdefault(one.removesuffix("_FILE"), set()).add(path.relative_to(ROOT).as_posix())
    # Read by deploy/local/stack.py, not by the program.
    named.pop("XUNQUN_JARS")
    assert {one: places for one, places in named.items() if one not in SETTINGS} == {}
    assert len(named) > 10


@pytest.mark.parametrize("place", COMMANDS)
def test_every_command_and_option_exists(place: str) -> None:
    """Read by the command line itself, which refuses what it does not know."""
    command: Any = typer.main.get_command(app)
    words = list(COMMANDS[place])
    context = None
    while hasattr(command, "commands"):
        context = command.make_context(command.name, words, parent=context)
        _, command, words = command.resolve_command(context, [*context._protected_args, *context.args])
        assert command is not None
    command.make_context(command.name, list(words), parent=context)
    assert set(_agents(COMMANDS[place])) <= set(worker.ROLES)


@pytest.mark.parametrize("way", ["compose", "kubernetes", "systemd"])
def test_all_roles_are_hosted_once(way: str) -> None:
    hosted = Counter(role for place, words in COMMANDS.items() if place.split()[0] == way for role in _agents(words))
    assert hosted == dict.fromkeys(worker.ROLES, 1)


def test_probes_ask_for_paths_and_ports_that_are_served() -> None:
    served = {
        module: set(re.findall(r'web\.get\("(/\w+)"', _text(ROOT / "streams" / module)))
        for module in ("fleet/worker.py", "http.py")
    }
    probes = [(name, one[probe]) for name, one in CONTAINERS for probe in PROBES if probe in one]
    assert {name for name, _ in probes} == PODS.keys() - {"setup"}
    for name, probe in probes:
        asked = probe["httpGet"]
        assert asked["path"] in served["http.py" if name == "ingest" else "fleet/worker.py"], name
        assert asked["port"] == "http"
    assert re.search(r"127\.0\.0\.1:{os\.environ\[.*?XUNQUN_PORT.*?\]}/live'", _text(DEPLOY / "Containerfile"))


def test_alive_is_not_ready() -> None:
    """Who waits for Kafka is well: a probe that restarts it for that would make an outage worse."""
    for name, one in CONTAINERS:
        if name != "setup":
            assert [one[probe]["httpGet"]["path"] for probe in PROBES] == ["/live", "/live", "/ready"], name


def test_ports_agree() -> None:
    (settings,) = _named("ConfigMap")
    assert settings["data"]["XUNQUN_PORT"] == str(PORT)
    assert {port["containerPort"] for name, one in CONTAINERS for port in one.get("ports", [])} == {PORT}
    assert {port["port"] for one in _named("Service") for port in one["spec"]["ports"]} == {PORT}
    for labels in (one["spec"]["template"]["metadata"] for one in _named("StatefulSet") + _named("Deployment")):
        assert labels["annotations"]["prometheus.io/port"] == str(PORT)
    containerfile = _text(DEPLOY / "Containerfile")
    assert f"XUNQUN_PORT={PORT}\n" in containerfile
    assert f"\nEXPOSE {PORT}\n" in containerfile
    # Each process of one machine has a port of its own.
    ports = [_variables(path)["XUNQUN_PORT"] for path in [SYSTEMD / "ingest.env", *SYSTEMD.glob("workers/*.env")]]
    assert len(set(ports)) == len(ports)
    assert _variables(SYSTEMD / "xunqun.env")["XUNQUN_PORT"] == str(PORT)


def test_prometheus_asks_every_container_of_ours() -> None:
    targets = json.loads(COMPOSE["configs"]["targets"]["content"])
    asked = {one: lot["labels"]["role"] for lot in targets for one in lot["targets"]}
    roles = {
        f"{name}:{PORT}": one["command"][0] for name, one in OURS.items() if one["command"][0] in ("worker", "ingest")
    }
    assert asked == roles


# -- identity, ends, starts ---------------------------------------------------------------------------------------------


def test_workers_have_names_that_stay_and_that_no_other_has() -> None:
    workers = [one for one in OURS.values() if one["command"][0] == "worker"]
    names = [one["environment"]["XUNQUN_WORKER_ID"] for one in workers]
    assert len(set(names)) == len(names) == 4
    stateful = {one["metadata"]["name"] for one in _named("StatefulSet")}
    for name, one in CONTAINERS:
        if agents := _agents(one["args"]):
            given = {two["name"]: two for two in one["env"]}
            assert given["XUNQUN_WORKER_ID"]["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
            # Dispatch alone belongs to no consumer group.
            assert (name in stateful) == (agents != ["dispatch"])
    assert "XUNQUN_WORKER_ID=%H-%i" in _unit(SYSTEMD / "xunqun-worker@.service")["Environment"]


def test_nobody_is_killed_while_it_drains() -> None:
    drain = worker.DRAIN_SECONDS
    assert all(float(one["stop_grace_period"].removesuffix("s")) > drain + 5 for one in OURS.values())
    assert all(pod["terminationGracePeriodSeconds"] > drain for name, pod in PODS.items() if name != "setup")
    assert all(float(_unit(path)["TimeoutStopSec"][0]) > drain for path in UNITS)


def test_the_unit_explains_the_exit_codes_that_there_are() -> None:
    told = re.findall(r"^# +(\d+)  \w", _text(SYSTEMD / "xunqun-worker@.service"), re.MULTILINE)
    codes = {int(code) for code in told}
    assert codes == {0, 2, worker.BROKEN, worker.STALLED, worker.NOT_DRAINED}
    assert all(_unit(path)["Restart"] == ["always"] for path in UNITS)


def test_processes_start_after_what_they_need() -> None:
    for name, one in OURS.items():
        if one["command"][0] in ("worker", "ingest"):
            assert one["depends_on"] == {
                "topics": {"condition": "service_completed_successfully"},
                "database": {"condition": "service_completed_successfully"},
                "redis": {"condition": "service_healthy"},
            }, name
    for name in ("kafka", "redis", "postgres"):
        assert "healthcheck" in SERVICES[name]


# -- closed doors -------------------------------------------------------------------------------------------------------


def test_containers_listen_on_loopback_alone() -> None:
    assert all(port.startswith("127.0.0.1:") for one in SERVICES.values() for port in one.get("ports", []))
    assert sum(len(one.get("ports", [])) for one in SERVICES.values()) >= 6
    assert not [name for name, one in SERVICES.items() if "network_mode" in one]
    # What only judges reaches neither this machine nor the network.
    assert COMPOSE["networks"]["parts"] == {"internal": True}
    assert {name for name, one in OURS.items() if "door" in one["networks"]} == {"ingest", "dispatch", "single"}


@pytest.mark.parametrize("name", [*OURS, "prometheus", "grafana"])
def test_containers_may_do_nothing_that_they_need_not(name: str) -> None:
    one = SERVICES[name]
    assert one["read_only"] is True
    assert one["cap_drop"] == ["ALL"]
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert "mem_limit" in one
    assert not {"privileged", "cap_add", "user", "pid", "ipc"} & one.keys()


@pytest.mark.parametrize(
    ("name", "container"), CONTAINERS, ids=lambda one: one if isinstance(one, str) else one["name"]
)
def test_pods_are_restricted(name: str, container: dict[str, Any]) -> None:
    """What the standard `restricted` of Kubernetes asks for, and a read-only file system."""
    pod = PODS[name]
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        # Else each start would open all keys to the group.
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert pod["automountServiceAccountToken"] is False
    assert pod["serviceAccountName"] == "xunqun"
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    assert all({"emptyDir", "secret", "persistentVolumeClaim"} & one.keys() for one in pod["volumes"])
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    for kind in ("requests", "limits"):
        assert container["resources"][kind].keys() == {"cpu", "memory"}
    assert {one["name"] for one in container["volumeMounts"]} <= {one["name"] for one in pod["volumes"]}


def test_the_network_is_shut_but_for_what_is_named() -> None:
    policies = {one["metadata"]["name"]: one["spec"] for one in _named("NetworkPolicy")}
    assert policies.pop("nothing-unless-allowed") == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    pods = {
        rule: {name for name, labels in LABELS.items() if one["podSelector"]["matchLabels"].items() <= labels.items()}
        for rule, one in policies.items()
    }
    assert pods == {
        "to-the-stores": LABELS.keys(),
        "from-monitoring": LABELS.keys(),
        "to-the-door": {"ingest"},
        "to-the-platforms": {"dispatch"},
    }
    stores, names = policies["to-the-stores"]["egress"]
    assert [one["port"] for one in stores["ports"]] == [9093, 6379, 5432]
    assert {one["port"] for one in names["ports"]} == {53}
    inwards = [port["port"] for one in policies.values() for rule in one.get("ingress", []) for port in rule["ports"]]
    assert set(inwards) == {PORT}


def test_selectors_find_the_pods_that_they_mean() -> None:
    for one in _named("Service"):
        name = one["metadata"]["name"]
        assert one["spec"]["selector"].items() <= LABELS[name].items()
        assert (one["spec"].get("clusterIP") == "None") == (name != "ingest")
    budgets = {one["metadata"]["name"]: one["spec"] for one in _named("PodDisruptionBudget")}
    assert budgets.keys() == PODS.keys() - {"setup"}
    for name, spec in budgets.items():
        assert spec["selector"]["matchLabels"].items() <= LABELS[name].items()
        assert spec["maxUnavailable"] == 1
    for one in _named("StatefulSet"):
        assert one["spec"]["serviceName"] in {two["metadata"]["name"] for two in _named("Service")}
    assert all(one["metadata"].get("namespace", "xunqun") == "xunqun" for _, one in MANIFESTS)


# -- secrets ------------------------------------------------------------------------------------------------------------


def test_no_file_holds_a_secret() -> None:
    shapes = r"whsec_[A-Za-z0-9+/=]{8,}|xqsk_\w{8,}|://[^@/\s:]+:[^@/\s]+@|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    for path in sorted(DEPLOY.rglob("*")):
        if path.is_file() and path.suffix != ".pyc" and "secrets" not in path.relative_to(DEPLOY).parts:
            assert not re.findall(shapes, _text(path)), path
    for one in _named("Secret"):
        assert set(one["stringData"].values()) == {""}
        assert "data" not in one
    assert "secrets.example.yaml" not in _text(KUBERNETES / "kustomization.yaml").split("resources:")[1]


def test_secrets_come_from_files_alone() -> None:
    given = [one["environment"] for one in OURS.values()]
    given += [{two["name"]: two.get("value") for two in one.get("env", [])} for _, one in CONTAINERS]
    given += [_named("ConfigMap")[0]["data"]]
    given += [_variables(path) for path in [*SYSTEMD.glob("*.env"), *SYSTEMD.glob("workers/*.env")]]
    assert STORES < SECRET
    assert not [name for one in given for name in one if name in SECRET - STORES]
    assert not [name for one in given[len(OURS) :] for name in one if name in STORES]


def test_containers_get_the_secrets_that_they_name() -> None:
    for name, one in OURS.items():
        files = {Path(value).name for key, value in one["environment"].items() if key.endswith("_FILE")}
        assert set(one.get("secrets", [])) == files, name
    assert {one["file"] for one in COMPOSE["secrets"].values()} == {f"./secrets/{name}" for name in COMPOSE["secrets"]}
    assert "/deploy/secrets/" in _text(ROOT / ".gitignore").splitlines()


def test_pods_get_the_secrets_that_they_name() -> None:
    """Each file that a variable names is there, and a pod of workers sees no password but its own."""
    keys = {one["metadata"]["name"]: set(one["stringData"]) for one in _named("Secret")}
    (settings,) = _named("ConfigMap")
    for name, one in CONTAINERS:
        mounts = {two["mountPath"]: two["name"] for two in one["volumeMounts"]}
        volumes = {two["name"]: two["secret"] for two in PODS[name]["volumes"] if "secret" in two}
        named = [Path(two["value"]) for two in one["env"] if two["name"].endswith("_FILE")]
        named.append(Path(settings["data"]["XUNQUN_TLS_CA"]))
        for path in named:
            secret = volumes[mounts[str(path.parent)]]
            shown = {two["path"]: two["key"] for two in secret.get("items", [])}
            assert shown.get(path.name, path.name) in keys[secret["secretName"]], path
            assert not shown or path.name in shown, path
            # Read by its group, which is that of our user, and by nobody else.
            assert secret["defaultMode"] == 0o440
        assert {str(path.parent) for path in named} == mounts.keys() - {"/tmp", str(KEYS.parent)}
        assert volumes["kafka"]["items"] == [{"key": name, "path": "password"}]
        assert {"name": "XUNQUN_KAFKA_USER", "value": f"xunqun-{name}"} in one["env"]


@pytest.mark.parametrize("unit", [*UNITS, *sorted(SYSTEMD.glob("[ak]*.conf"))], ids=lambda path: path.name)
def test_units_get_the_secrets_that_they_name(unit: Path) -> None:
    values = _unit(unit)
    loaded = dict(one.split(":", 1) for one in values["LoadCredential"])
    assert {name: f"/etc/xunqun/secrets/{name}" for name in loaded} == loaded
    named = {one.split("=%d/")[0]: one.split("=%d/")[1] for one in values["Environment"] if "=%d/" in one}
    assert sorted(named.values()) == sorted(loaded)
    assert all(name == f"XUNQUN_{file.upper()}_FILE" for name, file in named.items())


def test_the_page_calls_the_program_as_who_may() -> None:
    """Workers may not announce; and a key that root has made can be read by no process of ours."""
    blocks = re.findall(r"^```\n(.*?)^```", _text(ROOT / "docs" / "deploy.md"), re.MULTILINE | re.DOTALL)
    in_pods = [one for one in blocks if "kubectl" in one and "control announce" in one]
    assert in_pods
    assert all("XUNQUN_KAFKA_USER=xunqun-operator " in one for one in in_pods)
    assert [name for name, role in ROLES.items() if CONTROL in role.writes] == ["tuner", "operator"]
    with_settings = [line for one in blocks for line in one.splitlines() if ". /etc/xunqun/fleet.env" in line]
    assert with_settings
    assert all("sudo -u xunqun " in line for line in with_settings)


# -- keys of text at rest -----------------------------------------------------------------------------------------------


def test_containers_share_one_folder_of_keys() -> None:
    fleet = {name: one for name, one in OURS.items() if one["command"][0] in ("ingest", "worker")}
    for name, one in fleet.items():
        (mounted,) = [two.split(":")[1] for two in one["volumes"] if two.startswith("keys:")]
        assert Path(one["environment"]["XUNQUN_KEYS"]).parent == Path(mounted), name
    assert len(fleet) == 5
    assert "keys" in COMPOSE["volumes"]


def test_pods_share_one_folder_of_keys() -> None:
    """Each of them writes there, on whatever node it runs; the setup makes the folder."""
    (claim,) = _named("PersistentVolumeClaim")
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    (settings,) = _named("ConfigMap")
    assert settings["data"]["XUNQUN_KEYS"] == str(KEYS)
    mounted = {
        name
        for name, one in CONTAINERS
        if {"name": "keys", "mountPath": str(KEYS.parent)} in one["volumeMounts"]
        and {"name": "keys", "persistentVolumeClaim": {"claimName": claim["metadata"]["name"]}} in PODS[name]["volumes"]
    }
    assert mounted == PODS.keys()


def test_units_share_one_folder_of_keys() -> None:
    assert _variables(SYSTEMD / "fleet.env")["XUNQUN_KEYS"] == str(KEYS)
    for name in ("xunqun-ingest.service", "xunqun-worker@.service"):
        unit = _unit(SYSTEMD / name)
        assert "/etc/xunqun/fleet.env" in unit["EnvironmentFile"]
        # All else is read-only.
        assert [f"/var/lib/{one}" for one in unit["StateDirectory"]] == [str(KEYS.parent)]


# -- versions and files -------------------------------------------------------------------------------------------------


def test_images_are_pinned() -> None:
    version = tomllib.loads(_text(ROOT / "pyproject.toml"))["project"]["version"]
    images = [one["image"] for one in SERVICES.values()]
    assert all(re.fullmatch(r"[\w./-]+:v?\d+\.\d[\w.-]*|postgres:\d+", one) for one in images), images
    assert {one["image"] for one in OURS.values()} == {f"xunqun:{version}"}
    (tag,) = yaml.safe_load(_text(KUBERNETES / "kustomization.yaml"))["images"]
    assert tag == {"name": "xunqun", "newTag": version}
    assert {one["image"] for _, one in CONTAINERS} == {"xunqun"}
    containerfile = _text(DEPLOY / "Containerfile")
    assert re.search(r"^ARG PYTHON=3\.1\d\.\d+-slim-\w+$", containerfile, re.MULTILINE)
    assert set(re.findall(r"^FROM (\S+)", containerfile, re.MULTILINE)) == {"docker.io/library/python:${PYTHON}"}
    assert f"ARG VERSION={version}\n" in containerfile


def test_the_kustomization_names_every_manifest() -> None:
    named = yaml.safe_load(_text(KUBERNETES / "kustomization.yaml"))["resources"]
    assert sorted(named) == sorted({name for name, _ in MANIFESTS} - {"secrets.example.yaml"})


def _copied() -> list[str]:
    lines = re.findall(r"^COPY (?!--from)(.+)$", _text(DEPLOY / "Containerfile"), re.MULTILINE)
    return [word for line in lines for word in line.split()[:-1]]


@pytest.mark.parametrize("name", _copied())
def test_what_the_image_is_made_from_exists(name: str) -> None:
    assert (ROOT / name).exists()
    assert f"!{name}" in _text(ROOT / ".containerignore").splitlines()


@pytest.mark.parametrize(
    "path",
    sorted({one.split(":")[0] for service in SERVICES.values() for one in service.get("volumes", []) if one[0] == "."}),
)
def test_what_is_mounted_exists(path: str) -> None:
    assert (DEPLOY / path).exists()


def test_the_user_of_the_image_is_the_one_that_files_are_given_to() -> None:
    containerfile = _text(DEPLOY / "Containerfile")
    assert f"\nUSER {USER}:{USER}\n" in containerfile
    assert f"--uid {USER} --gid {USER} " in containerfile
    assert f"chown {USER}" in _text(ROOT / "docs" / "deploy.md")
