"""The same filters and orders sent to MLflow, on a copy of the same file.

Needs the newest MLflow: `MLFLOW_PYTHON=/path/to/python pytest -m interop`.
"""

import json
import os
import random
import shutil
import subprocess

import pytest

MLFLOW_PYTHON = os.environ.get("MLFLOW_PYTHON", "")
# Earlier releases compare NaN as if it were 0.
OLDEST_VERSION = (3, 17)
FILTERS = 3_000

pytestmark = [
    pytest.mark.interop,
    pytest.mark.slow,
    pytest.mark.skipif(not MLFLOW_PYTHON, reason="MLFLOW_PYTHON names no Python with MLflow"),
]

# Reads one search a line from a file, writes the ids found, or MLflow's complaint, one a line.
SEARCHES = """
import json, sys
import mlflow
from mlflow.exceptions import MlflowException
database, questions, answers, method, name = sys.argv[1:]
client = mlflow.MlflowClient(f"sqlite:///{database}")
with open(questions) as lines, open(answers, "w") as out:
    for line in lines:
        try:
            found = getattr(client, method)(**json.loads(line), max_results=1000)
            ids = [item.info.run_id if name == "run" else item.name for item in found]
        except MlflowException as error:
            ids = str(error)
        print(json.dumps(ids), file=out)
"""

ENTITIES = {
    "metrics": ["metrics.", "metric."],
    "params": ["params.", "param.", "parameter.", "parameters."],
    "tags": ["tags.", "tag."],
    "attributes": ["", "attributes.", "attribute.", "attr.", "run."],
    "datasets": ["datasets.", "dataset."],
}
TEXT_ATTRIBUTES = {
    "run_name": ["bold-fox", "Bold-Fox", "calm-owl", "none"],
    "run name": ["bold-fox", "calm-owl"],
    "Run Name": ["bold-fox", "calm-owl"],
    "status": ["RUNNING", "FINISHED", "FAILED", "finished"],
    "user_id": ["ann", "Ann", "bob"],
    "artifact_uri": ["artifacts/1/0", "artifacts/1/2"],
}
NUMERIC_ATTRIBUTES = ["start_time", "end_time", "created", "Created"]
METRICS = ["loss", "val loss", "system/cpu", "missing"]
TEXT_KEYS = {
    "params": ["lr", "model", "max depth", "a.b", "missing"],
    "tags": ["note", "team", "mlflow.user", "mlflow.runName", "missing"],
}
DATASETS = {
    "name": ["mnist", "MNIST", "stroke-digits", "100%"],
    "digest": ["aaaa", "bbbb"],
    "context": ["train", "test"],
}
TEXTS = [
    *["", "abc", "ABC", "Äß", "äß", "a%b", "a_b", "a*b", "a?b", "a[b]c", "it's", 'x"y', "it''s"],
    *["a\\b", r"a\'b", "nan", "inf", "0.1", "9", " 9 ", "12abc", "and", "a = 'b"],
]
PATTERNS = ["%", "", "a%", "%B", "a_b", "A_b", "%[b]%", "a?b", "a*b", "_ß", "%9%", "%O%", "T%"]
NUMBERS = ["0", "-1.5", "0.25", "1", "10", "1e300", "-3", "1e-7", ".5", "5.", "1E2", "0.250"]
TIMES = ["0", "1000", "2500", "3000.0", "-5", "1e3"]


class Grammar:
    """Writes filters and orders that MLflow can read."""

    def __init__(self, seed, run_ids=(), cases=(str.upper, str.lower, str.capitalize)):
        self.source = random.Random(seed)
        self.run_ids = run_ids
        self.cases = cases

    def pick(self, *choices):
        return self.source.choice(choices)

    def filter(self):
        terms = [self.comparison() for _ in range(self.pick(0, 1, 1, 1, 2, 2, 3))]
        return self.pick(" AND ", " and ", "\n  And ").join(terms)

    def comparison(self):
        return self.pick(self.metric, self.text, self.attribute, self.dataset)()

    def metric(self):
        return self.compared("metrics", self.pick(*METRICS), self.pick(*NUMBERS))

    def text(self):
        entity = self.pick(*TEXT_KEYS)
        name = self.name(entity, self.pick(*TEXT_KEYS[entity]))
        missing = f"{name} {self.cased(self.pick('IS NULL', 'IS NOT NULL'))}"
        return self.pick(missing, *[self.textual(name, TEXTS) for _ in range(4)])

    def attribute(self):
        if self.source.random() < 0.4:
            return self.compared("attributes", self.pick(*NUMERIC_ATTRIBUTES), self.pick(*TIMES))
        if self.source.random() < 0.2:
            ids = self.source.sample(self.run_ids, 5)
            return self.membership(self.name("attributes", "run_id"), ids)
        key = self.pick(*TEXT_ATTRIBUTES)
        return self.textual(self.name("attributes", key), TEXT_ATTRIBUTES[key])

    def dataset(self):
        key = self.pick(*DATASETS)
        name = self.name("datasets", key)
        listed = self.membership(name, self.source.sample(DATASETS[key], 2))
        return self.pick(listed, self.textual(name, DATASETS[key]))

    def compared(self, entity, key, value):
        operator = self.pick("=", "!=", "<", "<=", ">", ">=")
        blank = self.pick("", " ")
        return f"{self.name(entity, key)}{blank}{operator}{blank}{value}"

    def textual(self, name, values):
        if self.source.random() < 0.5:
            return f"{name} {self.pick('=', '!=')} {self.quoted(self.pick(*values))}"
        operator = self.cased(self.pick("LIKE", "ILIKE"))
        return f"{name} {operator} {self.quoted(self.pick(*PATTERNS))}"

    def membership(self, name, values):
        operator = self.cased(self.pick("IN", "NOT IN"))
        return f"{name} {operator} ({', '.join(map(self.quoted, values))})"

    def quoted(self, text):
        plain = text.replace("''", "").replace("\\'", "")
        single = [] if "'" in plain else [f"'{text}'"]
        double = [] if '"' in text else [f'"{text}"']
        return self.pick(*single, *double)

    def name(self, entity, key):
        plain = [key] if key.replace(".", "").isidentifier() else []
        prefix = self.pick(*ENTITIES[entity])
        if not prefix:
            return self.pick(f"`{key}`", *plain)
        return prefix + self.pick(f"`{key}`", f'"{key}"', *plain)

    def cased(self, word):
        return self.pick(*self.cases)(word)

    def order_by(self):
        names = [
            *[self.name("metrics", key) for key in METRICS],
            *[self.name("params", key) for key in TEXT_KEYS["params"]],
            *[self.name("tags", key) for key in TEXT_KEYS["tags"]],
            *["start_time", "end_time", "created", "status", "run_name", "user_id", "run_id"],
        ]
        chosen = self.source.sample(names, self.pick(0, 0, 1, 2))
        fields = {name: f"{name}{self.pick('', ' ASC', ' DESC', ' desc')}" for name in chosen}
        # MLflow refuses one field under two names.
        return [] if {"start_time", "created"} <= fields.keys() else list(fields.values())

    def experiment_filter(self):
        name = self.pick("name", "`name`", "attribute.name")
        tag = self.pick("tags.team", "tag.`team`", 'tags."a b"')
        terms = [
            self.textual(name, ["fuzz", "Default", "exp-1", "EXP-2"]),
            self.textual(tag, ["x", "X", "it's"]),
            f"{tag} {self.pick('IS NULL', 'IS NOT NULL')}",
            f"creation_time {self.pick('<', '>=', '=', '!=')} {self.pick(1, 2, 5)}",
            f"last_update_time {self.pick('<', '>=')} {self.pick(1, 2, 5)}",
            f"experiment_id {self.pick('=', '!=')} '{self.pick(0, 1, 2)}'",
            f"experiment_id {self.pick('IN', 'NOT IN')} ('1', '2')",
        ]
        return " AND ".join(self.source.sample(terms, self.pick(0, 1, 2)))


def ask_mlflow(folder, database, method, name, questions):
    """MLflow's answers on a copy of the database, which it upgrades."""
    copy, asked, answered = folder / "copy.db", folder / "asked.jsonl", folder / "answered.jsonl"
    shutil.copy(database, copy)
    asked.write_text("".join(json.dumps(question) + "\n" for question in questions))
    command = [MLFLOW_PYTHON, "-c", SEARCHES, str(copy), str(asked), str(answered), method, name]
    subprocess.run(command, check=True, cwd=folder, capture_output=True)
    return [json.loads(line) for line in answered.read_text().splitlines()]


def first_difference(questions, expected, found):
    for question, theirs, ours in zip(questions, expected, found, strict=True):
        if theirs != ours:
            return {"asked": question, "MLflow": theirs, "found": ours}
    return None


@pytest.fixture(autouse=True)
def _newest_mlflow():
    command = [MLFLOW_PYTHON, "-c", "import mlflow; print(mlflow.__version__)"]
    version = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    if tuple(map(int, version.split(".")[:2])) < OLDEST_VERSION:
        pytest.skip(f"MLflow {version} compares NaN as if it were 0")


def test_runs_are_found_and_ordered_as_mlflow_does(world, tmp_path):
    grammar = Grammar(1, [record.run_id for record in world.records])
    questions = [
        {"filter_string": grammar.filter(), "order_by": grammar.order_by()} for _ in range(FILTERS)
    ]
    asked = [{"experiment_ids": ["1"], **question} for question in questions]
    expected = ask_mlflow(tmp_path, world.path, "search_runs", "run", asked)
    found = [world.run_ids(**question) for question in questions]
    assert first_difference(questions, expected, found) is None


def test_experiments_are_found_and_ordered_as_mlflow_does(build, tmp_path):
    # MLflow's experiments know LIKE in capitals only.
    world, grammar = build(), Grammar(2, cases=(str.upper,))
    for number in range(2, 8):
        row = {"experiment_id": number, "name": f"{'exp' if number % 2 else 'EXP'}-{number}"}
        row |= {"artifact_location": "a", "lifecycle_stage": "active"}
        row |= {"creation_time": number % 3, "last_update_time": number}
        world.insert("experiments", row)
        for key, value in (("team", "xX"[number % 2]), ("a b", "it's"))[: number % 3]:
            world.insert("experiment_tags", {"experiment_id": number, "key": key, "value": value})
    world.connection.execute("UPDATE experiments SET creation_time = 5 WHERE experiment_id < 2")
    world.connection.commit()
    orders = [[], ["name"], ["last_update_time DESC"], ["creation_time", "name DESC"]]
    questions = [
        {"filter_string": grammar.experiment_filter(), "order_by": grammar.pick(*orders)}
        for _ in range(300)
    ]
    expected = ask_mlflow(tmp_path, world.path, "search_experiments", "experiment", questions)
    found = [world.experiment_names(**question) for question in questions]
    assert first_difference(questions, expected, found) is None
