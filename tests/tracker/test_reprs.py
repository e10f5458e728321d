"""In a notebook a run, an experiment and a client are shown on a line, or as a small table."""

from __future__ import annotations

import tracker


def test_a_run_is_shown_on_one_short_line_and_as_a_small_table(client):
    run_id = client.create_run("0", run_name="<b>bold</b>").info.run_id
    client.log_params(run_id, {f"p{number}": "x" * 1_000 for number in range(100)})
    run = client.get_run(run_id)
    assert repr(run) == f"<Run '<b>bold</b>' RUNNING {run_id}>"
    shown = run._repr_html_()
    assert "&lt;b&gt;bold" in shown
    assert "<b>" not in shown
    assert shown.endswith("… and 83 more</p>")
    assert len(shown) < 6_000


def test_an_experiment_and_a_client_are_shown_on_one_line(client):
    experiment = client.get_experiment("0")
    assert repr(experiment) == "<Experiment 0 'Default' active>"
    assert "<th>experiment</th><td>Default</td>" in experiment._repr_html_()
    assert repr(client) == f"<TrackingClient {str(client.store.database.path)!r}>"


def test_an_active_run_is_shown_as_one(database):
    with tracker.start_run(run_name="now") as run:
        assert repr(run) == f"<ActiveRun 'now' RUNNING {run.info.run_id}>"
    assert database.exists()
