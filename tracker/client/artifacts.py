"""The verbs of artifacts: files of a run, and what becomes a file."""

from __future__ import annotations

import json
from typing import IO, TYPE_CHECKING, Any, Final

from tracker import encoding, names
from tracker import validation as check
from tracker.client.opened import OpenedDatabase, now
from tracker.entities import FileInfo, Run, ViewType
from tracker.exceptions import InvalidValueError, NotFoundError, ReadOnlyError
from tracker.file_locks import exclusive
from tracker.liveness import lock_folder
from tracker.store.runs import require_active

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from tracker.files import ArtifactStore

TABLES_TAG: Final = "mlflow.loggedArtifacts"
IMAGES_TAG: Final = "mlflow.loggedImages"
# Beside the lock files of runs; with its dot, no run's id.
TABLES_LOCK: Final = "tables.lock"


class ArtifactVerbs(OpenedDatabase):
    """Storing, listing and fetching the files of runs."""

    def log_artifact(
        self, run_id: str, local_path: str | os.PathLike[str], artifact_path: str | None = None
    ) -> None:
        """Keep a file, or a folder with all it holds, below `artifact_path`."""
        self._writable(run_id).log_file(local_path, artifact_path)

    def log_artifacts(
        self, run_id: str, local_dir: str | os.PathLike[str], artifact_path: str | None = None
    ) -> None:
        """Keep all that a folder holds below `artifact_path`."""
        self._writable(run_id).log_folder(local_dir, artifact_path)

    def log_text(self, run_id: str, text: str, artifact_file: str) -> None:
        """Keep a text as a file.

        Raises:
            InvalidValueError: It is no text, or not valid Unicode.
        """
        self._writable(run_id).log_bytes(encoding.from_text(text), artifact_file)

    def log_stream(self, run_id: str, stream: IO[bytes], artifact_file: str) -> None:
        """Keep what a binary stream still holds as a file."""
        self._writable(run_id).log_bytes(stream.read(), artifact_file)

    def log_dict(
        self, run_id: str, dictionary: Mapping[str, Any] | list[Any], artifact_file: str
    ) -> None:
        """Keep a dictionary as JSON, or as YAML where the name ends in `.yaml` or `.yml`."""
        content = encoding.from_dict(dictionary, artifact_file)
        self._writable(run_id).log_bytes(content, artifact_file)

    def log_image(
        self,
        run_id: str,
        image: Any,
        artifact_file: str | None = None,
        key: str | None = None,
        step: int | None = None,
        timestamp: int | None = None,
        synchronous: bool | None = None,  # noqa: ARG002, FBT001
    ) -> None:
        """Keep an image under a name of its own, or as one of a series of `key` by step.

        Args:
            run_id: Which run.
            image: A PIL image or an array (H, W[, 1|3|4]): integers in [0, 255] or floats in
                [0, 1].
            artifact_file: Its name; or
            key: the name of the series, with `step` and `timestamp` (ms).
            step: The caller's counter.
            timestamp: Milliseconds since the epoch; now by default.
            synchronous: For MLflow's sake.

        Raises:
            InvalidValueError: Not exactly one of `artifact_file` and `key` is given.
        """
        if (artifact_file is None) == (key is None):
            raise InvalidValueError("log_image takes either artifact_file or key.")
        if key is not None:
            self._log_image_of_series(run_id, image, key, step or 0, timestamp)
            return
        name = str(artifact_file)
        self._writable(run_id).log_bytes(encoding.from_image(image, name), name)

    def log_figure(
        self,
        run_id: str,
        figure: Any,
        artifact_file: str,
        *,
        save_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep a matplotlib or plotly figure as a picture."""
        content = encoding.from_figure(figure, artifact_file, save_kwargs or {})
        self._writable(run_id).log_bytes(content, artifact_file)

    def log_table(self, run_id: str, data: Any, artifact_file: str) -> None:
        """Keep a table as JSON; rows logged again under the same name are appended.

        Of several processes and threads that log to one table, each row stays.

        Args:
            run_id: Which run.
            data: A dict of columns or a DataFrame.
            artifact_file: A name that ends in `.json`.

        Raises:
            InvalidValueError: Another ending, or the data or the file is no table.
        """
        if not artifact_file.endswith(".json"):
            raise InvalidValueError(f"A table is kept as JSON: end {artifact_file!r} with '.json'.")
        store = self._writable(run_id)
        with exclusive(lock_folder(self.store.database.path) / TABLES_LOCK):
            try:
                with store.open(artifact_file) as file:
                    earlier = file.read()
            except NotFoundError:
                earlier = None
            store.log_bytes(encoding.from_table(data, earlier), artifact_file)
            self._remember_table(run_id, artifact_file)

    def load_table(
        self,
        experiment_id: str,
        artifact_file: str,
        run_ids: Sequence[str] | None = None,
        extra_columns: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """The rows that runs logged by `log_table` under one name, one below the other.

        Args:
            experiment_id: Whose active runs to look at, where no `run_ids` are given.
            artifact_file: The table's name.
            run_ids: Which runs; each must have the table.
            extra_columns: What to add of the run: "run_id", "status", "params.lr", …

        Raises:
            NotFoundError: There is no such table.
        """
        import pandas as pd  # noqa: PLC0415

        runs = [self.store.get_run(check.check_run_id(run_id)) for run_id in run_ids or ()]
        found = runs or self.store.search_runs(
            [experiment_id], None, ViewType.ACTIVE_ONLY, -1, 0, ["start_time"]
        )
        tables = []
        for run in found:
            try:
                path = self.artifacts(run.info.run_id).local_path(artifact_file)
            except NotFoundError:
                if runs:
                    raise
                continue
            columns = {name: _run_field(run, name) for name in extra_columns or ()}
            tables.append(encoding.read_table(path.read_bytes()).assign(**columns))
        if not tables:
            raise NotFoundError(f"No run of experiment {experiment_id} has {artifact_file!r}.")
        return pd.concat(tables, ignore_index=True)

    def list_artifacts(self, run_id: str, path: str | None = None) -> list[FileInfo]:
        """The files and folders directly below `path`, by name."""
        return self.artifacts(run_id).list(_named(path))

    def download_artifacts(
        self, run_id: str, path: str, dst_path: str | os.PathLike[str] | None = None
    ) -> str:
        """The path of an artifact, of all for "": where it lies, or of a copy below `dst_path`.

        Raises:
            NotFoundError: There is no such artifact.
        """
        return str(self.artifacts(run_id).download(_named(path), dst_path))

    def _writable(self, run_id: str) -> ArtifactStore:
        """The files of a run that may be written.

        Raises:
            ReadOnlyError: The database was opened read-only.
            NotFoundError: There is no such run.
            InvalidStateError: It is deleted.
        """
        database = self.store.database
        if database.read_only:
            raise ReadOnlyError(
                f"{str(database.path)!r} was opened read-only: open it without `read_only` to log "
                f"files."
            )
        with database.read() as connection:
            info = require_active(connection, check.check_run_id(run_id))
        return self.open_location(info.artifact_uri)

    def _log_image_of_series(
        self, run_id: str, image: Any, key: str, step: int, timestamp: int | None
    ) -> None:
        """The names and the tag by which MLflow's pages find the images of a series."""
        series = check.check_key("image", key).replace("/", "~")
        moment = now() if timestamp is None else timestamp
        name = f"images/{series}+step+{step}+timestamp+{moment}+{names.random_id()}"
        picture = encoding.from_image(image, f"{name}.png")
        store = self._writable(run_id)
        thumbnail = encoding.thumbnail(picture)
        store.log_contents({f"{name}.png": picture, f"{name}+compressed.webp": thumbnail})
        self.store.log_batch(run_id, (), {}, {IMAGES_TAG: "True"})

    def _remember_table(self, run_id: str, artifact_file: str) -> None:
        """MLflow's pages find tables through a tag; it has room for some two hundred."""
        try:
            known = json.loads(self.store.get_run(run_id).data.tags.get(TABLES_TAG, "[]"))
        except ValueError:  # Not for us to mend.
            return
        entry = {"path": artifact_file, "type": "table"}
        longer = json.dumps([*known, entry])
        if entry not in known and len(longer) <= check.MAX_TAG_VALUE:
            self.store.log_batch(run_id, (), {}, {TABLES_TAG: longer})


def _named(path: str | None) -> str | None:
    """What a path names; MLflow lets that of a folder end in a slash."""
    return path and (path.rstrip("/") or path)


def _run_field(run: Run, name: str) -> Any:
    """What `search_runs` shows in the column of this name."""
    group, dot, key = name.partition(".")
    if dot and group in {"metrics", "params", "tags"}:
        return getattr(run.data, group).get(key)
    if not hasattr(run.info, name):
        raise InvalidValueError(f"A run has no {name!r}; take 'run_id', 'status', 'params.lr', …")
    return getattr(run.info, name)
