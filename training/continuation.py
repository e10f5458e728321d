"""What a run that was interrupted goes on from, and its going on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from training.checkpoint import check_shapes
from training.dataset_records import used_sets
from training.errors import CheckpointError, DataError
from training.experiment import Training
from training.memory import shortage_told
from training.model_records import CheckpointKeeper, saved_in
from training.tracked_run import recorded, train_and_record

if TYPE_CHECKING:
    import tracker
    from training.experiment import Experiment
    from training.outcome import Outcome


@dataclass(frozen=True)
class Continuation:
    """A run that can go on, with all that it goes on from."""

    run_id: str
    training: Training
    keeper: CheckpointKeeper


def continuation(experiment: Experiment, run: tracker.Run) -> Continuation:
    """What a run goes on from: its last checkpoint, or its beginning where it has none.

    Raises:
        DataError: The images are not those that it began with.
        CheckpointError: A checkpoint is damaged or of another training.
        DeviceError: There is not enough memory.
    """
    check_images(experiment, run)
    saved = saved_in(run.info.run_id)
    with shortage_told():
        training = Training(experiment, saved.last if saved else None)
    for state in (saved.last, saved.best) if saved else ():
        check_shapes(state.model_state, training.model)
        if state.seed != experiment.seed:
            raise CheckpointError(
                f"a checkpoint of the run {run.info.run_name!r} is of the seed {state.seed}, not "
                f"{experiment.seed}"
            )
    keeper = CheckpointKeeper(saved.best if saved else None)
    return Continuation(run.info.run_id, training, keeper)


def check_images(experiment: Experiment, run: tracker.Run) -> None:
    """Refuse to go on with other images than the run began with.

    Raises:
        DataError: The images differ.
    """
    used = used_sets(experiment.data, experiment.split(), experiment.settings)
    here = {(part.name, part.context): part.digest for part in used}
    for begun in run.inputs.dataset_inputs:
        name, context = begun.dataset.name, begun.tags[0].value if begun.tags else ""
        digest = here.get((name, context))
        if digest != begun.dataset.digest:
            raise DataError(
                f"the run {run.info.run_name!r} began with other images: its {name} for {context} "
                f"had the digest {begun.dataset.digest}, here it is {digest}"
            )


def resume_experiment(going_on: Continuation, *, nested: bool = False) -> Outcome:
    """Train the rest of a run.

    Raises:
        UsageError: The run is running or finished by now.
        RunFailedError: The training cannot go on; the run is FAILED and keeps what it had.
        KeyboardInterrupt: Ctrl-C; the run is KILLED and keeps what it had.
    """
    training = going_on.training
    with recorded(training.experiment, run_id=going_on.run_id, nested=nested) as record:
        return train_and_record(training, going_on.keeper, record)
