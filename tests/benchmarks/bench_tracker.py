"""Measures the tracker side by side with raw sqlite3, and with other trackers.

    python tests/benchmarks/bench_tracker.py [--mlflow PYTHON] [--trackio PYTHON] [--aim PYTHON]
                                             [--tensorboard PYTHON] [--before PYTHON]
                                             [--only ROW ...] [--quick] [--json FILE]

PYTHON is an interpreter that has the peer, or the tracker as it was before. Everybody works in a
process of its own and in turn, so that a busy machine is busy for all; figures are medians for one
operation. It asserts nothing but that no point was lost. About three minutes, with MLflow six.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent))

from tracker_bench.measure import Bench, measure_imports
from tracker_bench.report import Result, calls_table, machine, table
from tracker_bench.rows import BEFORE, OURS, PEERS, RAW, ROWS, Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def main() -> None:
    options = _options()
    pythons = {OURS: sys.executable, RAW: sys.executable}
    pythons |= {peer: getattr(options, peer) for peer in (BEFORE, *PEERS) if getattr(options, peer)}
    rows = [row for row in ROWS if not options.only or row.name in options.only]
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        bench = Bench(pythons, Path(folder), repeats=options.repeats, quick=options.quick)
        try:
            results = list(_results(bench, rows))
        finally:
            bench.close()
    print(f"\n{table(results)}\n\n{calls_table(results)}")
    if options.json:
        report = {"machine": machine(), "rows": [result.as_dict() for result in results]}
        options.json.write_text(json.dumps(report, indent=1), encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for peer in (BEFORE, *PEERS):
        parser.add_argument(f"--{peer}", metavar="PYTHON", help=f"an interpreter that has {peer}")
    parser.add_argument("--only", nargs="+", choices=[row.name for row in ROWS], metavar="ROW")
    parser.add_argument("--quick", action="store_true", help="tiny counts, to see that it runs")
    parser.add_argument("--repeats", type=int, help="5 to 25; 1 with --quick")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--folder", type=Path, help="where the databases go for the time being")
    options = parser.parse_args()
    options.repeats = options.repeats or (1 if options.quick else None)
    return options


def _results(bench: Bench, rows: Sequence[Row]) -> Iterator[Result]:
    bench.write_seeds(rows)
    for row in rows:
        if row.name == "import":
            timings = measure_imports(bench.pythons, bench.folder, bench.repeats_of(row))
        else:
            timings = bench.measure(row)
        result = Result(row, timings)
        print(result.summary(), file=sys.stderr, flush=True)
        yield result


if __name__ == "__main__":
    main()
