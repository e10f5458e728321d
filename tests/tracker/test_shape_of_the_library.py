"""The layers, the public names, and what `import tracker` may cost."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import tracker

ROOT = Path(tracker.__file__).parent.parent
LAYERS = ("fluent", "client", "store", "database")


def imported(path):
    """Every module that a file names in an import, wherever it stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def sources(folder):
    return sorted((ROOT / folder).rglob("*.py"))


def loaded_by(code):
    """The modules that a piece of Python imports."""
    around = f"import sys; before = set(sys.modules); {code}; print(*set(sys.modules) - before)"
    command = [sys.executable, "-c", around]
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())


@pytest.mark.parametrize(
    ("house", "never"),
    [
        ("tracker", ("training", "dashboard", "mlflow", "streamlit", "torch")),
        ("training", ("dashboard", "mlflow", "streamlit")),
        ("dashboard", ("training", "mlflow")),
    ],
)
def test_no_house_imports_what_stands_above_it(house, never):
    wrong = [
        (path.name, name)
        for path in sources(house)
        for name in imported(path)
        if name.split(".")[0] in never
    ]
    assert wrong == []


@pytest.mark.parametrize("layer", range(1, len(LAYERS)))
def test_the_arrows_inside_the_tracker_point_down(layer):
    above = tuple(f"tracker.{name}" for name in LAYERS[:layer])
    package = ROOT / "tracker" / LAYERS[layer]
    files = sorted(package.rglob("*.py")) if package.is_dir() else [package.with_suffix(".py")]
    assert files
    wrong = [(path, name) for path in files for name in imported(path) if name.startswith(above)]
    assert wrong == []


def test_rows_are_written_only_in_the_store():
    verbs = ("INSERT INTO", "DELETE FROM", "UPDATE ")
    found = {
        path.relative_to(ROOT / "tracker").parts[0]
        for path in sources("tracker")
        if any(verb in path.read_text(encoding="utf-8") for verb in verbs)
    }
    assert found <= {"store", "schema.py", "sink.py"}


def test_importing_the_tracker_loads_nothing_outside_the_standard_library():
    foreign = {name.split(".")[0] for name in loaded_by("import tracker; tracker.start_run")} - {
        "tracker"
    }
    assert foreign <= set(sys.stdlib_module_names)


def test_importing_the_tracker_loads_its_modules_only_when_a_name_is_used():
    dear = {"tracker.fluent", "sqlite3", "dataclasses", "pathlib", "json"}
    assert loaded_by("import tracker") & dear == set()
    assert loaded_by("import tracker; tracker.log_metric") >= {"tracker.fluent", "sqlite3"}


def test_every_public_name_is_listed_documented_and_there():
    for name in tracker.__all__:
        assert inspect.getdoc(getattr(tracker, name)), name
    assert tracker.__all__ == sorted(tracker.__all__)


def test_type_checkers_see_the_modules_that_hold_the_public_names():
    tree = ast.parse(Path(tracker.__file__).read_text(encoding="utf-8"))
    seen = {
        node.module.removeprefix("tracker.")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
    }
    assert seen == set(tracker._HOMES)


def test_functions_are_short():
    lengths = sorted(
        node.end_lineno - node.lineno + 1
        for folder in ("tracker", "training", "dashboard")
        for path in sources(folder)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    assert lengths[-1] <= 60
    assert lengths[len(lengths) * 9 // 10] <= 30
