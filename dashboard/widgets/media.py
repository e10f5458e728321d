"""Images that runs logged by step: one card a key, with a slider over the steps."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from dashboard.artifacts import files
from dashboard.widgets import component
from tracker.exceptions import TrackerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dashboard.view import View
    from tracker.entities import FileInfo

# MLflow's names: images/KEY+step+3+timestamp+1760000000000+ID.png, with % for + in older ones.
NAME = re.compile(
    r"images/(?P<key>.+)(?P<mark>[+%])step(?P=mark)(?P<step>-?\d+)(?P=mark)timestamp(?P=mark)"
    r"(?P<time>\d+)(?P=mark)[^/+%]+\.png"
)
TWIN = re.compile(r"images/.+[+%]compressed\.webp")
KEYS_SHOWN, RUNS_SHOWN = 12, 6
Series = dict[str, list["Picture"]]


class Picture(NamedTuple):
    """One image of a series."""

    step: int
    timestamp: int
    path: str


def series(found: Iterable[FileInfo]) -> Series:
    """The images among some files by key, in the order of their steps."""
    grouped: Series = defaultdict(list)
    for item in found:
        if named := NAME.fullmatch(item.path):
            picture = Picture(int(named["step"]), int(named["time"]), item.path)
            grouped[named["key"].replace("~", "/")].append(picture)
    return {key: sorted(pictures) for key, pictures in sorted(grouped.items())}


def without_twins(found: Iterable[FileInfo]) -> list[FileInfo]:
    """The files less the thumbnails that lie beside the images of a series."""
    return [item for item in found if not TWIN.fullmatch(item.path)]


def show(view: View, run_id: str, found: Iterable[FileInfo]) -> None:
    """A card for each series of images of a run.

    Args:
        view: Its shown runs and its baseline can be seen beside this one.
        run_id: The run.
        found: Its files.
    """
    own = series(found)
    if own:
        data = {"cards": cards(view, run_id, own)}
        component.part("media", f"run-media-{run_id}", data)


def cards(view: View, run_id: str, own: Series) -> list[dict[str, Any]]:
    """The cards as `run_page/media.js` takes them."""
    others = [one for one in dict.fromkeys([view.state.baseline, *view.run_ids]) if one != run_id]
    known = [one for one in others if one in view.listing.runs.frame.index]
    beside = {one: _of(view, one) for one in known[: RUNS_SHOWN - 1]}
    runs = {run_id: own, **beside}
    return [
        {
            "key": key,
            "runs": [_run(view, one, found[key]) for one, found in runs.items() if found.get(key)],
        }
        for key in list(own)[:KEYS_SHOWN]
    ]


def _run(view: View, run_id: str, pictures: list[Picture]) -> Mapping[str, Any]:
    return {
        "name": view.labels[run_id],
        "baseline": run_id == view.state.baseline,
        "pictures": [[one.step, files.picture_url(run_id, one.path)] for one in pictures],
    }


def _of(view: View, run_id: str) -> Series:
    try:
        return series(files.listing(view.store(run_id)))
    except TrackerError:
        return {}
