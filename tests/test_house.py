"""How the three packages are built: layers, circles, public names, and what an import costs."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import tracker

ROOT = Path(__file__).parent.parent
PACKAGES = ("tracker", "training", "dashboard")
# Each layer imports only what stands to the right of it.
LAYERS = (("fluent", "active_runs", "current"), ("client",), ("store",), ("database",))


def _load_house():
    path = ROOT / "tests" / "benchmarks" / "measure_house.py"
    spec = importlib.util.spec_from_file_location("measure_house", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


house = _load_house()


def imported(path):
    """Every module or name that a file imports, for type checkers too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def sources(folder):
    return sorted((ROOT / folder).rglob("*.py"))


def loaded_by(code):
    """The modules that a piece of Python imports."""
    around = f"import sys; before = set(sys.modules); {code}; print(*set(sys.modules) - before)"
    command = [sys.executable, "-c", around]
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())


@pytest.mark.parametrize(
    ("package", "never"),
    [
        ("tracker", ("training", "dashboard", "mlflow", "streamlit", "torch")),
        ("training", ("dashboard", "mlflow", "streamlit")),
        ("dashboard", ("training", "mlflow")),
    ],
)
def test_no_package_imports_one_that_stands_above_it(package, never):
    wrong = [
        (path.name, name)
        for path in sources(package)
        for name in imported(path)
        if name.split(".")[0] in never
        # The flavor that logs PyTorch models imports it where one is logged.
        and (path.name, name.split(".")[0]) != ("pytorch.py", "torch")
    ]
    assert wrong == []


@pytest.mark.parametrize("layer", range(1, len(LAYERS)))
def test_the_arrows_inside_the_tracker_point_down(layer):
    above = {name for names in LAYERS[:layer] for name in names}
    for name in LAYERS[layer]:
        files = [ROOT / "tracker" / f"{name}.py", *sources(f"tracker/{name}")]
        wrong = [
            (path.name, found)
            for path in filter(Path.is_file, files)
            for found in imported(path)
            if found.startswith("tracker.") and found.split(".")[1] in above
        ]
        assert wrong == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_modules_import_each_other_in_a_circle(package):
    assert house.measure(ROOT, package).circles == []


@pytest.mark.parametrize("package", ["training", "dashboard"])
def test_only_public_modules_of_the_tracker_are_imported_from_outside(package):
    public = {f"tracker.{name}" for name in (*tracker._MODULES, *tracker.__all__)}
    wrong = {
        (path.name, name)
        for path in sources(package)
        for name in imported(path)
        if name.startswith("tracker.") and name not in public
        if name.rpartition(".")[0] not in public
    }
    assert wrong == set()


def test_rows_are_written_only_in_the_store():
    verbs = ("INSERT INTO", "DELETE FROM", "UPDATE ")
    found = {
        path.relative_to(ROOT / "tracker").parts[0]
        for path in sources("tracker")
        if any(verb in path.read_text(encoding="utf-8") for verb in verbs)
    }
    assert found <= {"store", "schema.py"}


def test_importing_the_tracker_loads_nothing_outside_the_standard_library():
    foreign = {name.split(".")[0] for name in loaded_by("import tracker; tracker.start_run")} - {
        "tracker"
    }
    assert foreign <= set(sys.stdlib_module_names)


def test_importing_the_tracker_loads_its_modules_only_when_a_name_is_used():
    dear = {"tracker.fluent", "sqlite3", "dataclasses", "pathlib", "json"}
    assert loaded_by("import tracker") & dear == set()
    assert loaded_by("import tracker; tracker.log_metric") >= {"tracker.fluent", "sqlite3"}


def test_every_public_name_is_listed_once_documented_and_there():
    assert len(set(tracker.__all__)) == len(tracker.__all__)
    for name in tracker.__all__:
        assert inspect.getdoc(getattr(tracker, name)), name


def test_type_checkers_see_the_modules_that_hold_the_public_names():
    tree = ast.parse(Path(tracker.__file__).read_text(encoding="utf-8"))
    seen = {
        node.module.removeprefix("tracker.")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
    }
    assert seen == set(tracker._HOMES)


@pytest.mark.parametrize("package", PACKAGES)
def test_functions_are_short(package):
    measured = house.measure(ROOT, package)
    assert measured.longest <= 60
    assert measured.percentile_90 <= 30
    assert measured.median <= 10
