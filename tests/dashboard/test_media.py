"""Images logged by step, on the page of their run."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dashboard.widgets import media
from tracker.client import TrackingClient
from tracker.entities import FileInfo


@pytest.fixture
def pictured(tmp_path):
    """A database with two runs that logged three and two images under a key with a slash."""
    client = TrackingClient(str(tmp_path / "tracking.db"))
    for name, steps in (("other", (0, 5)), ("first", (10, 0, 5))):
        run_id = client.create_run("0", run_name=name).info.run_id
        for step in steps:
            gray = np.full((8, 8, 3), 20 * step, dtype="uint8")
            client.log_image(run_id, gray, key="val/samples", step=step)
        client.set_terminated(run_id)
    return tmp_path / "tracking.db"


def cards_of_first(look, database):
    """The cards on the page of the run named first, the newest."""
    test = look(database)
    test.session_state["page_wanted"] = "run"
    test.run()
    assert not test.exception
    (found,) = [
        element.proto
        for element in test.get("bidi_component")
        if element.proto.component_name == "run_media"
    ]
    return json.loads(found.json)["cards"]


def test_images_of_a_key_are_one_series_in_the_order_of_their_steps(pictured, look):
    (card,) = cards_of_first(look, pictured)
    assert card["key"] == "val/samples"
    assert [step for step, _ in card["runs"][0]["pictures"]] == [0, 5, 10]


def test_the_thumbnails_beside_the_images_are_not_listed():
    paths = [
        "images/a+step+0+timestamp+1+ff.png",
        "images/a+step+0+timestamp+1+ff+compressed.webp",
        "images/mine.webp",
    ]
    found = [FileInfo(path, is_dir=False, file_size=1) for path in paths]
    assert [item.path for item in media.without_twins(found)] == [paths[0], paths[2]]


def test_images_of_older_releases_of_mlflow_are_found_too():
    paths = [f"images/a~b%step%{step}%timestamp%17%0f-e1.png" for step in (10, -2)]
    found = media.series(FileInfo(path, is_dir=False, file_size=1) for path in paths)
    assert {key: [picture.step for picture in all_] for key, all_ in found.items()} == {
        "a/b": [-2, 10]
    }


def test_other_shown_runs_come_after_this_one(pictured, look):
    (card,) = cards_of_first(look, pictured)
    assert [(run["name"], len(run["pictures"])) for run in card["runs"]] == [
        ("first", 3),
        ("other", 2),
    ]
