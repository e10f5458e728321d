"""The form that starts a sweep: configuration, space, trials, workers, with the YAML beside it."""

from __future__ import annotations

import json
import shlex
import time
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import editing, sweep_process, watch
from dashboard.sweep_process import Job
from dashboard.widgets import html
from tracker.exceptions import InvalidValueError, TrackerError
from tracker.sweep import parse_space
from tracker.text import plural

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

STARTED = "sweep_started"
USUAL_TRIALS, USUAL_WORKERS = 30, 2
METRICS = ("val_accuracy", "val_loss", "val_both_accuracy", "val_both_loss")


def show(database: Path, statuses: Mapping[str, str]) -> None:
    """The form, and what became of a sweep that was started with it.

    While a sweep runs, none can be started: two would take the processor from each other.

    Args:
        database: Where its runs go.
        statuses: The sweeps that are there, by name.
    """
    _starting(statuses)
    is_running = "RUNNING" in statuses.values() or is_starting()
    config = sweep_process.config_file(database)
    with st.expander("New sweep", icon=":material/add:", expanded=not statuses):
        if config is None:
            st.caption("There is no config.yaml beside the database or in the working directory.")
            st.code("python -m training.sweep --config path/to/config.yaml", language=None)
        elif not sweep_process.is_allowed():
            st.caption(
                "Only a dashboard on this machine starts processes"
                f" (or one with {sweep_process.ALLOW_VARIABLE}=1). The command:"
            )
            st.code("python -m training.sweep", language=None)
        else:
            _form(database, config, is_running=is_running)


def remember(name: str) -> None:
    """Let the page wait for this sweep's run."""
    st.session_state[STARTED] = name


def is_starting() -> bool:
    """Whether a sweep was started here that does not run yet."""
    name = st.session_state.get(STARTED)
    return name is not None and sweep_process.is_starting(name)


def tell_failure(sentence: str, name: str) -> None:
    """Say that the process of this name has failed, and what it printed last."""
    st.error(sentence, icon=":material/error:")
    st.code(sweep_process.last_output(name) or "no output", language=None)


def wait() -> None:
    """Run the script again when a start has failed, which changes nothing in the database."""
    st.fragment(_rerun_if_ended, run_every=watch.EVERY_SECONDS)()


def _rerun_if_ended() -> None:
    if not is_starting():
        st.rerun()


def _starting(statuses: Mapping[str, str]) -> None:
    name = st.session_state.get(STARTED)
    if not name:
        return
    if sweep_process.has_failed(name):
        tell_failure("The sweep could not start:", name)
    elif statuses.get(name) == "RUNNING" or not sweep_process.is_starting(name):
        st.session_state.pop(STARTED)
    else:
        st.info("Starting: the images are loaded first.", icon=":material/hourglass_top:")


def _form(database: Path, config: Path, *, is_running: bool) -> None:
    try:
        study = sweep_process.read_study(config)
    except TrackerError as error:
        st.error(html.code_span(str(error)), icon=":material/error:")
        return
    section = study.get("sweep") or {}
    names = list(study.get("model_configs") or {})
    left, right = st.columns(2)
    with left:
        usual = section.get("configuration")
        configuration = st.selectbox(
            "Configuration", names, index=names.index(usual) if usual in names else 0
        )
        usual = section.get("metric")
        metric = st.selectbox(
            "Objective", METRICS, index=METRICS.index(usual) if usual in METRICS else 0
        )
        counts = st.columns(2)
        trials = counts[0].number_input("Trials", 1, 10_000, USUAL_TRIALS)
        workers = counts[1].number_input("Workers", 1, 64, USUAL_WORKERS)
        space = _space(section.get("space") or {})
    name = f"sweep-{time.strftime('%Y%m%d-%H%M')}"
    job = Job(name, configuration or "", metric or "", int(trials), int(workers), space)
    words = sweep_process.command(config, database, job)
    with right:
        problem = _problem(space)
        st.caption("The section of config.yaml that this is")
        st.code(_as_yaml(job), language="yaml")
        if problem:
            st.error(html.code_span(problem), icon=":material/error:")
        if is_running:
            st.caption("A sweep is running; stop it, or wait for its end.")
        label = f"Start {plural(job.trials, 'trial')}"
        if st.button(label, type="primary", key="start", disabled=is_running or bool(problem)):
            editing.attempt(lambda: sweep_process.start(words, name), f"Starting {name}")
            remember(name)
            st.rerun()
        with st.popover("Command", icon=":material/terminal:"):
            st.code(shlex.join(words), language=None, wrap_lines=True)


def _space(described: dict[str, Any]) -> dict[str, Any]:
    """One row a parameter; those that are switched off are left out."""
    space = {}
    for key, spec in described.items():
        if not isinstance(spec, dict):
            continue
        used, *fields = st.columns([3, 2, 2], vertical_alignment="bottom")
        if not used.checkbox(key, value=True, key=f"use_{key}"):
            continue
        space[key] = _choices(key, spec, fields) if "choices" in spec else _range(key, spec, fields)
    return space


def _choices(key: str, spec: dict[str, Any], fields: list[Any]) -> dict[str, Any]:
    text = ", ".join(json.dumps(value) for value in spec["choices"])
    given = fields[0].text_input("choices", text, key=f"choices_{key}")
    return {**spec, "choices": [_value(part) for part in given.split(",") if part.strip()]}


def _range(key: str, spec: dict[str, Any], fields: list[Any]) -> dict[str, Any]:
    low = fields[0].text_input("low" + (" (log)" if spec.get("log") else ""), str(spec.get("low")),
                               key=f"low_{key}")  # fmt: skip
    high = fields[1].text_input("high", str(spec.get("high")), key=f"high_{key}")
    return {**spec, "low": _value(low), "high": _value(high)}


def _value(text: str) -> Any:
    """A number, true, false, or text."""
    plain = text.strip()
    try:
        return json.loads(plain)
    except ValueError:
        pass
    try:
        return float(plain)
    except ValueError:
        return plain


def _problem(space: dict[str, Any]) -> str:
    try:
        parse_space(space)
    except InvalidValueError as error:
        return str(error)
    return ""


def _as_yaml(job: Job) -> str:
    lines = [f"sweep:\n  configuration: {job.configuration}\n  metric: {job.metric}\n  space:"]
    for key, spec in job.space.items():
        inner = ", ".join(f"{name}: {json.dumps(value)}" for name, value in spec.items())
        lines.append(f"    {key}: {{{inner}}}")
    return "\n".join(lines)
