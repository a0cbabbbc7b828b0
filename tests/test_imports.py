"""Imports go one way: streams, connectors → policies, classifiers → models (docs/adr/0001-flat-import-packages.md)."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent

# What each package may import of ours, itself apart.
MAY_IMPORT = {
    "models": set(),
    "classifiers": {"models"},
    "policies": {"models", "classifiers"},
    "connectors": {"models", "classifiers", "policies"},
    "streams": {"models", "classifiers", "policies", "connectors"},
}
# Folders with Python that nothing of ours imports.
NOT_PACKAGES = {"tests", "benchmarks", "deploy", "docs"}
# Judging takes signals as values; of the classifiers it uses what reads plain text and holds neither lists nor weights.
PURE_HELPERS = ("classifiers.conversation", "classifiers.folding", "classifiers.scolding", "classifiers.simplified")
# Slow to load or not installed at run time: what is imported where a module begins, and where that is right.
HEAVY = {
    "sklearn": ("classifiers/trained/train.py", "classifiers/trained/evaluate.py"),
    "scipy": ("classifiers/trained/train.py", "classifiers/trained/evaluate.py", "classifiers/trained/teach.py"),
    "jieba": ("classifiers/trained/*.py",),
    "opencc": ("classifiers/folding/build.py",),
    "matplotlib": ("streams/trial/charts*",),
}
# The modules of training, which serving must not load.
TRAINING = ("classifiers.trained.train", "classifiers.trained.teach", "classifiers.folding.build")
# The outside world: judging and measuring see none of it.
SHELL_ONLY = {
    "aiohttp", "asyncio", "logging", "prometheus_client", "random", "requests", "rich", "socket", "sqlalchemy",
    "sqlite3", "subprocess", "threading", "time", "typer", "urllib", "uvloop",
}  # fmt: skip

MODULES = sorted(path for package in MAY_IMPORT for path in (ROOT / package).rglob("*.py"))


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _targets(node: ast.AST, path: Path) -> Iterator[str]:
    """The dotted names that an import statement names; `from a import b` gives both `a` and `a.b`."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            here = path.relative_to(ROOT).parent.parts
            base = ".".join([*here[: len(here) - node.level + 1], *([base] if base else [])])
        yield base
        yield from (f"{base}.{alias.name}" for alias in node.names)


def _only_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def _walk(node: ast.AST, *, at_start: bool) -> Iterator[ast.AST]:
    """Every node; with `at_start` only what runs when the module is loaded."""
    for child in ast.iter_child_nodes(node):
        if at_start and (
            isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or _only_for_types(child)
        ):
            continue
        yield child
        yield from _walk(child, at_start=at_start)


def imports(path: Path, *, at_start: bool = False) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"), str(path))
    return {target for node in _walk(tree, at_start=at_start) for target in _targets(node, path)}


def _is_or_lies_in(target: str, packages: tuple[str, ...]) -> bool:
    return any(target == one or target.startswith(f"{one}.") for one in packages)


def test_every_top_level_folder_with_python_has_its_place() -> None:
    found = {
        path.name
        for path in ROOT.iterdir()
        if path.is_dir() and not path.name.startswith(".") and path.name not in ("build", "dist", "var", "node_modules")
        if any(path.rglob("*.py"))
    }
    unplaced = found - set(MAY_IMPORT) - NOT_PACKAGES
    assert not unplaced, (
        f"say in tests/test_imports.py what {', '.join(sorted(unplaced))} may import, and add it to docs"
    )


def test_every_package_is_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    include = project["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {one.rstrip("*") for one in include} == set(MAY_IMPORT)


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_imports_go_one_way(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    ours = {target.split(".")[0] for target in imports(path)} & (set(MAY_IMPORT) | NOT_PACKAGES)
    wrong = ours - MAY_IMPORT[package] - {package}
    assert not wrong, f"{package} must not import {', '.join(sorted(wrong))}"


@pytest.mark.parametrize("path", [path for path in MODULES if path.is_relative_to(ROOT / "models")], ids=_name)
def test_models_need_only_msgspec(path: Path) -> None:
    roots = {target.split(".")[0] for target in imports(path)}
    assert roots <= {"models", "msgspec"} | sys.stdlib_module_names


@pytest.mark.parametrize("path", [path for path in MODULES if path.is_relative_to(ROOT / "policies")], ids=_name)
def test_policies_use_only_pure_helpers_of_classifiers(path: Path) -> None:
    used = {target for target in imports(path) if target.split(".")[0] == "classifiers"}
    wrong = {target for target in used if not _is_or_lies_in(target, PURE_HELPERS)} - {"classifiers"}
    assert not wrong, f"policies may use {', '.join(PURE_HELPERS)} and take all else as signals"


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if path.relative_to(ROOT).parts[0] in ("models", "policies", "classifiers")],
    ids=_name,
)
def test_the_core_sees_no_outside_world(path: Path) -> None:
    seen = {target.split(".")[0] for target in imports(path)} & SHELL_ONLY
    assert not seen, (
        f"{', '.join(sorted(seen))} belongs in streams or connectors; what is needed comes in as an argument"
    )


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_heavy_packages_are_loaded_only_where_they_work(path: Path) -> None:
    here = path.relative_to(ROOT).as_posix()
    targets = imports(path, at_start=True)
    for package, allowed in HEAVY.items():
        if not any(fnmatch(here, pattern) for pattern in allowed):
            assert package not in {target.split(".")[0] for target in targets}, f"import {package} inside the function"
    if not here.startswith("classifiers/trained/"):
        wrong = sorted(target for target in targets if _is_or_lies_in(target, TRAINING) and _name(path) not in TRAINING)
        assert not wrong, f"import {', '.join(wrong)} inside the function"


@pytest.mark.parametrize("module", ["classifiers.measure", "policies.judge", "streams.embedded", "streams.cli"])
def test_what_judges_loads_nothing_heavy(module: str) -> None:
    program = f"import sys, {module}; print(*sorted(set({list(HEAVY)!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_a_wrong_import_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reading itself: relative imports, imports inside functions, imports for types alone."""
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    path = tmp_path / "policies" / "rules" / "one.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        "from typing import TYPE_CHECKING\n"
        "from . import base\n"
        "from ..schema import Pack\n"
        "if TYPE_CHECKING:\n    import jieba\n"
        "try:\n    import scipy.sparse\nexcept ImportError:\n    pass\n"
        "def late():\n    from sklearn import svm\n",
        "utf-8",
    )
    assert {"policies.rules.base", "policies.schema.Pack", "scipy.sparse", "sklearn.svm", "jieba"} <= imports(path)
    early = imports(path, at_start=True)
    assert "scipy.sparse" in early
    assert not {"sklearn", "sklearn.svm", "jieba"} & early


# What an editable installation loads by itself.
OURS = {"xunqun", "setuptools", "pip"}


def test_the_single_process_needs_no_package_of_an_extra() -> None:
    """`make run` installs the runtime's lock alone; here the extras are installed, too, and would hide what is missing."""
    code = (
        "import sys; import streams.cli, streams.demo.play, streams.running, streams.doctor, streams.desk;"
        "print(*{one.partition('.')[0] for one, found in sys.modules.items() if getattr(found, '__file__', None)})"
    )
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    installed = packages_distributions()
    named = {one for package in loaded.stdout.split() for one in installed.get(package, ()) if one not in OURS}
    assert {"cryptography", "msgspec"} <= named
    assert [one for one in sorted(named) if f"\n{canonicalize_name(one)}==" not in f"\n{lock}"] == []
