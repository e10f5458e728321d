"""Try it: draw or upload a digit and see what every shown model says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import charts
from dashboard.artifacts import digits, inference
from dashboard.widgets import drawing_pad, html, images
from dashboard.widgets.run_choice import ask_for_runs
from tracker.exceptions import TrackerError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dashboard.view import View
    from tracker.files import ArtifactStore

    Image = NDArray[np.float32]

CARDS_A_ROW = 3
TRUST = (
    "A model kept only as model.pt2 can hold code, which loading runs."
    " Switch this on for runs whose files you trust."
)


def show(view: View) -> None:
    """A pad or a picture on the left, one answer a model on the right."""
    if view.runs.empty:
        ask_for_runs(view, "draw", "Choose runs in the run list to ask their models.")
        return
    left, right = st.columns([2, 5], gap="large")
    with left:
        pixels = _input()
        image = None if pixels is None else digits.as_model_input(pixels)
        if image is not None:
            st.caption("As the models see it")
            images.wall([((image * 255).astype(np.uint8), "", "")], 112)
        trusted = st.toggle("Trust model.pt2", key="trust", help=TRUST)
    with right:
        if pixels is None:
            html.empty("draw", "Draw a digit on the black pad, or upload a picture of one.")
        elif image is None:
            html.empty("draw", "There is no ink in this picture: it is of one gray all over.")
        else:
            _answers(view, image, trusted=trusted)


def _input() -> NDArray[np.uint8] | None:
    how = st.segmented_control(
        "Input",
        ["Draw", "Upload"],
        default="Draw",
        required=True,
        key="how",
        label_visibility="collapsed",
    )
    return drawing_pad.pad("pad") if how == "Draw" else _uploaded()


def _uploaded() -> NDArray[np.uint8] | None:
    file = st.file_uploader("A picture of one digit", type=["png", "jpg", "jpeg", "webp", "bmp"])
    if file is None:
        return None
    try:
        return digits.from_upload(file.getvalue())
    except TrackerError as error:
        st.error(html.code_span(str(error)), icon=":material/error:")
        return None


def _answers(view: View, image: Image, *, trusted: bool) -> None:
    answers: dict[str, Image] = {}
    silent: dict[str, str] = {}
    for run_id in view.run_ids:
        try:
            answers[run_id] = _ask(view.store(run_id), image, trusted=trusted)
        except TrackerError as error:
            silent[view.labels[run_id]] = str(error)
    answered = list(answers)
    for first in range(0, len(answered), CARDS_A_ROW):
        row = answered[first : first + CARDS_A_ROW]
        for slot, run_id in zip(st.columns(CARDS_A_ROW), row, strict=False):
            with slot:
                _card(view, run_id, answers[run_id])
    for label, reason in silent.items():
        st.caption(html.code_span(f"{label}: {reason}"))


def _card(view: View, run_id: str, shares: Image) -> None:
    """What one model says; the answers of a row stand at one height, however long the labels."""
    with st.container(border=True, height="stretch", vertical_alignment="distribute"):
        html.legend([(view.labels[run_id], view.colors[run_id])])
        with st.container():
            _answer(shares, view.colors[run_id], run_id)


def _ask(store: ArtifactStore, image: Image, *, trusted: bool) -> Image:
    """The probabilities of the ten digits; without torch where that can be."""
    obstacle = inference.obstacle(store)
    if not obstacle:
        return inference.load(store).probabilities(image)
    if not inference.has_program(store):
        raise inference.InferenceError(obstacle)
    if not trusted:
        raise inference.InferenceError("This model is kept only as model.pt2; see the switch.")
    return inference.run_program(store, image)


def _answer(shares: Image, tint: str, run_id: str) -> None:
    best = int(shares.argmax())
    html.big(str(best), f"{shares[best]:.1%} sure")
    table = pd.DataFrame({"digit": [str(n) for n in range(len(shares))], "share": shares})
    st.altair_chart(charts.probability_chart(table, tint), key=f"shares-{run_id}")
