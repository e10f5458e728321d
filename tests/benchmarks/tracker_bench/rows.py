"""The rows of the table: what is done, how often, and what it may cost."""

from __future__ import annotations

from dataclasses import dataclass

OURS, RAW = "ours", "raw"
BEFORE = "before"  # An earlier state of ours.
PEERS = ("mlflow", "trackio", "aim", "tensorboard")
PROCESSES = 8


@dataclass(frozen=True, slots=True)
class Row:
    """One piece of work.

    Args:
        name: The method of a contender, and the word for `--only`.
        work: What the table says.
        count: Operations a repeat.
        peer_counts: How many of them a peer does; figures are for one operation.
        unit: What one operation is.
        raw_bound: The most that ours may cost, as a multiple of raw sqlite3.
        mlflow_bound: How many times faster than MLflow ours has to be.
        warm_up: Operations before every repeat that are not measured; 0 for none.
        baseline: The contender and the row whose figure is the 1 of `raw_bound`; the same work by
            raw sqlite3 where nothing is said.
        cpu_bound: The most CPU that ours may take, as a multiple of raw sqlite3, what it does
            after the call included.
        quick: The most operations of a quick look.
        repeats: How often it is measured; more often where the work is short.
    """

    name: str
    work: str
    count: int
    peer_counts: dict[str, int]
    unit: str
    raw_bound: float
    mlflow_bound: float
    warm_up: int | None = None
    baseline: tuple[str, str] | None = None
    cpu_bound: float | None = None
    quick: int = 50
    repeats: int = 5

    @property
    def tasks(self) -> dict[str, tuple[str, str]]:
        """Column of the table -> contender and its method."""
        columns = {OURS: (OURS, self.name), RAW: self.baseline or (RAW, self.name)}
        columns[BEFORE] = BEFORE, self.name
        return columns | {peer: (peer, self.name) for peer in self.peer_counts}

    def operations(self, contender: str, *, quick: bool) -> int:
        """How many operations a contender does in one repeat."""
        full = self.peer_counts.get(contender, self.count)
        return min(full, self.quick) if quick else full


ROWS = (
    Row(
        "one_metric",
        "one log_metric a call, each durable against kill",
        10_000,
        {"mlflow": 400, "trackio": 2_000, "aim": 2_000, "tensorboard": 2_000},
        "call",
        0.2,
        500,
        warm_up=500,
        cpu_bound=0.3,
        repeats=9,
    ),
    Row(
        "ten_metrics",
        "log_metrics of 10 a step",
        2_000,
        {"mlflow": 200, "trackio": 1_000, "aim": 500, "tensorboard": 500},
        "step",
        0.07,
        250,
        warm_up=100,
        repeats=25,
        cpu_bound=0.33,
    ),
    Row(
        "step_3ms",
        "one log_metric in a loop whose steps compute 3 ms",
        1_000,
        {},
        "step",
        0.4,
        0,
        warm_up=50,
        cpu_bound=0.7,
    ),
    Row(
        "step_10ms",
        "one log_metric in a loop whose steps compute 10 ms",
        300,
        {},
        "step",
        0.4,
        0,
        warm_up=20,
        cpu_bound=0.7,
    ),
    Row(
        "bulk",
        "1,000,000 points in batches of 10,000",
        1_000_000,
        {"mlflow": 20_000},
        "point",
        0.8,
        25,
        warm_up=20_000,
        quick=20_000,
    ),
    Row(
        "history",
        "history of 1,000,000 points into a DataFrame",
        1_000_000,
        {"mlflow": 50_000},
        "point",
        1.1,
        35,
        quick=2_000,
    ),
    Row(
        "shared_history",
        "the same history where 100 runs share the key",
        1_000_000,
        {"mlflow": 50_000},
        "point",
        1.1,
        35,
        baseline=(OURS, "history"),
        quick=2_000,
    ),
    Row(
        "search",
        "search: filter, order, 100 of 10,000 runs",
        20,
        {"mlflow": 3},
        "search",
        1.2,
        10,
        quick=2,
    ),
    Row(
        "frame",
        "10,000 runs x 10 params, 10 metrics, 5 tags as a DataFrame",
        1,
        {"mlflow": 1},
        "table",
        1.2,
        30,
    ),
    Row(
        "run",
        "create and finish a run",
        1_000,
        {"mlflow": 50, "trackio": 10, "aim": 5},
        "run",
        1.5,
        20,
        warm_up=50,
        repeats=15,
    ),
    Row(
        "processes",
        f"{PROCESSES} processes x 5,000 calls, nothing lost",
        5_000,
        {"mlflow": 40},
        "call",
        0.3,
        60,
        warm_up=0,
        quick=10,
        repeats=9,
    ),
    Row(
        "import",
        "import, over bare Python",
        1,
        {"mlflow": 1, "trackio": 1, "aim": 1},
        "import",
        0,
        50,
        warm_up=0,
        repeats=15,
    ),
)
IMPORT_BOUND_SECONDS = 0.025
