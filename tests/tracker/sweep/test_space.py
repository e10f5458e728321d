from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.exceptions import InvalidValueError
from tracker.sweep import parse_space
from tracker.sweep.proposals import Proposer, chosen
from tracker.sweep.settings import SweepSettings, settings_from_json
from tracker.sweep.space import difference

WHOLE = {
    "lr": {"low": 1e-4, "high": 1e-1, "log": True},
    "units": {"low": 8, "high": 64, "step": 8},
    "optimizer": {"choices": ["sgd", "adam"]},
    "momentum": {"low": 0.0, "high": 0.9, "when": {"optimizer": "sgd"}},
    "channels": {"choices": [[8, 16], [16, 32]]},
}


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({}, "The space is empty: name a parameter, such as"),
        ({"a": 3}, "'a' is 3: it must be a range"),
        ({"a": {"low": 2, "high": 1}}, "range of 'a' is empty: low 2 is above high 1"),
        ({"a": {"low": 0, "high": 1, "log": True}}, "'a' is logarithmic: low must be above 0"),
        ({"a": {"low": -1.0, "high": 1.0, "log": True}}, "low must be above 0, it is -1.0"),
        ({"a": {"low": "x", "high": 1}}, "'low' of 'a' is 'x': it must be a number"),
        ({"a": {"low": float("nan"), "high": 1}}, "'low' of 'a' is nan: it must be a number"),
        ({"a": {"low": 0, "high": True}}, "'high' of 'a' is True: it must be a number"),
        ({"a": {"low": 1}}, "'a' lacks 'high'"),
        ({"a": {"lwo": 1, "high": 2}}, "unknown key 'lwo'; did you mean 'low'"),
        ({"a": {"low": 1, "high": 2, "log": 1}}, "'log' of 'a' is 1: it must be true or false"),
        ({"a": {"low": 1, "high": 9, "step": 0}}, "'step' of 'a' must be above 0"),
        ({"a": {"low": 1, "high": 9, "step": 2, "log": True}}, "excludes 'log'"),
        ({"a": {"choices": []}}, "choices of 'a' are []: list at least one value"),
        ({"a": {"choices": 3}}, "choices of 'a' are 3: list at least one value"),
        ({"a": {"choices": [1, 2, 1]}}, "hold a value twice"),
        ({"a": {"choices": [1], "low": 3}}, "has choices and 'low'"),
        ({"a": {"choices": [1], "when": {"b": 1}}}, "depends on an unknown parameter 'b'"),
        ({**WHOLE, "a": {"choices": [1], "when": {"optimizer": "adma"}}}, "none of its choices"),
        (
            {
                "a": {"choices": [1], "when": {"b": 1}},
                "b": {"choices": [1], "when": {"a": 1}},
            },
            "depend on each other in a circle: 'a', 'b'",
        ),
    ],
)
def test_a_space_that_breaks_a_rule_is_refused_in_one_sentence(space, message):
    with pytest.raises(InvalidValueError) as caught:
        parse_space(space)
    assert message in str(caught.value)


def test_a_space_survives_json():
    space = parse_space(WHOLE)
    assert parse_space(json.loads(space.as_json())) == space
    assert difference(space, parse_space(WHOLE)) is None


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"units": {"low": 8, "high": 32, "step": 8}}, 'units was {"low": 8, "high": 64'),
        ({"more": {"choices": [1]}}, "more was absent and is now"),
        ({"lr": {"low": 1e-4, "high": 1e-1}}, "lr was"),
    ],
)
def test_the_first_difference_of_two_spaces_is_named(changed, message):
    assert message in difference(parse_space(WHOLE), parse_space({**WHOLE, **changed}))


@given(st.integers(0, 2**31), st.sampled_from(["tpe", "random"]))
def test_every_proposal_lies_in_the_space(seed, sampler):
    space = parse_space(WHOLE)
    params = chosen(space, Proposer(space, SweepSettings(seed=seed, sampler=sampler)).propose([]))
    assert 1e-4 <= params["lr"] <= 1e-1
    assert params["units"] in range(8, 65, 8)
    assert params["channels"] in ([8, 16], [16, 32])
    assert ("momentum" in params) == (params["optimizer"] == "sgd")


def test_a_grid_is_every_combination_that_applies():
    space = parse_space(
        {
            "a": {"choices": [1, 2]},
            "b": {"low": 0.0, "high": 1.0, "step": 0.5},
            "c": {"choices": ["x", "y"], "when": {"a": 1}},
        }
    )
    combinations = list(space.grid())
    assert len(combinations) == 3 * 2 + 3
    assert {"a": 2, "b": 0.5} in combinations


def test_a_grid_needs_steps():
    space = parse_space({"a": {"low": 0.0, "high": 1.0}})
    with pytest.raises(InvalidValueError, match="A grid needs 'choices' or a 'step' for 'a'"):
        list(space.grid())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"direction": "up"}, "There is no direction 'up'; known are: minimize, maximize"),
        ({"sampler": "tpee"}, "There is no sampler 'tpee'; did you mean 'tpe'?"),
        ({"pruner": "meridian"}, "There is no pruner 'meridian'; did you mean 'median'?"),
    ],
)
def test_a_setting_that_does_not_exist_names_the_nearest(changed, message):
    with pytest.raises(InvalidValueError) as caught:
        SweepSettings(**changed)
    assert message in str(caught.value)


def test_settings_survive_json_and_name_what_differs():
    settings = SweepSettings("val_loss", seed=3, context={"configuration": "default"})
    assert settings_from_json(settings.as_json()) == settings
    other = SweepSettings("val_loss", seed=3, context={"configuration": "cnn"})
    assert settings.difference(other) == "configuration was 'default' and is now 'cnn'"
