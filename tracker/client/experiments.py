"""The verbs of experiments."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from tracker import validation as check
from tracker.client.opened import OpenedDatabase, now
from tracker.client.pages import SEARCH_LIMIT, PagedList, page, paged
from tracker.client.texts import cut, cut_all, texts_of
from tracker.entities import Experiment, LifecycleStage, ViewType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class ExperimentVerbs(OpenedDatabase):
    """Creating, finding, naming and deleting experiments."""

    def create_experiment(
        self,
        name: str,
        artifact_location: str | os.PathLike[str] | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> str:
        """Create an experiment and return its id.

        Args:
            name: Unique, deleted experiments included.
            artifact_location: Where its runs' artifacts go: relative to the database's folder, or
                an absolute path or URL, which is then an allowed root of this client. None and ""
                are the usual place.
            tags: Its first tags.

        Raises:
            AlreadyExistsError: The name is taken.
            InvalidValueError: The name, the location or a tag breaks a rule.
        """
        check.check_experiment_name(name)
        location = None
        if artifact_location:
            location = os.fspath(artifact_location)
            self.check_location(location)
            self.allow_root(location)
        texts = cut_all("tag", texts_of("tag", tags or {}), check.MAX_EXPERIMENT_TAG_VALUE)
        return self.store.create_experiment(name, location, texts, now(), self._artifact_root)

    def get_experiment(self, experiment_id: str) -> Experiment:
        """The experiment with this id.

        Raises:
            NotFoundError: There is none.
        """
        return self.store.get_experiment(experiment_id)

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """The experiment with this name, deleted ones included, or None."""
        return self.store.get_experiment_by_name(name)

    def search_experiments(
        self,
        view_type: ViewType = ViewType.ACTIVE_ONLY,
        max_results: int | None = SEARCH_LIMIT,
        filter_string: str | None = None,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Experiment]:
        """One page of the experiments that match.

        Raises:
            FilterError: The filter or the order cannot be read.
            InvalidValueError: The view, the limit or the token is none.
        """
        limit, offset = page(max_results, page_token)
        view = check.check_view(view_type)
        found = self.store.search_experiments(view, filter_string, order_by, limit + 1, offset)
        return paged(found, limit, offset)

    def rename_experiment(self, experiment_id: str, new_name: str) -> None:
        """Give an experiment another name.

        Raises:
            AlreadyExistsError: The name is taken.
            DeletedExperimentError: The experiment is deleted.
        """
        self.store.rename_experiment(experiment_id, check.check_experiment_name(new_name), now())

    def delete_experiment(self, experiment_id: str) -> None:
        """Delete an experiment and its runs; `restore_experiment` brings them back.

        Raises:
            NotFoundError: There is no such experiment, or it is deleted already.
        """
        self.store.set_experiment_stage(experiment_id, LifecycleStage.DELETED, now())

    def restore_experiment(self, experiment_id: str) -> None:
        """Bring a deleted experiment and its runs back.

        Raises:
            NotFoundError: There is no such experiment, or it is not deleted.
        """
        self.store.set_experiment_stage(experiment_id, LifecycleStage.ACTIVE, now())

    def set_experiment_tag(self, experiment_id: str, key: str, value: Any) -> None:
        """Set or overwrite a tag of an experiment."""
        check.check_key("tag", key)
        text = cut("tag", key, str(value), check.MAX_EXPERIMENT_TAG_VALUE)
        self.store.set_experiment_tag(experiment_id, key, text)

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        """Remove a tag of an experiment.

        Raises:
            NotFoundError: There is no such tag.
        """
        self.store.delete_experiment_tag(experiment_id, key)
