"""Rows of `datasets`, `inputs` and `input_tags`."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from tracker.entities import Dataset, DatasetInput, InputTag, RunInputs
from tracker.names import random_id

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence


def insert(
    connection: sqlite3.Connection,
    experiment_id: str,
    run_id: str,
    dataset_inputs: Sequence[DatasetInput],
) -> None:
    """Record which data sets a run used; the tags of a recorded use are left as they are."""
    for dataset_input in dataset_inputs:
        dataset_uuid = _dataset_uuid(connection, experiment_id, dataset_input.dataset)
        input_uuid = random_id()
        if not _insert_input(connection, input_uuid, dataset_uuid, run_id):
            continue
        connection.executemany(
            """
            INSERT INTO input_tags (input_uuid, name, value)
            VALUES (?, ?, ?)
            ON CONFLICT (input_uuid, name) DO UPDATE SET value = excluded.value
            """,
            [(input_uuid, tag.key, tag.value) for tag in dataset_input.tags],
        )


def of_runs(connection: sqlite3.Connection, run_ids_json: str) -> defaultdict[str, RunInputs]:
    """The data sets of each run; `run_ids_json` is a JSON array of run ids."""
    found: dict[tuple[str, str], DatasetInput] = {}
    for run_id, input_uuid, tag_name, tag_value, *columns in connection.execute(
        """
        SELECT inputs.destination_id, inputs.input_uuid, input_tags.name, input_tags.value,
               datasets.name, datasets.digest, datasets.dataset_source_type,
               datasets.dataset_source, datasets.dataset_schema, datasets.dataset_profile
        FROM inputs
        JOIN datasets ON datasets.dataset_uuid = inputs.source_id
        LEFT JOIN input_tags ON input_tags.input_uuid = inputs.input_uuid
        WHERE inputs.destination_type = 'RUN'
          AND inputs.source_type = 'DATASET'
          AND inputs.destination_id IN (SELECT value FROM json_each(?))
        ORDER BY inputs.rowid, input_tags.name
        """,
        (run_ids_json,),
    ):
        entry = found.setdefault((run_id, input_uuid), DatasetInput(Dataset(*columns)))
        if tag_name is not None:
            entry.tags.append(InputTag(tag_name, tag_value))
    result: defaultdict[str, RunInputs] = defaultdict(RunInputs)
    for (run_id, _), entry in found.items():
        result[run_id].dataset_inputs.append(entry)
    return result


def _dataset_uuid(connection: sqlite3.Connection, experiment_id: str, dataset: Dataset) -> str:
    connection.execute(
        """
        INSERT INTO datasets (dataset_uuid, experiment_id, name, digest, dataset_source_type,
                              dataset_source, dataset_schema, dataset_profile)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (experiment_id, name, digest) DO NOTHING
        """,
        (
            random_id(),
            int(experiment_id),
            dataset.name,
            dataset.digest,
            dataset.source_type,
            dataset.source,
            dataset.schema,
            dataset.profile,
        ),
    )
    row = connection.execute(
        "SELECT dataset_uuid FROM datasets WHERE experiment_id = ? AND name = ? AND digest = ?",
        (int(experiment_id), dataset.name, dataset.digest),
    ).fetchone()
    return str(row[0])


def _insert_input(
    connection: sqlite3.Connection, input_uuid: str, dataset_uuid: str, run_id: str
) -> bool:
    """Record that a run used a data set; False if it was recorded already."""
    cursor = connection.execute(
        """
        INSERT INTO inputs (input_uuid, source_type, source_id, destination_type, destination_id)
        VALUES (?, 'DATASET', ?, 'RUN', ?)
        ON CONFLICT (source_type, source_id, destination_type, destination_id) DO NOTHING
        """,
        (input_uuid, dataset_uuid, run_id),
    )
    return cursor.rowcount > 0
