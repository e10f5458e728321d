"""A process that does one contender's work on demand; lives as long as the benchmark needs it.

    python worker.py MODULE FOLDER SEEDS_FOLDER

Reads one JSON object a line: `{"prepare": row, "count": n}` makes the work ready,
`{"go": true}` does and times it, `{"stored": true}` counts. Answers one JSON object a line.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).parents[1])


def main() -> None:
    # Peers print as they like; only answers go to the real standard output.
    answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    name, folder, seeds_folder = sys.argv[1:]
    module = importlib.import_module(f"tracker_bench.{name}")
    contender = module.Contender(Path(folder), Path(seeds_folder))
    work: Any = None
    for line in sys.stdin:
        order = json.loads(line)
        if "prepare" in order:
            work = getattr(contender, order["prepare"])(order["count"])
            answer = {"ready": True}
        elif "stored" in order:
            answer = {"stored": contender.stored()}
        else:
            answer = _timed(work)
        answers.write(json.dumps(answer) + "\n")


def _timed(work: Any) -> dict[str, Any]:
    gc.collect()
    began, began_cpu = time.perf_counter(), time.process_time()
    work()
    took = {"wall": time.perf_counter() - began, "cpu": time.process_time() - began_cpu}
    if hasattr(work, "quantiles"):  # `inputs.Calls`.
        took["cpu"] -= work.busy_cpu
        took["calls"] = work.quantiles()
    return took


if __name__ == "__main__":
    main()
