"""What cannot be written as the file that its name promises is one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from tracker.exceptions import InvalidValueError

mpl.use("agg")


@pytest.mark.parametrize(("mode", "name"), [("F", "map.png"), ("RGB", "map.psd")])
def test_an_image_that_its_format_cannot_hold_is_refused(client, run_id, mode, name):
    with pytest.raises(InvalidValueError, match="end 'map"):
        client.log_image(run_id, Image.new(mode, (2, 2)), name)


@pytest.mark.parametrize("figure", [Figure(), "text"], ids=["figure", "text"])
def test_a_figure_that_cannot_be_drawn_is_refused(client, run_id, figure):
    with pytest.raises(InvalidValueError, match=r"'plot\.xyz' cannot be drawn"):
        client.log_figure(run_id, figure, "plot.xyz")


@pytest.mark.parametrize("content", [[1, 2], {"a": 1}])
def test_a_table_is_not_appended_to_what_is_none(client, run_id, content):
    client.log_dict(run_id, content, "rows.json")
    with pytest.raises(InvalidValueError, match="holds no table"):
        client.log_table(run_id, {"a": [1]}, "rows.json")


@pytest.mark.parametrize("name", ["settings.json", "settings.yaml"])
def test_numbers_of_numpy_and_paths_stand_in_a_dictionary_of_either_kind(client, run_id, name):
    yaml = pytest.importorskip("yaml")
    client.log_dict(run_id, {"lr": np.float32(0.5), "where": Path("data")}, name)
    text = Path(client.download_artifacts(run_id, name)).read_text()
    assert yaml.safe_load(text) == {"lr": 0.5, "where": "data"}


def test_tables_beyond_the_room_of_their_tag_are_kept_all_the_same(client, run_id):
    for number in range(250):
        client.log_table(run_id, {"a": [number]}, f"tables/{number}.json")
    known = json.loads(client.get_run(run_id).data.tags["mlflow.loggedArtifacts"])
    assert known[:2] == [{"path": f"tables/{n}.json", "type": "table"} for n in range(2)]
    assert len(client.list_artifacts(run_id, "tables")) == 250
