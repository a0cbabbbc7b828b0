"""Makes a folder from which Xunqun is installed on machines without any network.

`python deploy/bundle.py --out FOLDER`, on a machine like those (same kind of processor, same Python) that reaches the package
registries, writes: all wheels of the fleet's lock, the wheel of Xunqun itself, Kafka's jars, the folders deploy and docs, a
SHA256SUMS over all of it, and install.sh, which checks the sums and installs. Maven fetches the jars if $XUNQUN_JARS has none.
"""

import argparse
import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
# What the wheel of Xunqun is built from, and what goes along as it is.
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "models", "classifiers", "policies", "connectors", "streams")
PLAIN = ("LICENSE", "requirements-fleet.lock", "deploy", "docs")
# A folder of secrets lies beside compose.yaml on the machine that runs it; it goes nowhere.
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "secrets", "*.db")


class BundleError(Exception):
    """The bundle cannot be made; the text is for people and names the way out."""


def make_bundle(out: Path, *, lock: Path, build_lock: Path) -> str:
    """Fill the folder `out`; gives the digest of its SHA256SUMS. BundleError when something is missing or cannot be had."""
    if out.exists() and any(out.iterdir()):
        raise BundleError(f"{out} is not empty: name a folder that does not exist yet")
    for needed in (lock, build_lock):
        if not needed.is_file():
            raise BundleError(f"{needed.name} is missing: make lock")
    out.mkdir(parents=True, exist_ok=True)
    wheels = out / "wheels"
    _pip("download", "--require-hashes", "--only-binary", ":all:", "-r", str(lock), "-d", str(wheels))
    own = _build(wheels, build_lock)
    _add_jars(out / "jars")
    for name in PLAIN:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, out / name, ignore=_LEFT_OUT)
    shutil.copy2(ROOT / "LICENSE", out / "LICENSE")
    shutil.copyfile(lock, out / "requirements-fleet.lock")
    return finish(out, own)


def finish(out: Path, own: Path) -> str:
    """Add what every bundle has besides packages: a lock of our own wheel, install.sh, the sums; gives the sums' digest."""
    name, version = own.name.split("-")[:2]
    (out / "xunqun.lock").write_text(f"{name}=={version} --hash=sha256:{digest(own)}\n")
    (out / "made-for").write_text(f"{sys.version_info[0]}.{sys.version_info[1]} {platform.machine()}\n")
    shutil.copy2(ROOT / "deploy" / "install.sh", out / "install.sh")
    files = sorted(path for path in out.rglob("*") if path.is_file())
    (out / "SHA256SUMS").write_text("".join(f"{digest(path)}  {path.relative_to(out)}\n" for path in files))
    return digest(out / "SHA256SUMS")


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _build(wheels: Path, build_lock: Path) -> Path:
    """The wheel of this checkout, built from a copy: what an earlier build left lying in the checkout would get into it."""
    with tempfile.TemporaryDirectory() as made:
        source, tools = Path(made) / "source", Path(made) / "tools"
        source.mkdir()
        for name in SOURCES:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, source / name, ignore=_LEFT_OUT)
            else:
                shutil.copy2(ROOT / name, source / name)
        _pip("install", "--require-hashes", "--only-binary", ":all:", "-r", str(build_lock), "--target", str(tools))
        before = set(wheels.iterdir())
        _pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels), str(source), path=tools)
    (own,) = set(wheels.iterdir()) - before
    return own


def _add_jars(jars: Path) -> None:
    stack = _stack()
    kept = os.environ.get("XUNQUN_JARS")
    if kept and stack.jars_complete(Path(kept)):
        shutil.copytree(kept, jars)
        return
    try:
        stack.fetch_jars(jars)
    except stack.StackError as error:
        raise BundleError(str(error)) from error
    jars.with_name(jars.name + ".lock").unlink(missing_ok=True)


def _stack() -> ModuleType:
    """deploy/local/stack.py, which knows Kafka's jars; it is a script and lies in no package."""
    spec = importlib.util.spec_from_file_location("local_stack", ROOT / "deploy" / "local" / "stack.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _pip(command: str, *arguments: str, path: Path | None = None) -> None:
    environment = {**os.environ, "PYTHONPATH": str(path)} if path else None
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--no-input", "--disable-pip-version-check", "-q", command, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        cwd=ROOT,
    )
    if done.returncode:
        last = "\n".join(f"    {line}" for line in done.stdout.rstrip().splitlines()[-10:])
        raise BundleError(f"pip {command} failed:\n{last}")


def main(arguments: list[str] | None = None) -> int:
    """0 when the bundle is made; 1 when not, and what is wrong stands on standard error."""
    parser = argparse.ArgumentParser(
        prog="bundle.py", description="A folder to install Xunqun from, without any network."
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to make")
    parser.add_argument("--lock", type=Path, default=ROOT / "requirements-fleet.lock", help="what to install")
    parser.add_argument("--build-lock", type=Path, default=ROOT / "requirements-build.lock", help="what builds Xunqun")
    given = parser.parse_args(arguments)
    try:
        sums = make_bundle(given.out.absolute(), lock=given.lock, build_lock=given.build_lock)
    except BundleError as error:
        print(f"bundle.py: {error}", file=sys.stderr)
        return 1
    print(
        f"Made {given.out}. Carry it over, and this on another way, to compare it there (sha256sum SHA256SUMS):\n{sums}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
