"""Try it: draw or upload a digit and see what the served model and every shown one say."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import charts, serving
from dashboard.artifacts import digits, inference, program
from dashboard.palette import token
from dashboard.widgets import drawing_pad, html, images
from dashboard.widgets.run_choice import ask_for_runs
from tracker.exceptions import TrackerError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from dashboard.serving import Service
    from dashboard.view import View
    from tracker.files import ArtifactStore

    Image = NDArray[np.float32]

CARDS_A_ROW = 3
MOST_NAMED = 3
"""Of the models that do not answer for one reason."""
TRUST = (
    "A model kept only as model.pt2 can hold code, which loading runs."
    " Switch this on for runs whose files you trust."
)


class Answer(NamedTuple):
    """What one model says of the image.

    Args:
        key: Unique among the answers.
        label: Of the model.
        color: Of its dot and bars, hexadecimal.
        shares: (10,) float32, the probability of each digit.
    """

    key: str
    label: str
    color: str
    shares: Image


def show(view: View, service: Service | None = None) -> None:
    """A pad or a picture on the left, one answer a model on the right.

    Args:
        view: The shown runs are asked.
        service: A server that is asked, too.
    """
    if view.runs.empty and service is None:
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
            _answers(view, image, service, trusted=trusted)


def keeps_network(store: ArtifactStore) -> bool:
    """Whether a run keeps a network that can be asked, without torch or with it."""
    try:
        return not inference.obstacle(store) or program.has_program(store)
    except TrackerError:
        return False  # Its files cannot be reached.


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


def _answers(view: View, image: Image, service: Service | None, *, trusted: bool) -> None:
    answers: list[Answer] = []
    silent: defaultdict[str, list[str]] = defaultdict(list)  # labels, by why they do not answer
    if service is not None:
        label = f"v{service.version}, in service"
        try:
            shares = serving.probabilities(service, image)
            answers.append(Answer("served", label, token("fill"), shares))
        except TrackerError as error:
            silent[str(error)].append(label)
    for run_id in view.run_ids:
        label = view.labels[run_id]
        try:
            shares = _ask(view.store(run_id), image, trusted=trusted)
            answers.append(Answer(run_id, label, view.colors[run_id], shares))
        except TrackerError as error:
            silent[str(error)].append(label)
    for first in range(0, len(answers), CARDS_A_ROW):
        row = answers[first : first + CARDS_A_ROW]
        for slot, answer in zip(st.columns(CARDS_A_ROW), row, strict=False):
            with slot:
                _card(answer)
    for line in explained(silent):
        st.caption(html.code_span(line))


def explained(silent: Mapping[str, list[str]]) -> list[str]:
    """A line for each reason why models do not answer, with the labels of the first of them."""
    lines = []
    for reason, labels in silent.items():
        others = len(labels) - MOST_NAMED
        more = f" and {others:,} more" if others > 0 else ""
        lines.append(f"{', '.join(labels[:MOST_NAMED])}{more}: {reason}")
    return lines


def _card(answer: Answer) -> None:
    """What one model says; the answers of a row stand at one height, however long the labels."""
    with st.container(border=True, height="stretch", vertical_alignment="distribute"):
        html.legend([(answer.label, answer.color)])
        with st.container():
            _answer(answer)


def _ask(store: ArtifactStore, image: Image, *, trusted: bool) -> Image:
    """The probabilities of the ten digits; without torch where that can be."""
    obstacle = inference.obstacle(store)
    if not obstacle:
        return inference.load(store).probabilities(image)
    if not program.has_program(store):
        raise inference.InferenceError(obstacle)
    if not trusted:
        raise inference.InferenceError("This model is kept only as model.pt2; see the switch.")
    return program.run_program(store, image)


def _answer(answer: Answer) -> None:
    shares = answer.shares
    best = int(shares.argmax())
    html.big(str(best), f"{shares[best]:.1%} sure")
    table = pd.DataFrame({"digit": [str(n) for n in range(len(shares))], "share": shares})
    chart = charts.probability_chart(table, answer.color)
    st.altair_chart(chart, key=f"shares-{answer.key}")
