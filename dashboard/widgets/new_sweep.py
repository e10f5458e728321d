"""The form that starts a sweep: configuration, space, trials, workers, with the YAML beside it."""

from __future__ import annotations

import json
import shlex
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import editing, sweep_process
from dashboard.sweep_process import Job
from dashboard.widgets import html
from tracker.exceptions import InvalidValueError
from tracker.sweep import parse_space

if TYPE_CHECKING:
    from pathlib import Path

STARTED = "sweep_started"
USUAL_TRIALS, USUAL_WORKERS = 30, 2


def show(database: Path, taken: set[str], *, is_running: bool) -> None:
    """The form, and what became of a sweep that was started with it.

    Args:
        database: Where its runs go.
        taken: Names of sweeps that are there.
        is_running: Whether one runs; two at once would take the processor from each other.
    """
    _starting(taken)
    config = sweep_process.config_file(database)
    with st.expander("New sweep", icon=":material/add:", expanded=not taken):
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
    """Whether a sweep was started here whose run is not there yet."""
    name = st.session_state.get(STARTED)
    return name is not None and sweep_process.is_starting(name)


def _starting(taken: set[str]) -> None:
    name = st.session_state.get(STARTED)
    if not name:
        return
    if name in taken:
        st.session_state.pop(STARTED)
    elif sweep_process.is_starting(name):
        st.info("Starting: the images are loaded first.", icon=":material/hourglass_top:")
    else:
        st.error("The sweep ended before its first trial:", icon=":material/error:")
        st.code(sweep_process.last_output(name) or "no output", language=None)


def _form(database: Path, config: Path, *, is_running: bool) -> None:
    study = _study(config)
    if study is None:
        return
    section = study.get("sweep") or {}
    names = list(study.get("model_configs") or {})
    left, right = st.columns(2)
    with left:
        usual = section.get("configuration")
        configuration = st.selectbox(
            "Configuration", names, index=names.index(usual) if usual in names else 0
        )
        trials = st.number_input("Trials", 1, 10_000, USUAL_TRIALS)
        workers = st.number_input("Workers", 1, 64, USUAL_WORKERS)
        space = _space(section.get("space") or {})
    with right:
        problem = _problem(space)
        st.caption("The section of config.yaml that this is")
        st.code(_as_yaml(configuration or "", space), language="yaml")
        if problem:
            st.error(html.code_span(problem), icon=":material/error:")
        if is_running:
            st.caption("A sweep is running; stop it, or wait for its end.")
        name = f"sweep-{time.strftime('%Y%m%d-%H%M')}"
        job = Job(name, configuration or "", int(trials), int(workers), space)
        words = sweep_process.command(config, database, job)
        if st.button("Start", type="primary", key="start", disabled=is_running or bool(problem)):
            editing.attempt(lambda: sweep_process.start(words, name), f"Starting {name}")
            remember(name)
            st.rerun()
        with st.popover("Command", icon=":material/terminal:"):
            st.code(shlex.join(words), language=None, wrap_lines=True)


def _study(config: Path) -> dict[str, Any] | None:
    try:
        yaml = import_module("yaml")
        found = yaml.safe_load(config.read_text(encoding="utf-8"))
    except ImportError:
        st.caption("Starting a sweep needs the trainer: pip install 'ml-tracker[training]'")
        return None
    except (OSError, ValueError, yaml.YAMLError) as error:
        st.error(html.code_span(f"{config} cannot be read: {error}"), icon=":material/error:")
        return None
    return found if isinstance(found, dict) else {}


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


def _as_yaml(configuration: str, space: dict[str, Any]) -> str:
    lines = [f"sweep:\n  configuration: {configuration}\n  space:"]
    for key, spec in space.items():
        inner = ", ".join(f"{name}: {json.dumps(value)}" for name, value in spec.items())
        lines.append(f"    {key}: {{{inner}}}")
    return "\n".join(lines)
