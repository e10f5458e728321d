"""One sweep on several machines: Optuna's own storage coordinates, each machine records its runs.

A tracking database cannot be shared over a network. Here each machine has its own, with a sweep's
run and the runs of the trials that it tried; which parameters are tried next is decided over a
storage that all reach, such as PostgreSQL. `python -m tracker import` brings the runs together.
"""

from __future__ import annotations

import json
import threading
import time
import warnings
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from tracker import fluent
from tracker.exceptions import InvalidStateError, InvalidValueError, UnsupportedError
from tracker.sweep import proposals
from tracker.sweep.settings import settings_from_json
from tracker.sweep.space import difference, parse_space
from tracker.sweep.sweep_run import SweepRun, SweepStoppedError, Trial, read_sweep
from tracker.sweep.trials import MAX_RETRIES, TrialRecord, TrialState, reason_to_stop
from tracker.tags import TRACKER_SWEEP_STUDY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracker.client import TrackingClient
    from tracker.entities import Run
    from tracker.sweep.settings import SweepSettings
    from tracker.sweep.space import Space

HEARTBEAT_SECONDS: Final = 10
GRACE_SECONDS: Final = 60
"""A trial without a sign of life for so long counts as dead, and is tried again."""
ATTEMPTS: Final = 10
"""Machines that start at once create the storage's tables at once; all but one try again."""
SURPLUS: Final = "surplus"


class SharedSweepRun(SweepRun):
    """A sweep that other machines work on too.

    Args:
        client: Of this machine's database.
        run: The sweep's run in it; the study has its name.
        space: What is searched.
        settings: How.
        storage: The URL of an Optuna storage, such as 'postgresql+psycopg://host/name'.
        heartbeat_seconds: Time between two signs of life of a trial.
        grace_seconds: A trial without one for so long is tried again.

    Raises:
        InvalidValueError: The URL is wrong, or the storage cannot be reached.
        InvalidStateError: The study began with another space or other settings.
        UnsupportedError: The driver is not installed.
    """

    def __init__(
        self,
        client: TrackingClient,
        run: Run,
        space: Space,
        settings: SweepSettings,
        storage: str,
        *,
        heartbeat_seconds: int = HEARTBEAT_SECONDS,
        grace_seconds: int = GRACE_SECONDS,
    ) -> None:
        super().__init__(client, run, space, settings)
        self._heartbeat_seconds, self._grace_seconds = heartbeat_seconds, grace_seconds
        self._url = storage
        self._storage = open_storage(storage, heartbeat_seconds, grace_seconds)
        try:
            with self._reached():
                self._study = self._open_study()
        except InvalidStateError:
            self.close()
            raise

    def close(self) -> None:
        """Close the connections to the storage."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    def trials(self) -> list[TrialRecord]:
        """All trials of all machines; `run_id` is empty where the run is on another one."""
        with self._reached():
            known = self._study.get_trials(deepcopy=False)
        found = [_record(self.space, trial) for trial in known]
        return [trial for trial in found if trial is not None]

    def next_trial(self, trials: int) -> Trial | None:
        """Ask the storage for the next trial, and create its run in this machine's database.

        Raises:
            SweepStoppedError: Trial after trial fails on this machine.
            SweepPausedError: No further trial is to begin on this machine.
        """
        if reason := reason_to_stop(super().trials()):  # of this machine
            raise SweepStoppedError(f"The sweep {self.name!r} stopped: {reason}.")
        with self._reached():
            return self._next_trial(trials)

    def _next_trial(self, trials: int) -> Trial | None:
        self._retry_dead()
        if self._taken_before(None) >= trials:
            return None
        self.check_not_paused()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Heartbeat of storage")  # `_beat` shows it
            asked = self._study.ask()
        self._storage.record_heartbeat(asked._trial_id)  # noqa: SLF001 -- before anything else
        if self._taken_before(asked.number) >= trials:  # others asked at the same moment
            asked.set_user_attr(SURPLUS, "asked at the same moment")
            self._tell(asked, "FAIL")
            return None
        trial = self.start(asked, asked.number, None)
        fluent.set_tag(TRACKER_SWEEP_STUDY, self._study.study_name)
        asked.set_user_attr("run_id", trial.run.info.run_id)
        return trial

    @contextmanager
    def settled(self, trial: Trial) -> Iterator[None]:
        """Show signs of life while a trial is measured, and tell the storage how it ended."""
        stop = threading.Event()
        beating = threading.Thread(target=self._beat, args=(trial.asked, stop), daemon=True)
        beating.start()
        try:
            yield
        except BaseException as error:
            self._tell(trial.asked, "FAIL")
            if isinstance(error, KeyboardInterrupt):
                self._study.enqueue_trial(proposals.encoded(trial.params))
            raise
        else:
            state = "PRUNED" if trial.value is None else "COMPLETE"
            self._tell(trial.asked, state, trial.value)
        finally:
            stop.set()
            beating.join()

    def _beat(self, asked: Any, stop: threading.Event) -> None:
        while not stop.wait(self._heartbeat_seconds):
            # Where the storage cannot be reached now, the next beat may reach it.
            with suppress(InvalidStateError), self._reached():
                self._storage.record_heartbeat(asked._trial_id)  # noqa: SLF001

    def _tell(self, asked: Any, state: str, value: float | None = None) -> None:
        states = proposals.load_optuna().trial.TrialState
        with self._reached():
            self._study.tell(asked, value, state=states[state], skip_if_finished=True)

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """A block that uses the storage.

        Raises:
            InvalidStateError: It cannot be reached any more.
        """
        from sqlalchemy import exc  # noqa: PLC0415

        internal = proposals.load_optuna().exceptions.StorageInternalError
        try:
            yield
        except (internal, exc.SQLAlchemyError) as error:
            reason = str(error.__cause__ or error).partition("\n")[0]
            raise InvalidStateError(
                f"The storage {shown_url(self._url)!r} cannot be reached any more: {reason}. The "
                "sweep can be resumed."
            ) from error

    def _taken_before(self, number: int | None) -> int:
        """Trials that count as one of those asked for, among those before a number."""
        return sum(
            trial.is_settled or trial.state == "RUNNING"
            for trial in self.trials()
            if number is None or trial.number < number
        )

    def _retry_dead(self) -> None:
        """Fail trials of dead processes and have their parameters tried again.

        Those of this machine are known at once, those of others after the grace period, with or
        without a first heartbeat.
        """
        optuna = proposals.load_optuna()
        here = {trial.number: trial for trial in super().trials()}
        limit = datetime.now() - timedelta(seconds=self._grace_seconds)  # noqa: DTZ005 -- as Optuna's
        beaten = self._with_heartbeat()
        running = self._study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,))
        for trial in running:
            own = here.get(trial.number)
            is_silent = trial.datetime_start < limit and trial._trial_id not in beaten  # noqa: SLF001
            if own is not None and own.is_settled:  # it died before it told the storage
                self._tell(trial.number, own.state, own.value)
            elif is_silent or (own is not None and own.state == "DIED"):
                self._retry(trial)
        with proposals.experimental():
            optuna.storages.fail_stale_trials(self._study)

    def _retry(self, trial: Any) -> None:
        """Fail a trial and have its parameters tried again; other processes may do the same."""
        optuna = proposals.load_optuna()
        failed = optuna.trial.TrialState.FAIL
        with suppress(optuna.exceptions.UpdateFinishedTrialError):
            if self._storage.set_trial_state_values(trial._trial_id, failed):  # noqa: SLF001
                again = self._storage.get_heartbeat_stale_trial_callback()
                again(self._study, self._storage.get_trial(trial._trial_id))  # noqa: SLF001

    def _with_heartbeat(self) -> set[int]:
        from sqlalchemy import text  # noqa: PLC0415

        with self._storage.engine.connect() as connection:
            return {
                row[0] for row in connection.execute(text("SELECT trial_id FROM trial_heartbeats"))
            }

    def _open_study(self) -> Any:
        optuna = proposals.load_optuna()
        study = optuna.create_study(
            study_name=self.name,
            storage=self._storage,
            direction=self.settings.direction,
            sampler=proposals.build_sampler(self.settings, None),
            pruner=proposals.build_pruner(self.settings),
            load_if_exists=True,
        )
        for key, text in (("space", self.space.as_json()), ("settings", self.settings.as_json())):
            if key not in study.user_attrs:
                study.set_user_attr(key, text)
        _check_same(study, self.space, self.settings)
        return study


def check_storage(url: str, name: str | None, space: Space, settings: SweepSettings) -> None:
    """Check that a sweep can be shared over a storage, before anything of it is recorded.

    Args:
        url: Of the storage.
        name: Of the sweep, if it is known.
        space: What is searched.
        settings: How.

    Raises:
        InvalidValueError: The URL is wrong, or the storage cannot be reached.
        InvalidStateError: The study in the storage began with another space or other settings.
        UnsupportedError: The driver is not installed.
    """
    storage = open_storage(url, HEARTBEAT_SECONDS, GRACE_SECONDS)
    try:
        for study in proposals.load_optuna().get_all_study_summaries(storage):
            if study.study_name == name:
                _check_same(study, space, settings)
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _check_same(study: Any, space: Space, settings: SweepSettings) -> None:
    attrs = study.user_attrs
    if not {"space", "settings"} <= attrs.keys():  # another machine has only just created it
        return
    differs = difference(parse_space(json.loads(attrs["space"])), space) or settings_from_json(
        attrs["settings"]
    ).difference(settings)
    if differs:
        raise InvalidStateError(
            f"The study {study.study_name!r} in the storage is another search: {differs}. Choose "
            "another name."
        )


def open_sweep(client: TrackingClient, run_id: str, storage: str | None) -> SweepRun:
    """A sweep as its run describes it, shared over a storage if one is given.

    Raises:
        InvalidStateError: The run is not a sweep.
        InvalidValueError: The storage cannot be reached.
    """
    found = read_sweep(client, client.get_run(run_id))
    if storage is None:
        return found
    return SharedSweepRun(client, found.run, found.space, found.settings, storage)


def open_storage(url: str, heartbeat_seconds: int, grace_seconds: int) -> Any:
    """Open an Optuna storage, creating its tables if it is new.

    Raises:
        InvalidValueError: The URL is wrong, or the storage cannot be reached.
        UnsupportedError: The driver is not installed.
    """
    optuna = proposals.load_optuna()
    from sqlalchemy import exc  # noqa: PLC0415

    for attempt in range(1, ATTEMPTS + 1):
        try:
            with proposals.experimental():
                retry = optuna.storages.RetryHeartbeatStaleTrialCallback(max_retry=MAX_RETRIES)
                return optuna.storages.RDBStorage(
                    url,
                    heartbeat_interval=heartbeat_seconds,
                    grace_period=grace_seconds,
                    heartbeat_stale_trial_callback=retry,
                    engine_kwargs={"pool_pre_ping": True},  # the server may have been restarted
                )
        except (ImportError, exc.NoSuchModuleError) as error:
            raise UnsupportedError(
                f"The storage {shown_url(url)!r} needs a driver that is not installed ({error}); "
                "for PostgreSQL: pip install 'psycopg[binary]' and a URL postgresql+psycopg://…"
            ) from error
        except (exc.ArgumentError, ValueError) as error:
            raise InvalidValueError(
                f"The storage {shown_url(url)!r} is not a URL: {error}"
            ) from error
        except (exc.IntegrityError, exc.ProgrammingError):
            if attempt == ATTEMPTS:
                raise
            time.sleep(0.2 * attempt)  # another machine is creating the same tables
        except exc.SQLAlchemyError as error:
            reason = str(error).partition("\n")[0]
            raise InvalidValueError(
                f"The storage {shown_url(url)!r} cannot be reached: {reason}"
            ) from error
    raise AssertionError  # the last attempt returned or raised


def shown_url(url: str) -> str:
    """A URL without its password."""
    from sqlalchemy import exc, make_url  # noqa: PLC0415

    try:
        return make_url(url).render_as_string(hide_password=True)
    except (exc.ArgumentError, ValueError):
        return url


def _record(space: Space, trial: Any) -> TrialRecord | None:
    states: dict[str, TrialState] = {
        "RUNNING": "RUNNING",
        "COMPLETE": "COMPLETE",
        "PRUNED": "PRUNED",
        "FAIL": "DIED",
    }
    state = states.get(trial.state.name)
    if state is None or trial.user_attrs.get(SURPLUS):
        return None
    return TrialRecord(
        number=trial.number,
        run_id=trial.user_attrs.get("run_id", ""),
        run_name="",
        state=state,
        params=proposals.decoded(space, trial.params),
        value=trial.value if state == "COMPLETE" else None,
        intermediate_values=dict(trial.intermediate_values),
    )
