"""What a search keeps between two asks is what it would read and build anew."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tracker.entities import RunStatus
from tracker.sweep import SweepSettings, TrialRecord, parse_space
from tracker.sweep.proposals import Proposer, chosen
from tracker.sweep.trials import TrialReader, to_retry

pytest.importorskip("optuna")

SPACE = parse_space(
    {
        "lr": {"low": 1e-4, "high": 1e-1, "log": True},
        "units": {"low": 8, "high": 64},
        "optimizer": {"choices": ["sgd", "adam"]},
        "momentum": {"low": 0.0, "high": 0.9, "when": {"optimizer": "sgd"}},
        "channels": {"choices": [[8], [8, 16]]},
    }
)
HOW = SweepSettings(seed=5, startup_trials=3)
ENDS = ("COMPLETE", "PRUNED", "FAILED", "DIED", "INTERRUPTED")


class History:
    """The trials of a sweep as several workers make them; one of them asks here."""

    def __init__(self, seed):
        self.chance, self.trials = random.Random(seed), []
        self.kept = Proposer(SPACE, HOW)

    def new(self, params):
        number = self.trials[-1].number + 1 if self.trials else 0
        self.trials.append(TrialRecord(number, f"run {number}", "", "RUNNING", params))

    def asks(self):
        """This worker asks; what its run is told until the next ask is up to chance."""
        again = to_retry(self.trials)
        asked = self.kept.propose(self.trials, again.params if again else None)
        self.new(chosen(SPACE, asked))
        if self.chance.random() < 0.8:
            asked.report(0.5, 0)
            self.change(-1, intermediate_values={0: 0.5})
            self.end(-1)

    def asks_in_vain(self):
        """The disk is full: there is no run for what was proposed."""
        self.kept.propose(self.trials)

    def other_asks(self):
        """Another worker begins a trial."""
        other = Proposer(SPACE, replace(HOW, seed=self.chance.randrange(1_000)))
        self.new(chosen(SPACE, other.propose(self.trials)))

    def reports(self):
        """A trial at work reports, of another worker or of this one."""
        for place in self.running():
            values = self.trials[place].intermediate_values
            value = self.chance.choice([float("nan"), self.chance.random()])
            self.change(place, intermediate_values={**values, len(values): value})

    def ends(self):
        """A trial at work ends."""
        for place in self.running()[:1]:
            self.end(place)

    def is_deleted(self):
        """The run of any trial is deleted."""
        if self.trials:
            self.trials.pop(self.chance.randrange(len(self.trials)))

    def is_replaced(self):
        """The run of a trial at work is deleted, and its parameters are tried again."""
        for place in self.running()[-1:]:
            self.change(place, run_id="another run", intermediate_values={})

    def is_changed(self):
        """A trial that has ended is resumed, or ends otherwise than it had."""
        if self.trials:
            self.end(self.chance.randrange(len(self.trials)))

    def is_looked_at(self):
        """The study is brought up to date."""
        new = Proposer(SPACE, HOW).study(self.trials)
        assert described(self.kept.study(self.trials)) == described(new)

    def running(self):
        return [place for place, trial in enumerate(self.trials) if trial.state == "RUNNING"]

    def end(self, place):
        state = self.chance.choice(ENDS)
        self.change(place, state=state, value=self.chance.random() if state == "COMPLETE" else None)

    def change(self, place, **changes):
        self.trials[place] = replace(self.trials[place], **changes)


STEPS = (
    *("asks", "asks_in_vain", "other_asks", "reports", "ends"),
    *("is_deleted", "is_replaced", "is_changed", "is_looked_at"),
)


def described(study):
    return [
        (
            trial.number,
            trial.state,
            trial.params,
            trial.distributions,
            trial.values,
            list(map(repr, trial.intermediate_values.items())),
            trial.system_attrs if trial.state.name == "RUNNING" else "",
        )
        for trial in study.get_trials(deepcopy=False)
    ]


@settings(max_examples=80)
@given(st.lists(st.sampled_from(STEPS), min_size=5, max_size=30), st.integers(0, 1_000))
@example(["asks_in_vain", "other_asks", "ends", "is_looked_at"], 0)
@example(["other_asks", "reports", "is_looked_at", "is_replaced", "is_looked_at"], 0)
def test_a_study_that_is_kept_equals_one_made_anew_whatever_happens_to_the_trials(steps, seed):
    history = History(seed)
    for step in steps:
        getattr(history, step)()
    asked, new = (p.propose(history.trials) for p in (history.kept, Proposer(SPACE, HOW)))
    assert chosen(SPACE, asked) == chosen(SPACE, new)


@pytest.mark.parametrize("end", ENDS)
def test_a_study_is_kept_while_trials_come_and_end(end):
    history = History(1)
    history.other_asks()
    study = history.kept.study(history.trials)
    history.reports()
    history.change(0, state=end, value=1.0 if end == "COMPLETE" else None)
    history.new(chosen(SPACE, history.kept.propose(history.trials)))
    history.change(1, state="PRUNED")
    assert history.kept.study(history.trials) is study
    history.is_deleted()
    assert history.kept.study(history.trials) is not study


@pytest.fixture
def trial_run(client):
    """Creates the run of a trial of the sweep `parent`."""
    numbers = iter(range(100))

    def create(**tags):
        own = {"mlflow.parentRunId": "parent", "tracker.sweep.trial": next(numbers)}
        named = {f"tracker.sweep.{key}": value for key, value in tags.items()}
        return client.create_run("0", tags={**own, "tracker.sweep.params": "{}", **named})

    return create


def test_a_reader_that_is_kept_sees_what_a_new_one_sees(client, trial_run):
    kept = TrialReader(client, "parent", "loss")
    ids = [trial_run().info.run_id for _ in range(4)]
    steps = [
        lambda: client.log_metric(ids[0], "loss", 0.5, step=0),
        lambda: client.set_tags(
            ids[0], {"tracker.sweep.state": "COMPLETE", "tracker.sweep.value": "0.5"}
        ),
        lambda: client.set_terminated(ids[0]),
        lambda: client.set_tag(ids[1], "tracker.sweep.state", "PRUNED"),
        lambda: client.set_terminated(ids[1]),
        lambda: client.set_terminated(ids[2], RunStatus.FAILED),
        lambda: client.set_tag(ids[2], "tracker.exception.type", "ValueError"),
        lambda: client.set_terminated(ids[3], RunStatus.KILLED),
        lambda: client.delete_run(ids[1]),
        lambda: client.restore_run(ids[1]),
        lambda: client.resume_run(ids[3]),
        lambda: client.log_metric(ids[3], "loss", float("nan"), step=0),
        lambda: client.set_terminated(ids[3], RunStatus.FAILED),
        lambda: client.update_run(ids[0], name="renamed"),
        lambda: client.delete_run(ids[0]),
        trial_run,
    ]
    seen = []
    for step in steps:
        step()
        seen.append(kept.read())
        assert repr(seen[-1]) == repr(TrialReader(client, "parent", "loss").read())
    assert all(before != after for before, after in pairwise(seen))


def test_a_failure_whose_exception_is_still_to_be_recorded_is_no_death(client, trial_run):
    run_id = trial_run().info.run_id
    reader = TrialReader(client, "parent", "loss")
    client.set_terminated(run_id, RunStatus.FAILED)
    (trial,) = reader.read()
    assert (trial.state, to_retry([trial])) == ("FAILED", None)
    client.set_tag(run_id, "tracker.exception.type", "ValueError")
    assert reader.read()[0].error == "ValueError: "
