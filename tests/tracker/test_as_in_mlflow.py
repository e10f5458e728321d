"""What MLflow 2.22 and 3.18 do where their documentation is silent."""

from __future__ import annotations

import pytest

import tracker
from tracker.entities import Metric


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    "log",
    [
        lambda **how: tracker.log_metric("m", 1, **how),
        lambda **how: tracker.log_metrics({"m": 1}, **how),
        lambda **how: tracker.log_params({"p": 1}, **how),
        lambda **how: tracker.set_tag("t", 1, **how),
        lambda **how: tracker.set_tags({"t": 1}, **how),
    ],
    ids=["metric", "metrics", "params", "tag", "tags"],
)
def test_who_does_not_wait_gets_an_operation_to_wait_for(log):
    with tracker.start_run() as run:
        assert log(synchronous=False).wait() is None
        assert log(synchronous=True) is log() is None
    data = tracker.get_run(run.info.run_id).data
    assert data.metrics or data.params or "t" in data.tags


def test_a_batch_and_a_parameter_can_be_waited_for_too(client, run_id):
    point = Metric("m", 1.0, 1)
    assert client.log_batch(run_id, [point], synchronous=False).wait() is None
    assert client.log_batch(run_id, [point]) is None
    assert client.log_param(run_id, "p", 5, synchronous=False).wait() is None
    assert client.log_param(run_id, "p", 5) == 5
