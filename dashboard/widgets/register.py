"""Register the model of a run: a field for the name, and the command line that does it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import sweep_process
from dashboard.widgets import html
from tracker.exceptions import TrackerError

if TYPE_CHECKING:
    from pathlib import Path

    from tracker.sweep import TrialRecord

LABEL, ICON = "Register best", ":material/add_circle:"


def show(database: Path, best: TrialRecord, usual_name: str, *, has_model: bool) -> None:
    """A button for the best trial of a sweep, which says what is missing where there is no model.

    Args:
        database: Where its run is.
        best: The trial.
        usual_name: Of the registered model, unless another one is given.
        has_model: Whether the trial's run holds a model.
    """
    if not has_model:
        missing = f"The run of trial {best.number} holds no model: a search exports its winner's."
        st.button(LABEL, icon=ICON, disabled=True, help=missing, key="register_not")
        return
    with st.popover(LABEL, icon=ICON):
        name = st.text_input("Registered model", usual_name, key="register_name").strip()
        words = sweep_process.register_command(database, best.run_id, name)
        st.code(shlex.join(words), language=None, wrap_lines=True)
        if sweep_process.is_allowed() and st.button("Register", type="primary", key="register"):
            _register(words)


def _register(words: list[str]) -> None:
    try:
        with st.spinner("Registering"):
            told = sweep_process.finish(words)
    except TrackerError as error:
        st.error(html.code_span(str(error)), icon=":material/error:")
    else:
        st.session_state["told"] = f"{told[0].upper()}{told[1:]}."
        st.rerun()
