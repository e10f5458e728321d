"""Random runs: as plain Python records, and as rows of a real database."""

import math
import random
import sqlite3
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tracker.search import compile_experiment_search, compile_run_search

SCHEMA = Path(__file__).parents[3] / "schema.sql"
EXPERIMENT_ID = 1
METRICS = {
    "loss": [-1.5, 0.0, 0.25, 1.0, 3.0, math.nan, math.inf, -math.inf],
    "val loss": [0.5, 1e-7, 1e300, math.nan],
    "system/cpu": [10.0, 20.0],
}
TEXTS = [
    *["", "abc", "ABC", "Äß", "äß", "a%b", "a_b", "a*b", "a?b", "a[b]c", "it's", 'x"y', "it''s"],
    *[
        "a\\b",
        r"a\'b",
        "nan",
        "inf",
        "-inf",
        "0.1",
        "0.10",
        "1e-1",
        "10",
        "9",
        " 9 ",
        "12abc",
        "-3",
        "1_0",
    ],
]
PARAMS = ["lr", "model", "max depth", "a.b"]
TAGS = ["note", "team", "mlflow.user"]
STATUSES = ["RUNNING", "FINISHED", "FAILED", "KILLED"]
DATASETS = {
    "name": ["mnist", "MNIST", "stroke-digits", "100%"],
    "digest": ["aaaa", "bbbb"],
    "context": ["train", "test"],
}


@dataclass
class Record:
    """One run as its owner thinks of it."""

    attributes: dict[str, str | int | None]
    metrics: dict[str, float]
    params: dict[str, str]
    tags: dict[str, str]
    datasets: list[dict[str, str]] = field(default_factory=list)

    @property
    def run_id(self) -> str:
        return str(self.attributes["run_id"])


class World:
    """The records, the connection that holds them, and what the tracker finds there."""

    def __init__(self, path: Path, records: list[Record]) -> None:
        self.path = path
        self.records = records
        self.connection = sqlite3.connect(path)
        self.connection.execute("PRAGMA synchronous = OFF")
        self.connection.executescript("BEGIN;" + SCHEMA.read_text(encoding="utf-8"))
        self.connection.execute(
            "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage)"
            " VALUES (0, 'Default', 'a/0', 'active'), (1, 'fuzz', 'a/1', 'active')"
        )
        for record in records:
            self._insert(record)
        self.connection.commit()

    def run_ids(self, filter_string="", order_by=()):
        search = compile_run_search(filter_string, order_by)
        sql = f"SELECT run_uuid FROM runs {search.joins} WHERE ({search.where})"
        return self._first_column(sql.replace("run_uuid", "runs.run_uuid", 1), search)

    def experiment_names(self, filter_string="", order_by=()):
        search = compile_experiment_search(filter_string, order_by)
        sql = f"SELECT experiments.name FROM experiments {search.joins} WHERE ({search.where})"
        return self._first_column(sql, search)

    def _first_column(self, sql, search):
        values = (*search.join_params, *search.where_params)
        rows = self.connection.execute(f"{sql} ORDER BY {search.order}", values)
        return [value for (value,) in rows]

    def _insert(self, record: Record) -> None:
        run_id = record.run_id
        columns = {"run_uuid": run_id, "name": record.tags.get("mlflow.runName", "unnamed")}
        columns |= {k: v for k, v in record.attributes.items() if not k.startswith("run_")}
        columns |= {"lifecycle_stage": "active", "experiment_id": EXPERIMENT_ID}
        self.insert("runs", columns)
        for key, value in record.metrics.items():
            self.insert_metric(run_id, key, value)
        for table, items in (("params", record.params), ("tags", record.tags)):
            for key, value in items.items():
                self.insert(table, {"run_uuid": run_id, "key": key, "value": value})
        for index, dataset in enumerate(record.datasets):
            self._insert_dataset(run_id, f"{run_id[:30]}{index:02}", dataset)

    def insert_metric(self, run_id: str, key: str, value: float) -> None:
        stored = 0.0 if math.isnan(value) else value
        stored = math.copysign(sys.float_info.max, stored) if math.isinf(stored) else stored
        row = {"run_uuid": run_id, "key": key, "value": stored, "is_nan": math.isnan(value)}
        self.insert("latest_metrics", row | {"timestamp": 0, "step": 0})

    def _insert_dataset(self, run_id: str, input_id: str, dataset: dict[str, str]) -> None:
        dataset_id = dataset["name"] + dataset["digest"]
        row = {"dataset_uuid": dataset_id, "experiment_id": EXPERIMENT_ID, "name": dataset["name"]}
        row |= {"digest": dataset["digest"], "dataset_source_type": "local", "dataset_source": "{}"}
        self.insert("datasets", row, "OR IGNORE")
        row = {"input_uuid": input_id, "source_type": "DATASET", "source_id": dataset_id}
        row |= {"destination_type": "RUN", "destination_id": run_id}
        self.insert("inputs", row)
        if "context" in dataset:
            row = {"input_uuid": input_id, "name": "mlflow.data.context"}
            self.insert("input_tags", row | {"value": dataset["context"]})

    def insert(self, table: str, row: dict[str, object], conflict: str = "") -> None:
        marks = ", ".join("?" * len(row))
        sql = f"INSERT {conflict} INTO {table} ({', '.join(row)}) VALUES ({marks})"
        self.connection.execute(sql, tuple(row.values()))


def random_record(source: random.Random) -> Record:
    start = source.randrange(5) * 1000
    some = {key: source.choice(values) for key, values in METRICS.items() if source.random() < 0.7}
    texts = {key: source.choice(TEXTS) for key in [*PARAMS, *TAGS] if source.random() < 0.7}
    name = {"mlflow.runName": source.choice(["bold-fox", "Bold-Fox", "calm-owl"])}
    return Record(
        attributes={
            "run_id": f"{source.getrandbits(128):032x}",
            "status": source.choice(STATUSES),
            "user_id": source.choice(["ann", "Ann", "bob"]),
            "artifact_uri": f"artifacts/1/{source.randrange(3)}",
            "start_time": start,
            "end_time": source.choice([None, start + 500, start + 1500]),
        },
        metrics=some,
        params={key: text for key, text in texts.items() if key in PARAMS},
        tags={key: text for key, text in texts.items() if key in TAGS}
        | (name if source.random() < 0.9 else {}),
        datasets=_random_datasets(source),
    )


def _random_datasets(source: random.Random) -> list[dict[str, str]]:
    names = source.sample(DATASETS["name"], source.choice([0, 0, 1, 2]))
    inputs = [{"name": name, "digest": source.choice(DATASETS["digest"])} for name in names]
    for dataset in inputs:
        if source.random() < 0.7:
            dataset["context"] = source.choice(DATASETS["context"])
    return inputs


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    source = random.Random(20)
    path = tmp_path_factory.mktemp("search") / "tracking.db"
    built = World(path, [random_record(source) for _ in range(50)])
    yield built
    built.connection.close()


@pytest.fixture
def build(tmp_path):
    """Builds a world of the given records."""
    worlds = []

    def build(*records: Record) -> World:
        worlds.append(World(tmp_path / f"{len(worlds)}.db", list(records)))
        return worlds[-1]

    yield build
    for built in worlds:
        built.connection.close()


@pytest.fixture
def record():
    """Makes a record; its id is the given letter 32 times."""

    def record(letter, **parts) -> Record:
        attributes = {"run_id": letter * 32, "status": "FINISHED", "start_time": 0}
        attributes |= parts.pop("attributes", {})
        empty = {"metrics": {}, "params": {}, "tags": {}}
        return Record(attributes=attributes, **(empty | parts))

    return record
