"""`python -m training.sweep` on drawn digits."""

from __future__ import annotations

import io
import json
import shlex
import threading
from contextlib import redirect_stdout

import pytest

import tracker
from tracker import TrackingClient
from tracker.sweep import SweepPausedError, claim, pause, read_sweep, search_sweeps
from tracker.sweep.trials import best_trial
from tracker.text import parameters
from training.__main__ import main as train
from training.config_file import load_config
from training.errors import ConfigError, UsageError
from training.preflight import open_database
from training.sweep.__main__ import main
from training.sweep.definition import define
from training.sweep.objective import TrialObjective
from training.sweep.winner import evaluate_winner


def sweeps(study_file):
    client = TrackingClient(study_file.parent / "tracking.db")
    return [read_sweep(client, run) for run in search_sweeps(client, "1")]


@pytest.fixture(scope="module")
def searched(tmp_path_factory, study_text, sweep_text):
    """A study with `default` trained and a sweep `first` of four trials; what it printed."""
    file = tmp_path_factory.mktemp("searched") / "config.yaml"
    file.write_text(study_text + sweep_text)
    assert train(["--config", str(file), "--only", "default"]) == 0
    with redirect_stdout(io.StringIO()) as printed:
        assert main(["first", "--config", str(file), "--trials", "4", "--workers", "1"]) == 0
    return file, printed.getvalue()


def test_a_sweep_tests_its_winner_alone_and_says_by_how_much_it_won(searched):
    (sweep,) = sweeps(searched[0])
    trials = sweep.trials()
    assert sum(trial.is_settled for trial in trials) == 4
    runs = {trial.number: sweep.client.get_run(trial.run_id) for trial in trials}
    tested = [number for number, run in runs.items() if "test_accuracy" in run.data.metrics]
    best = sweep.run.data.tags["tracker.sweep.best"]
    assert [runs[number].info.run_id for number in tested] == [best]
    files = {entry.path for entry in sweep.client.list_artifacts(best, "model")}
    assert {"model/MLmodel", "model/model_card.json", "model/weights.npz"} <= files
    sentence = sweep.run.data.tags["tracker.sweep.result"]
    assert f"Trial {tested[0]} won with val_accuracy" in sentence
    assert "default (" in sentence
    assert sentence in searched[1].replace("\n", " ")
    params = runs[tested[0]].data.params
    assert params["max_epochs"] == "3"
    assert params["learning_rate"] == "0.1"
    tried = json.loads(runs[tested[0]].data.tags["tracker.sweep.params"])
    assert tried["batch_size"] in (16, 64)
    assert f" at {parameters(tried)}; " in sentence


def test_a_winner_is_tested_in_its_run_without_starting_it_again(searched):
    (sweep,) = sweeps(searched[0])
    best = sweep.client.get_run(sweep.run.data.tags["tracker.sweep.best"])
    (point,) = sweep.client.get_metric_history(best.info.run_id, "test_loss")
    assert best.info.status == "FINISHED"
    assert best.info.end_time < point.timestamp


def test_a_tested_winner_is_not_tested_again(searched):
    (sweep,) = sweeps(searched[0])
    definition = define(load_config(searched[0]))
    best = best_trial(sweep.trials(), sweep.settings)
    tracker.set_tracking_uri(searched[0].parent / "tracking.db")
    tested = evaluate_winner(sweep, TrialObjective(definition), best)
    (point,) = sweep.client.get_metric_history(best.run_id, "test_accuracy")
    assert tested["test_accuracy"] == point.value


def test_the_printed_command_trains_the_winner_again_with_five_seeds(searched):
    (sweep,) = sweeps(searched[0])
    words = shlex.split(sweep.run.data.tags["tracker.sweep.retrain"])
    assert words[1:5] == ["-m", "training", "--only", "extra"]
    assert train(words[3:]) == 0
    (parent,) = sweep.client.search_runs(["1"], "tags.seeds LIKE '42%'")
    (child, *_) = sweep.client.search_runs(
        ["1"], f"tags.mlflow.parentRunId = '{parent.info.run_id}' AND params.seed = '42'"
    )
    winner = sweep.client.get_run(sweep.run.data.tags["tracker.sweep.best"])
    assert child.data.params["hidden_size"] == winner.data.params["hidden_size"]
    assert child.data.metrics["test_loss"] == winner.data.metrics["test_loss"]


def test_both_test_sets_can_be_the_goal_and_the_winner_is_promoted_once(sweep_file, capsys):
    sets = ["sweep.metric=val_both_accuracy", "sweep.space={train_on: {choices: [sharp, both]}}"]
    sets += ["sweep.sampler=grid", "promotion.model=digits"]
    options = [part for each in sets for part in ("--set", each)]
    here = ["--config", str(sweep_file), *options]
    assert main([*here, "--workers", "1"]) == 0
    assert "digits: version 1 is champion. test_accuracy" in capsys.readouterr().out
    (sweep,) = sweeps(sweep_file)
    trials = sweep.trials()
    assert [trial.params["train_on"] for trial in trials] == ["sharp", "both"]
    assert "mean accuracy on both test sets" in sweep.run.data.tags["tracker.sweep.result"]
    champion = sweep.client.get_model_version_by_alias("digits", "champion")
    assert champion.run_id == sweep.run.data.tags["tracker.sweep.best"]
    assert main([*here, "--workers", "1", "--resume", sweep.name]) == 0
    assert "digits: the winner is version 1 already." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ("sweep.space={}", "sweep.space: The space is empty"),
        ("sweep.space={hiden_size: {low: 1, high: 2}}", "no parameter 'hiden_size'; did you mean"),
        ("sweep.space={hidden_size: {low: 9, high: 2}}", "low 9 is above high 2"),
        ("sweep.space={hidden_size: {low: 0, high: 2, log: true}}", "hidden_size cannot be 0"),
        ("sweep.space={learning_rate: {low: 0, high: 2}}", "learning_rate cannot be 0"),
        ("sweep.space={batch_size: {choices: [64, big]}}", "batch_size cannot be 'big'"),
        ("sweep.space={momentum: {low: 0, high: 0.9}}", "sweep.space: momentum has no effect with"),
        ("sweep.space={channels: {choices: [[8], [16]]}}", "no effect with model: mlp"),
        ("sweep.metric=val_acc", "sweep.metric is 'val_acc'"),
        ("sweep.direction=minimize", "val_accuracy is to maximize; leave the direction out"),
        ("sweep.settings={max_epoch: 3}", "no parameter 'max_epoch'; did you mean 'max_epochs'"),
        ("sweep.sampler=cma", "sweep.sampler is 'cma'"),
        ("sweep.spase={}", "unknown key 'sweep.spase'; did you mean 'space'"),
    ],
)
def test_a_mistake_in_the_section_is_one_sentence(sweep_file, capsys, changed, message):
    optimizer = ["--set", "model_configs.extra.optimizer=adam"]
    assert main(["--config", str(sweep_file), *optimizer, "--set", changed]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (sweep_file.parent / "tracking.db").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--trials", "0"], "The number of trials is 0"),
        (["--workers", "0"], "The number of workers is 0"),
        (["--minutes", "0"], "The minutes are 0.0"),
        (["--configuration", "defualt"], "no configuration 'defualt'; did you mean 'default'?"),
        (["a", "--resume", "b"], "give only one"),
        (["--storage", "no url at all"], "'no url at all' is not a URL"),
        (["--storage", "nosuchbase://host/name"], "needs a driver that is not installed"),
        (["--storage", "postgresql+psycopg://127.0.0.1:1/x"], "cannot be reached"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_sentence(sweep_file, capsys, options, message):
    assert main(["--config", str(sweep_file), *options]) in {1, 2}
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert list(sweep_file.parent.iterdir()) == [sweep_file]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--pause", "first"], "The sweep 'first' is not running"),
        (["--resume", "frist"], "There is no sweep 'frist'; did you mean 'first'?"),
        (["first"], "There is a sweep 'first' already"),
        (
            ["--resume", "first", "--set", "sweep.space={hidden_size: {low: 1, high: 2}}"],
            "another search: hidden_size was",
        ),
        (
            ["--resume", "first", "--set", "sweep.settings.max_epochs=4"],
            "another search: max_epochs was 3 and is now 4",
        ),
        (
            ["--resume", "first", "--set", "data_prep={source: auto, download: false}"],
            "another search: data_source was 'stroke-digits' and is now 'auto'",
        ),
        (
            ["--resume", "first", "--set", "data_prep.stroke_train_samples=300"],
            "another search: images was 'stroke-digits ",
        ),
    ],
)
def test_a_sweep_is_resumed_only_as_it_began(searched, capsys, options, message):
    assert main(["--config", str(searched[0]), *options]) == 1
    assert message in capsys.readouterr().err


def test_a_paused_sweep_says_how_it_goes_on(sweep_file, capsys, wait_for):
    def pause_when_it_runs():
        wait_for((sweep_file.parent / "tracking.db").exists)
        (sweep,) = wait_for(lambda: sweeps(sweep_file))
        wait_for(sweep.trials)
        pause(sweep.client, sweep.run_id)

    other = threading.Thread(target=pause_when_it_runs)
    other.start()
    options = ["--config", str(sweep_file), "--trials", "40", "--workers", "1"]
    assert main(["mine", *options]) == 130
    other.join()
    again = capsys.readouterr().err.partition("paused; resume with: ")[2]
    assert "--resume mine --trials 40" in again
    (sweep,) = sweeps(sweep_file)
    assert {trial.state for trial in sweep.trials()} <= {"COMPLETE", "PRUNED"}
    assert sweep.run.info.status == "KILLED"


def test_a_running_sweep_is_paused_by_a_command(sweep_file, capsys):
    config = load_config(sweep_file)
    open_database(config)
    definition = define(config)
    claim("mine", definition.space, definition.settings)
    assert main(["--config", str(sweep_file), "--pause", "mine"]) == 0
    assert "mine: no further trial begins" in capsys.readouterr().out
    (sweep,) = sweeps(sweep_file)
    with pytest.raises(SweepPausedError):
        sweep.check_not_paused()


def test_values_take_the_types_of_the_configuration(sweep_file):
    space = "sweep.space={learning_rate: {low: 1e-3, high: 1, log: true}}"
    domain = define(load_config(sweep_file, [space])).space.parameters[0].domain
    assert (domain.low, domain.high, domain.is_integer) == (0.001, 1.0, False)
    with pytest.raises(UsageError, match="no configuration 'x'"):
        define(load_config(sweep_file, [space]), "x")
    with pytest.raises(ConfigError, match="must be a range"):
        define(load_config(sweep_file, ["sweep.space={learning_rate: 3}"]))


def test_trials_that_diverge_fail_alone(sweep_file):
    space = "sweep.space={learning_rate: {choices: [0.1, 1e30]}}"
    grid = ["--set", space, "--set", "sweep.sampler=grid", "--workers", "1"]
    assert main(["--config", str(sweep_file), *grid]) == 0
    (sweep,) = sweeps(sweep_file)
    assert [trial.state for trial in sweep.trials()] == ["COMPLETE", "FAILED"]


@pytest.fixture(autouse=True)
def forget_the_database():
    """Each test opens its own."""
    yield
    tracker.set_tracking_uri("")
