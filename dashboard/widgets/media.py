"""Images that a run logged by step: one card a key, with a slider over the steps."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from dashboard.artifacts import files
from dashboard.widgets import html, preview
from tracker.exceptions import TrackerError
from tracker.text import plural

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dashboard.view import View
    from tracker.entities import FileInfo

# MLflow's names: images/KEY+step+3+timestamp+1760000000000+ID.png, with % for + in older ones.
NAME = re.compile(
    r"images/(?P<key>.+)(?P<mark>[+%])step(?P=mark)(?P<step>-?\d+)(?P=mark)timestamp(?P=mark)"
    r"(?P<time>\d+)(?P=mark)[^/+%]+\.png"
)
TWIN = re.compile(r"images/.+[+%]compressed\.webp")
KEYS_SHOWN, RUNS_SHOWN, A_ROW = 12, 6, 2
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
        view: Its shown runs can be seen beside this one.
        run_id: The run.
        found: Its files.
    """
    cards = list(series(found).items())[:KEYS_SHOWN]
    for first in range(0, len(cards), A_ROW):
        for slot, (key, pictures) in zip(st.columns(A_ROW), cards[first:], strict=False):
            with slot, st.container(border=True):
                st.fragment(partial(_card, view, run_id, key, pictures))()


def _card(view: View, run_id: str, key: str, pictures: list[Picture]) -> None:
    st.markdown(f"{html.code_span(key, 60)} {plural(len(pictures), 'image')}")
    number = len(pictures) - 1
    if number:
        number = st.select_slider(
            "Step",
            range(len(pictures)),
            number,
            format_func=lambda index: f"step {pictures[index].step:,}",
            key=f"media-{run_id}-{key}",
            label_visibility="collapsed",
        )
    else:
        st.caption(f"step {pictures[0].step:,}")
    others = [other for other in view.run_ids if other != run_id][: RUNS_SHOWN - 1]
    is_beside = bool(others) and st.toggle("Beside the shown runs", key=f"beside-{run_id}-{key}")
    _picture(view, run_id, pictures[number])
    for other in others if is_beside else []:
        _beside(view, other, key, pictures[number].step)


def _beside(view: View, run_id: str, key: str, step: int) -> None:
    """What another run logged under the same key, at the last step up to this one."""
    st.caption(html.code_span(view.labels[run_id], 60))
    try:
        found = series(files.listing(view.store(run_id))).get(key, [])
    except TrackerError as error:
        st.text(str(error))
        return
    earlier = [picture for picture in found if picture.step <= step]
    if earlier:
        _picture(view, run_id, earlier[-1])
    else:
        st.caption("No image up to this step.")


def _picture(view: View, run_id: str, picture: Picture) -> None:
    try:
        preview.image(view.store(run_id), picture.path)
    except TrackerError as error:
        st.text(str(error))
