"""Measures the layout of the code: `python tests/benchmarks/measure_house.py [--json] [FOLDER]`.

Per package: files, lines, lines a file, functions, the median, the 90th percentile and the longest
function (in lines, decorators and docstring included), and the circles of modules: groups that
import each other at run time, in functions too. Imports for type checkers only do not count.
"""

from __future__ import annotations

import argparse
import ast
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGES = ("tracker", "training", "dashboard")


@dataclass(frozen=True)
class Measured:
    """One package: lengths in lines."""

    package: str
    files: int
    short_files: int
    lines: int
    functions: int
    median: int
    percentile_90: int
    longest: int
    circles: list[list[str]]


def sources(root: Path, package: str) -> dict[str, ast.Module]:
    """The syntax tree of each module, by its dotted name."""
    return {
        module_name(path.relative_to(root)): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted((root / package).rglob("*.py"))
    }


def module_name(path: Path) -> str:
    """The dotted name of a file; that of a package for its `__init__.py`."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_for_type_checkers(node: ast.AST) -> bool:
    """Whether it is an `if TYPE_CHECKING:` block."""
    return isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"


def imports(tree: ast.AST) -> Iterator[str]:
    """What a module imports at run time, wherever the import stands."""
    for node in ast.iter_child_nodes(tree):
        if is_for_type_checkers(node):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        yield from imports(node)


def import_graph(trees: dict[str, ast.Module]) -> dict[str, set[str]]:
    """Which modules of a package each of its modules imports."""
    return {
        name: {found for imported in imports(tree) if (found := known(imported, trees))} - {name}
        for name, tree in trees.items()
    }


def known(imported: str, trees: dict[str, ast.Module]) -> str | None:
    """The module behind an imported name: itself, or the one that holds the name."""
    return next((n for n in (imported, imported.rpartition(".")[0]) if n in trees), None)


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The groups of modules that reach each other."""
    reach = {name: reachable(graph, name) for name in graph}
    groups = {
        tuple(sorted(other for other in reach[name] if name in reach[other])) for name in graph
    }
    return sorted(list(group) for group in groups if len(group) > 1)


def reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    """What a module imports, directly or not."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for name in graph[waiting.pop()] - found:
            found.add(name)
            waiting.append(name)
    return found


def function_lengths(trees: dict[str, ast.Module]) -> list[int]:
    """How many lines each function has, in order."""
    return sorted(
        node.end_lineno - node.lineno + 1
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
    )


def measure(root: Path, package: str) -> Measured:
    """The figures of one package."""
    trees = sources(root, package)
    lengths = function_lengths(trees)
    counts = [
        len(path.read_text(encoding="utf-8").splitlines())
        for path in (root / package).rglob("*.py")
    ]
    return Measured(
        package=package,
        files=len(counts),
        short_files=sum(count < 60 for count in counts),
        lines=sum(counts),
        functions=len(lengths),
        median=lengths[len(lengths) // 2],
        percentile_90=lengths[len(lengths) * 9 // 10],
        longest=lengths[-1],
        circles=circles(import_graph(trees)),
    )


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parents[2])
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    measured = [measure(arguments.folder, package) for package in PACKAGES]
    if arguments.json:
        print(json.dumps([asdict(row) for row in measured]))
        return
    print(
        "package    files  under 60   lines  lines/file  functions  median  90 %  longest  circles"
    )
    for row in measured:
        print(
            f"{row.package:<9} {row.files:>6} {row.short_files:>9} {row.lines:>7} "
            f"{row.lines / row.files:>11.0f} {row.functions:>10} {row.median:>7} "
            f"{row.percentile_90:>5} {row.longest:>8} {len(row.circles):>8}"
        )
    for row in measured:
        for circle in row.circles:
            print("circle:", ", ".join(circle))


if __name__ == "__main__":
    main()
