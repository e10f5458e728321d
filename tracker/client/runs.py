"""The verbs of runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tracker import context, liveness, names
from tracker import validation as check
from tracker.client.opened import OpenedDatabase, now
from tracker.client.pages import SEARCH_LIMIT, PagedList, page, paged
from tracker.client.texts import cut, cut_all, texts_of, too_long
from tracker.entities import LifecycleStage, Run, RunData, RunStatus, ViewType
from tracker.exceptions import InvalidValueError
from tracker.store.store import RUN_NAME_TAG

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

PARENT_TAG: Final = "mlflow.parentRunId"
NOTE_TAG: Final = "mlflow.note.content"


class RunVerbs(OpenedDatabase):
    """Creating, finding, ending and deleting runs."""

    def create_run(
        self,
        experiment_id: str,
        start_time: int | None = None,
        tags: Mapping[str, Any] | None = None,
        run_name: str | None = None,
    ) -> Run:
        """Create a RUNNING run.

        Args:
            experiment_id: Where it belongs.
            start_time: Milliseconds since the epoch; now by default.
            tags: Its first tags.
            run_name: Its name; the tag `mlflow.runName` or a random one by default.

        Raises:
            NotFoundError: There is no such experiment.
            InvalidStateError: The experiment is deleted.
            InvalidValueError: The key of a tag breaks a rule, or the tag says another name.
        """
        whole = texts_of("tag", tags or {})
        tagged = whole.get(RUN_NAME_TAG)
        if run_name and tagged and str(run_name) != tagged:
            raise InvalidValueError(
                f"The run is given two names, {run_name!r} and {tagged!r} (the tag "
                f"{RUN_NAME_TAG!r}): leave out one of them."
            )
        texts = cut_all("tag", whole, check.MAX_TAG_VALUE)
        name = str(run_name or tagged or names.random_name())
        texts[RUN_NAME_TAG] = name = cut("run", "name", name, check.MAX_RUN_NAME)
        user = texts.get("mlflow.user") or context.user_name()
        started = now() if start_time is None else check.plain_int("start time", start_time)
        run_id = names.random_id()
        with liveness.Taken(self.store.database.path, run_id, is_new=True):
            info = self.store.create_run(str(experiment_id), run_id, name, user, started, texts)
        self._keep_long_texts(run_id, too_long("tags", whole, check.MAX_TAG_VALUE))
        return Run(info, RunData(tags=texts))

    def get_run(self, run_id: str) -> Run:
        """The whole run.

        Raises:
            NotFoundError: There is no such run.
        """
        self.reap()
        return self.store.get_run(check.check_run_id(run_id))

    def get_parent_run(self, run_id: str) -> Run | None:
        """The run under which this one was nested."""
        parent = self.get_run(run_id).data.tags.get(PARENT_TAG)
        return None if parent is None else self.get_run(parent)

    def resume_run(self, run_id: str, *, unless: Collection[str] = ()) -> Run:
        """Set a run RUNNING again and say that this process works on it.

        Args:
            run_id: Which.
            unless: Statuses in which it is left alone. Of several processes that ask at the same
                time for one that is not RUNNING, one gets it.

        Raises:
            NotFoundError: There is no such run.
            InvalidStateError: The run is deleted, or its status is one of `unless`.
        """
        with liveness.Taken(self.store.database.path, run_id):
            self.store.update_run(
                run_id, RunStatus.RUNNING, stale_tag=liveness.REASON_TAG, unless=unless
            )
            liveness.sign(self.store.database.path, run_id)
        return self.store.get_run(run_id)

    def update_run(self, run_id: str, status: str | None = None, name: str | None = None) -> None:
        """Set a run's status, its name, or both; a terminal status sets the end time.

        An empty name leaves the name as it is.
        """
        if name is not None:
            name = cut("run", "name", str(name), check.MAX_RUN_NAME) or None
        if status is not None:
            status = check.check_status(status)
        ended = status is not None and RunStatus.is_terminated(status)
        stale = None if status is None else liveness.REASON_TAG
        self.store.update_run(run_id, status, now() if ended else None, name, stale)
        if ended:
            liveness.release(self.store.database.path, run_id)

    def set_terminated(
        self, run_id: str, status: str | None = None, end_time: int | None = None
    ) -> None:
        """End a run.

        Args:
            run_id: Which.
            status: FINISHED by default.
            end_time: Milliseconds since the epoch; now by default.

        Raises:
            InvalidValueError: There is no such status, or the end is no time.
            NotFoundError: There is no such run.
            InvalidStateError: The run is deleted.
        """
        final = check.check_status(status or RunStatus.FINISHED)
        end = now() if end_time is None else check.plain_int("end time", end_time)
        if liveness.is_held(self.store.database.path, run_id):  # Nobody can have marked it.
            self.store.end_run(run_id, final, end)
        else:
            self.store.update_run(run_id, final, end, stale_tag=liveness.REASON_TAG)
        liveness.release(self.store.database.path, run_id)

    def delete_run(self, run_id: str) -> None:
        """Delete a run; `restore_run` brings it back."""
        self.store.set_run_stage(run_id, LifecycleStage.DELETED, now())

    def restore_run(self, run_id: str) -> None:
        """Bring a deleted run back."""
        self.store.set_run_stage(run_id, LifecycleStage.ACTIVE, now())

    def search_runs(
        self,
        experiment_ids: Sequence[str] | int,
        filter_string: str = "",
        run_view_type: ViewType = ViewType.ACTIVE_ONLY,
        max_results: int = SEARCH_LIMIT,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Run]:
        """One page of the runs that match.

        Raises:
            FilterError: The filter or the order cannot be read.
            InvalidValueError: The ids, the view, the limit or the token are none.
        """
        self.reap()
        limit, offset = page(max_results, page_token)
        ids = check.check_experiment_ids(experiment_ids)
        view = check.check_view(run_view_type)
        found = self.store.search_runs(ids, filter_string, view, limit + 1, offset, order_by)
        return paged(found, limit, offset)
