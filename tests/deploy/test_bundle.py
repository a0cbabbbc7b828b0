"""The bundle installs without a network, and nothing that was changed on the way."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "bundle.py"
# Where a package client would end that went out after all.
NOWHERE = {"PIP_INDEX_URL": "http://127.0.0.1:9/", "HTTP_PROXY": "http://127.0.0.1:9/", "PIP_RETRIES": "0"}


@pytest.fixture(scope="module")
def bundling() -> ModuleType:
    spec = spec_from_file_location("bundle", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def bundle(bundling: ModuleType, tmp_path: Path) -> Path:
    """A small bundle, finished as the real one is: its only wheel is a program that says its version, as ours does."""
    folder = tmp_path / "bundle"
    for name in ("wheels", "deploy", "docs"):
        (folder / name).mkdir(parents=True)
    (folder / "docs" / "deploy.md").write_text("# Deploy\n")
    (folder / "deploy" / "compose.yaml").write_text("name: xunqun\n")
    (folder / "LICENSE").write_text("Apache-2.0\n")
    (folder / "requirements-fleet.lock").write_text("")
    own = folder / "wheels" / "xunqun-0.0.1-py3-none-any.whl"
    files = {
        "small.py": "def main():\n    print('xunqun 0.0.1')\n",
        "xunqun-0.0.1.dist-info/METADATA": "Metadata-Version: 2.1\nName: xunqun\nVersion: 0.0.1\n",
        "xunqun-0.0.1.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "xunqun-0.0.1.dist-info/entry_points.txt": "[console_scripts]\nxunqun = small:main\n",
    }
    with zipfile.ZipFile(own, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
        wheel.writestr("xunqun-0.0.1.dist-info/RECORD", "".join(f"{name},,\n" for name in files))
    bundling.finish(folder, own)
    return folder


@pytest.fixture
def install(bundle: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    def call(*options: str) -> subprocess.CompletedProcess[str]:
        command = ["sh", str(bundle / "install.sh"), *(options or ("--into", str(tmp_path / "into")))]
        if options == () or "--into" in options:
            command += ["--python", sys.executable] if "--python" not in options else []
        return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **NOWHERE}, timeout=120)

    return call


def test_a_bundle_installs_into_a_folder_of_its_own(
    install: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    done = install()
    assert done.returncode == 0, done.stderr
    assert "xunqun 0.0.1" in done.stdout
    assert (tmp_path / "into" / "deploy" / "compose.yaml").exists()
    again = install()
    assert again.returncode == 1
    assert "not empty" in again.stderr
    assert (tmp_path / "into" / "bin" / "xunqun").exists()


def test_a_folder_is_named_from_where_the_caller_stands(bundle: Path, tmp_path: Path) -> None:
    here = tmp_path / "a place"
    (here / "tools").mkdir(parents=True)
    (here / "tools" / "python").symlink_to(sys.executable)
    command = ["sh", "../bundle/install.sh", "--into", "xunqun 1", "--python", "tools/python"]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, env={**os.environ, **NOWHERE}, timeout=120)
    assert done.returncode == 0, done.stderr
    assert (here / "xunqun 1" / "bin" / "xunqun").exists()
    assert not (bundle / "xunqun 1").exists()


def test_what_is_installed_may_be_read_by_the_user_that_runs_it(bundle: Path, tmp_path: Path) -> None:
    """Who has just made secrets may still have their umask."""
    into = tmp_path / "into"
    command = ["sh", str(bundle / "install.sh"), "--into", str(into), "--python", sys.executable]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **NOWHERE}, timeout=120, umask=0o077
    )
    assert done.returncode == 0, done.stderr
    closed = [path for path in (into, *into.rglob("*")) if not path.is_symlink() and not path.stat().st_mode & 0o004]
    assert closed == []


def test_an_installation_that_is_broken_off_leaves_nothing(
    install: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    python = tmp_path / "python"
    # Half-way through the environment, its caller is told to end.
    python.write_text(
        '#!/bin/sh\n[ "$2" != venv ] || { mkdir "$3"; touch "$3/half"; kill -TERM $PPID; exit 0; }\n'
        f'exec "{sys.executable}" "$@"\n'
    )
    python.chmod(0o755)
    done = install("--into", str(tmp_path / "into"), "--python", str(python))
    assert done.returncode == 143
    assert not (tmp_path / "into").exists()


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda bundle: _flip(next((bundle / "wheels").iterdir())), "damaged"),
        (lambda bundle: _flip(bundle / "xunqun.lock"), "damaged"),
        (lambda bundle: (bundle / "deploy" / "compose.yaml").unlink(), "damaged"),
        (lambda bundle: (bundle / "wheels" / "other.whl").touch(), "does not name"),
        (lambda bundle: (bundle / "deploy" / "link").symlink_to("/etc/passwd"), "does not name"),
        (lambda bundle: (bundle / "SHA256SUMS").unlink(), "no bundle"),
    ],
    ids=["flipped byte", "flipped lock", "missing", "one more", "a link more", "no sums"],
)
def test_a_bundle_that_was_changed_is_refused(
    install: Callable[..., subprocess.CompletedProcess[str]],
    bundle: Path,
    tmp_path: Path,
    harm: Callable[[Path], None],
    said: str,
) -> None:
    harm(bundle)
    done = install()
    assert done.returncode == 1
    assert said in done.stderr
    assert not (tmp_path / "into").exists()


def test_packages_are_held_to_the_lock_once_more(
    install: Callable[..., subprocess.CompletedProcess[str]], bundling: ModuleType, bundle: Path, tmp_path: Path
) -> None:
    """Somebody who changes a package and the sums has not changed the lock; and what is half installed is taken away."""
    _flip(bundle / "xunqun.lock")
    lines = [line for line in (bundle / "SHA256SUMS").read_text().splitlines() if not line.endswith("  xunqun.lock")]
    lines.append(f"{bundling.digest(bundle / 'xunqun.lock')}  xunqun.lock")
    (bundle / "SHA256SUMS").write_text("\n".join(lines) + "\n")
    done = install()
    assert done.returncode != 0
    assert not (tmp_path / "into").exists()


def test_another_python_is_told_which_one_is_wanted(
    install: Callable[..., subprocess.CompletedProcess[str]], bundling: ModuleType, bundle: Path, tmp_path: Path
) -> None:
    (bundle / "made-for").write_text("2.7 pdp11\n")
    lines = [line for line in (bundle / "SHA256SUMS").read_text().splitlines() if not line.endswith("  made-for")]
    lines.append(f"{bundling.digest(bundle / 'made-for')}  made-for")
    (bundle / "SHA256SUMS").write_text("\n".join(lines) + "\n")
    done = install()
    assert done.returncode == 1
    assert "for Python 2.7 on pdp11" in done.stderr
    assert not (tmp_path / "into").exists()


@pytest.mark.parametrize("options", [("--frob",), ("--into",), ("--into", ""), ("--python", sys.executable)])
def test_wrong_options_are_told_how_it_is_called(
    install: Callable[..., subprocess.CompletedProcess[str]], options: tuple[str, ...]
) -> None:
    done = install(*options)
    assert done.returncode == 2
    assert "--into FOLDER" in done.stderr


def test_a_bundle_is_made_into_an_empty_folder_from_locks_that_are_there(bundling: ModuleType, tmp_path: Path) -> None:
    call = [sys.executable, str(SCRIPT), "--out"]
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    full = subprocess.run([*call, str(tmp_path / "full")], capture_output=True, text=True)
    assert (full.returncode, full.stdout) == (1, "")
    assert "is not empty" in full.stderr
    without = subprocess.run([*call, str(tmp_path / "new"), "--lock", "no.lock"], capture_output=True, text=True)
    assert without.returncode == 1
    assert "make lock" in without.stderr
    assert not (tmp_path / "new").exists()


def test_the_bundle_is_built_from_what_the_image_is_built_from(bundling: ModuleType) -> None:
    containerfile = SCRIPT.with_name("Containerfile").read_text("utf-8")
    lines = [
        line.split()[1:-1] for line in containerfile.splitlines() if line.startswith("COPY ") and "--from" not in line
    ]
    copied = {name for line in lines for name in line if not name.endswith(".lock")}
    assert set(bundling.SOURCES) == copied
