from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("bench_tracker.py")


@pytest.mark.slow
def test_the_benchmark_measures_every_row_beside_raw_sqlite(tmp_path):
    report = tmp_path / "bench.json"
    done = subprocess.run(
        [sys.executable, SCRIPT, "--quick", "--json", report, "--folder", tmp_path],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    rows = {row["row"]: row["times_raw"] for row in json.loads(report.read_text())["rows"]}
    assert len(rows) == 12
    assert [name for name, ratio in rows.items() if ratio is None] == ["import"]
