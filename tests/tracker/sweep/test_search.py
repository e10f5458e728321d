from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from sweep_objectives import AlwaysDies, DiesOnce, failing, parabola, pausing

import tracker
from tracker.exceptions import InvalidStateError, InvalidValueError, NotFoundError
from tracker.sweep import (
    Sweep,
    SweepPausedError,
    SweepSettings,
    claim,
    find_sweep,
    importances,
    parse_space,
    pause,
    read_sweep,
)

SPACE = {"x": {"low": -10.0, "high": 10.0}}


@pytest.fixture
def database(tmp_path):
    tracker.set_tracking_uri(tmp_path / "tracking.db")
    return tmp_path / "tracking.db"


def sweep_of(name):
    client = tracker.get_client()
    return read_sweep(client, find_sweep(client, "0", name))


@pytest.mark.usefixtures("database")
def test_a_sweep_is_a_run_and_a_trial_is_a_child_run():
    best = Sweep("parabola", SPACE, seed=1).run(parabola, trials=12)
    store = sweep_of("parabola")
    trials = store.trials()
    assert [trial.number for trial in trials] == list(range(12))
    assert {trial.state for trial in trials} <= {"COMPLETE", "PRUNED"}
    assert best == min((t for t in trials if t.is_complete), key=lambda trial: trial.value)
    run = tracker.get_run(best.run_id)
    assert run.data.params["x"] == str(best.params["x"])
    assert run.info.run_name == f"parabola_{best.number}"
    assert len(tracker.get_client().get_metric_history(best.run_id, "objective")) == 5
    assert store.run.info.status == "FINISHED"
    assert store.run.data.tags["tracker.sweep.best"] == best.run_id
    assert store.run.data.tags["tracker.sweep.trials"] == "12"


@pytest.mark.usefixtures("database")
def test_a_search_finds_better_parameters_than_chance():
    best = Sweep("searched", SPACE, seed=3).run(parabola, trials=30)
    assert best.value < 0.5
    store = sweep_of("searched")
    assert importances(store.space, store.settings, store.trials()) == {"x": pytest.approx(1.0)}


@pytest.mark.usefixtures("database")
def test_trials_that_are_worse_than_the_median_are_pruned():
    Sweep("pruned", SPACE, sampler="random").run(parabola, trials=30)
    pruned = [trial for trial in sweep_of("pruned").trials() if trial.state == "PRUNED"]
    assert pruned
    assert all(len(trial.intermediate_values) < 5 for trial in pruned)
    Sweep("whole", SPACE, sampler="random", pruner="none").run(parabola, trials=10)
    assert {trial.state for trial in sweep_of("whole").trials()} == {"COMPLETE"}


@pytest.mark.usefixtures("database")
def test_a_sweep_goes_on_under_its_name_and_only_as_it_began():
    Sweep("again", SPACE).run(parabola, trials=3)
    Sweep("again", SPACE).run(parabola, trials=5)
    assert len(sweep_of("again").trials()) == 5
    with pytest.raises(InvalidStateError, match=r"another search: x was .* and is now"):
        Sweep("again", {"x": {"low": 0.0, "high": 1.0}}).run(parabola)
    with pytest.raises(InvalidStateError, match="another search: seed was 0 and is now 1"):
        Sweep("again", SPACE, seed=1).run(parabola)


@pytest.mark.usefixtures("database")
def test_a_grid_ends_when_it_is_exhausted():
    space = {"x": {"choices": [1.0, 2.0, 3.0]}}
    best = Sweep("grid", space, sampler="grid", pruner="none").run(parabola, trials=100)
    assert best.params == {"x": 2.0}
    assert sorted(trial.params["x"] for trial in sweep_of("grid").trials()) == [1.0, 2.0, 3.0]


@pytest.mark.usefixtures("database")
def test_the_same_seed_proposes_the_same_trials():
    for name in ("one", "other"):
        Sweep(name, SPACE, seed=7).run(parabola, trials=14)
    one, other = (sweep_of(name).trials() for name in ("one", "other"))
    assert [trial.params for trial in one] == [trial.params for trial in other]


@pytest.mark.usefixtures("database")
def test_an_error_fails_its_trial_and_goes_on_to_the_caller():
    with pytest.raises(RuntimeError, match="no luck"):
        Sweep("failing", SPACE).run(failing)
    (trial,) = sweep_of("failing").trials()
    assert (trial.state, trial.error) == ("FAILED", "RuntimeError: no luck")


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("workers", [1, 2])
def test_three_equal_failures_end_a_sweep(workers):
    with pytest.raises(InvalidStateError, match="3 trials in a row failed: RuntimeError: no luck"):
        Sweep("failing", SPACE).run(failing, workers=workers, catch=(RuntimeError,))
    assert 3 <= len(sweep_of("failing").trials()) <= 4
    assert sweep_of("failing").run.info.status == "FAILED"


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("value", [float("nan"), float("inf"), None, "0.3"])
def test_a_value_that_is_not_a_finite_number_fails_its_trial_alone(value):
    given = iter([value, value])

    def objective(trial):
        return next(given, trial.params["x"])

    Sweep("odd", SPACE).run(objective, trials=3)
    trials = sweep_of("odd").trials()
    assert [trial.state for trial in trials] == ["FAILED"] * 2 + ["COMPLETE"] * 3


@pytest.mark.usefixtures("database")
def test_three_values_in_a_row_that_are_not_finite_end_a_sweep():
    sentence = r"stopped: 3 trials .*: The objective returned nan: it must be a finite number\.$"
    with pytest.raises(InvalidStateError, match=sentence):
        Sweep("nan", SPACE).run(lambda _: float("nan"), trials=5)
    assert len(sweep_of("nan").trials()) == 3


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("kind", [np.float32, np.array, torch.tensor])
def test_a_value_of_numpy_or_torch_is_a_number(kind):
    best = Sweep("kinds", SPACE).run(lambda _: kind(0.5), trials=1)
    assert (best.value, type(best.value)) == (0.5, float)


@pytest.mark.usefixtures("database")
def test_a_trial_that_is_interrupted_is_tried_again():
    def objective(trial):
        if trial.number == 2:
            raise KeyboardInterrupt
        return trial.params["x"]

    with pytest.raises(KeyboardInterrupt):
        Sweep("interrupted", SPACE).run(objective, trials=4)
    assert sweep_of("interrupted").run.info.status == "KILLED"
    Sweep("interrupted", SPACE).run(objective, trials=4)
    trials = sweep_of("interrupted").trials()
    assert [trial.state for trial in trials].count("COMPLETE") == 4
    assert trials[2].state == "INTERRUPTED"
    assert (trials[3].retry_of, trials[3].params) == (2, trials[2].params)


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("workers", [1, 2])
def test_a_sweep_that_is_paused_ends_when_its_trials_have_and_goes_on_later(workers):
    with pytest.raises(SweepPausedError, match="The sweep 'paused' is paused"):
        Sweep("paused", SPACE).run(pausing, trials=6, workers=workers)
    sweep = sweep_of("paused")
    assert sweep.run.info.status == "KILLED"
    assert 2 <= sum(trial.is_settled for trial in sweep.trials()) == len(sweep.trials()) < 6
    with pytest.raises(InvalidStateError, match="The sweep 'paused' is not running"):
        pause(tracker.get_client(), sweep.run_id)
    Sweep("paused", SPACE).run(parabola, trials=6)
    assert sum(trial.is_settled for trial in sweep_of("paused").trials()) == 6
    assert sweep_of("paused").run.info.status == "FINISHED"


@pytest.mark.usefixtures("database")
def test_a_worker_that_is_killed_is_replaced_and_its_trial_tried_again(tmp_path):
    Sweep("killed", SPACE).run(DiesOnce(tmp_path), trials=6, workers=2)
    trials = sweep_of("killed").trials()
    died = [trial for trial in trials if trial.state == "DIED"]
    assert len(died) == 1
    assert [trial.params for trial in trials if trial.retry_of == died[0].number] == [
        died[0].params
    ]
    assert sum(trial.is_settled for trial in trials) == 6


@pytest.mark.usefixtures("database")
def test_parameters_that_kill_their_process_are_given_up_after_three_times():
    Sweep("deadly", SPACE, sampler="random", seed=5).run(AlwaysDies(), trials=4, workers=2)
    trials = sweep_of("deadly").trials()
    assert sum(trial.is_settled for trial in trials) == 4
    deaths = [trial.origin for trial in trials if trial.state == "DIED"]
    assert deaths
    assert {deaths.count(origin) for origin in deaths} == {3}


@pytest.mark.usefixtures("database")
def test_of_several_starts_at_once_one_succeeds():
    outcomes = []

    def start():
        try:
            outcomes.append(claim("one", parse_space(SPACE), SweepSettings(), resume=False))
        except InvalidStateError as error:
            outcomes.append(str(error))

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    refused = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert refused == ["The sweep 'one' is running already."] * 3


@pytest.mark.usefixtures("database")
def test_a_sweep_that_is_not_there_or_there_already_is_told():
    Sweep("parabola", SPACE).run(parabola, trials=1)
    with pytest.raises(NotFoundError, match="no sweep 'parabole'; did you mean 'parabola'"):
        claim("parabole", parse_space(SPACE), SweepSettings(), resume=True)
    with pytest.raises(InvalidStateError, match="a sweep 'parabola' already: resume it"):
        claim("parabola", parse_space(SPACE), SweepSettings(), resume=False)


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trials": 0}, "number of trials is 0: it must be 1 or more"),
        ({"workers": 0}, "number of workers is 0"),
        ({"minutes": 0.0}, "minutes are 0.0: they must be above 0"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(options, message):
    with pytest.raises(InvalidValueError, match=message):
        Sweep("odd", SPACE).run(parabola, **options)
    assert find_sweep(tracker.get_client(), "0", "odd") is None


@pytest.mark.usefixtures("database")
def test_a_function_that_other_processes_cannot_import_is_told():
    with pytest.raises(InvalidValueError, match="cannot be sent to other processes"):
        Sweep("local", SPACE).run(lambda _: 1.0, workers=2)


OWN = """
import tracker
from tracker.sweep import Sweep
from sweep_objectives import parabola

def own(trial):
    return parabola(trial)
tracker.set_tracking_uri("own.db")
best = Sweep("own", {"x": {"low": -10.0, "high": 10.0}}).run(OBJECTIVE, trials=3, workers=2)
print("best", best.number)
"""


def started(program, folder, *, as_file):
    """What a program that starts a sweep printed: a script without a guard, or standard input."""
    root, here = str(Path(tracker.__path__[0]).parent), str(Path(__file__).parent)
    if as_file:
        (folder / "script.py").write_text(program)
    done = subprocess.run(
        [sys.executable, "script.py" if as_file else "-"],
        input=program,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([root, here])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("as_file", [True, False])
def test_a_program_whose_objective_is_in_a_module_needs_no_guard(tmp_path, as_file):
    program = OWN.replace("OBJECTIVE", "parabola")
    assert "best" in started(program, tmp_path, as_file=as_file)


@pytest.mark.parametrize(
    ("as_file", "message"),
    [(True, "start the sweep there only under `if __name__"), (False, "move it to a module")],
)
def test_an_objective_that_workers_cannot_import_ends_the_sweep_at_once(tmp_path, as_file, message):
    output = started(OWN.replace("OBJECTIVE", "own"), tmp_path, as_file=as_file)
    assert message in output.splitlines()[-1]
    run = find_sweep(tracker.TrackingClient(tmp_path / "own.db"), "0", "own")
    assert run.info.status == "FAILED"


@pytest.mark.usefixtures("database")
def test_the_time_limit_starts_no_further_trial():
    def objective(trial):
        time.sleep(0.06)
        return trial.params["x"]

    Sweep("brief", SPACE).run(objective, trials=1_000, minutes=0.001)
    assert 1 <= len(sweep_of("brief").trials()) <= 2


SCRIPT = """
import sys
import tracker
from tracker.sweep import Sweep
from sweep_objectives import slow_parabola, waiting
tracker.set_tracking_uri(sys.argv[1])
if __name__ == "__main__":
    objective = waiting if sys.argv[2] == "waiting" else slow_parabola
    sweep = Sweep("script", {"x": {"low": -10.0, "high": 10.0}})
    sweep.run(objective, trials=int(sys.argv[3]), workers=2)
"""


@pytest.fixture
def script(tmp_path, database, launch):
    """Starts a sweep by two workers as a program of its own."""
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(SCRIPT))
    root, folder = str(Path(tracker.__path__[0]).parent), str(Path(__file__).parent)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, folder])}

    def start(objective="parabola", trials=6):
        command = [sys.executable, str(path), str(database), objective, str(trials)]
        return launch(command, env=environment)

    return start


def trials_of_script():
    run = find_sweep(tracker.get_client(), "0", "script")
    return read_sweep(tracker.get_client(), run).trials() if run else []


def worker_pids():
    client = tracker.get_client()
    running = [trial for trial in trials_of_script() if trial.state == "RUNNING"]
    return [int(client.get_run(trial.run_id).data.tags["tracker.pid"]) for trial in running]


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_running_trials_killed_and_the_sweep_can_go_on(script, sent, wait_for):
    process = script("waiting")
    wait_for(lambda: len(worker_pids()) == 2)
    if sent == signal.SIGINT:
        os.killpg(process.pid, sent)
    else:
        process.send_signal(sent)
    process.wait(timeout=60)
    assert process.returncode != 0
    wait_for(lambda: [trial.state for trial in trials_of_script()] == ["INTERRUPTED"] * 2)
    ended = "KILLED" if sent == signal.SIGINT else "FAILED"  # a script does not handle SIGTERM
    wait_for(lambda: find_sweep(tracker.get_client(), "0", "script").info.status == ended)
    again = script()
    assert again.wait(timeout=120) == 0, again.stdout.read()
    trials = trials_of_script()
    assert [trial.retry_of for trial in trials[2:4]] == [0, 1]
    assert sum(trial.is_settled for trial in trials) == 6


@pytest.mark.slow
def test_workers_end_with_a_supervisor_that_is_killed(script, wait_for):
    process = script("waiting")
    pids = wait_for(lambda: len(found := worker_pids()) == 2 and found)
    process.kill()
    process.wait()
    wait_for(lambda: not worker_pids())
    assert {trial.state for trial in trials_of_script()} == {"INTERRUPTED"}
    assert len(set(pids)) == 2


@pytest.mark.slow
def test_kills_at_random_moments_lose_nothing_and_double_nothing(script, wait_for):
    """Of a worker, of the supervisor, or of all processes at once."""
    chance = random.Random(11)
    process = script(trials=40)
    for kill in range(int(os.environ.get("TRACKER_SWEEP_KILLS", "3"))):
        known = len(trials_of_script())
        wait_for(lambda known=known, sweep=process: len(trials_of_script()) > known or sweep.poll())
        time.sleep(chance.random() / 2)
        if kill % 3 == 0 and (pids := worker_pids()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(chance.choice(pids), signal.SIGKILL)
        elif kill % 3 == 1:
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
        if kill % 3:
            process.wait()
            wait_for(lambda: not worker_pids())
            process = script(trials=40)
    assert process.wait(timeout=120) == 0, process.stdout.read()
    trials = trials_of_script()
    assert sum(trial.is_settled for trial in trials) == 40
    assert len({trial.number for trial in trials}) == len(trials)
    tried = Counter(json.dumps(trial.params) for trial in trials if trial.is_settled)
    assert set(tried.values()) == {1}
    assert "RUNNING" not in {run.info.status for run in tracker.get_client().search_runs(["0"])}
