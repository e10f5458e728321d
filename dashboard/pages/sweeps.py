"""Sweeps: start a search, watch it, stop it, go on with it."""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import editing, sweep_charts, sweep_process, watch
from dashboard.queries import sweeps
from dashboard.widgets import grid, html, new_sweep, sweep_strip
from dashboard.widgets.grid import Cell, Column, Row
from tracker.exceptions import TrackerError
from tracker.sweep import pause
from tracker.text import duration, exact_number, plural, shown

if TYPE_CHECKING:
    from dashboard.queries.sweeps import Sweep, Trials
    from dashboard.view import View
    from tracker.sweep import TrialRecord

NONE_YET = (
    "No sweep yet. A sweep tries parameters, each trial in a run of its own, and keeps the best."
)
# Trials whose spread is told beside the winner.
BEST = 5


def show(view: View) -> None:
    """The chosen sweep with its charts and trials, and the form for a new one."""
    found = sweeps.sweeps(view.source)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title("Sweeps", width="content")
        sweep = _chosen(found) if found else None
    if sweep is not None:
        _sweep(view, sweep, sweeps.trials(view.source, sweep.run_id))
    else:
        html.empty("tune", NONE_YET, "python -m training.sweep")
    statuses = {sweep.name: sweep.status for sweep in reversed(found)}
    new_sweep.show(Path(view.source.path), statuses)
    if new_sweep.is_starting():
        new_sweep.wait()
    if "RUNNING" in statuses.values() or new_sweep.is_starting():
        watch.follow(view)


def _chosen(found: list[Sweep]) -> Sweep:
    names = {sweep.run_id: sweep.name for sweep in found}
    chosen = st.selectbox(
        "Sweep",
        list(names),
        format_func=names.__getitem__,
        key="sweep",
        bind="query-params",
        label_visibility="collapsed",
        width=320,
    )
    return next((sweep for sweep in found if sweep.run_id == chosen), found[0])


def _sweep(view: View, sweep: Sweep, trials: Trials) -> None:
    _head(view, sweep, trials)
    sweep_strip.show(view, sweep, trials)
    left, middle, right = st.columns([5, 3, 4], vertical_alignment="top")
    with left:
        sweep_charts.history(sweep, trials)
    with middle:
        sweep_charts.importance(sweep, trials)
    with right:
        _space(sweep)
    sweep_charts.parallel(sweep, trials)
    left, middle, right = st.columns(3)
    with left:
        sweep_charts.pair(sweep, trials)
    with middle:
        sweep_charts.slices(sweep, trials)
    with right:
        sweep_charts.course(sweep, trials)
    _trials(view, sweep, trials)


def _head(view: View, sweep: Sweep, trials: Trials) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(html.status_pill(sweep.status), width="content")
        how = sweep.settings
        sentence = f"{how.direction} {html.code_span(how.metric)} with {how.sampler}"
        st.caption(sentence, width="content")
        st.space("stretch")
        _command(view, sweep)
        if not sweep_process.is_allowed():
            pass
        elif sweep.status == "RUNNING":
            _pause(view, sweep)
            if st.button("Stop", icon=":material/stop:", key="stop"):
                editing.attempt(partial(sweep_process.stop, sweep), "Ending the running trials")
        elif sweep.status in {"FAILED", "KILLED"}:
            _resume(view, sweep, trials)
    if sweep.status in {"FAILED", "KILLED"}:
        told = "was paused" if sweep.is_paused else "was stopped"
        told = told if sweep.status == "KILLED" else "was interrupted"
        reason = f": {html.code_span(sweep.note)}." if sweep.note else "."
        kept = f" Its {plural(trials.done, 'finished trial')} are kept and count when it goes on."
        st.warning(f"This sweep {told}{reason}{kept}", icon=":material/pause:")
    elif sweep.status == "RUNNING" and trials.done >= sweep.wanted:
        st.info("All trials are done; the winner is being tested.", icon=":material/hourglass_top:")
    elif sweep.status == "RUNNING" and sweep.is_paused:
        at_work = plural(trials.running, "trial")
        st.info(f"Pausing: {at_work} at work, no other begins.", icon=":material/pause:")
    if sweep.status == "FINISHED" and sweep.result:
        _result(sweep, trials)


def _command(view: View, sweep: Sweep) -> None:
    """The command line that goes on with the sweep."""
    path = Path(view.source.path)
    config = sweep_process.config_file(path)
    if config is None or not sweep.configuration:
        return
    try:
        words = sweep_process.resume_command(config, path, sweep, sweep.wanted or 1)
    except TrackerError:  # config.yaml cannot be read, which the form for a new sweep says.
        return
    with st.popover("Command", icon=":material/terminal:", key="command"):
        st.caption("Goes on with this sweep from a terminal")
        st.code(shlex.join(words), language=None, wrap_lines=True)


def _pause(view: View, sweep: Sweep) -> None:
    """Let the trials at work end, and begin no other."""
    asked = st.button(
        "Pause after these", icon=":material/pause:", key="pause", disabled=sweep.is_paused
    )
    pausing = partial(_paused, view, sweep)
    if asked and editing.attempt(pausing, "No further trial begins"):
        st.rerun()


def _paused(view: View, sweep: Sweep) -> None:
    pause(editing.writer(view.source), sweep.run_id)


def _result(sweep: Sweep, trials: Trials) -> None:
    with st.container(border=True):
        st.html(f'<div style="font-weight:600">{html.shown(sweep.result, 1000)}</div>')
        if sweep.retrain:
            values = [trial.value for trial in trials.records if trial.value is not None]
            best = sorted(values, reverse=sweep.settings.direction == "maximize")[:BEST]
            spread = trials.write(abs(best[0] - best[-1]))
            near = f"The best {len(best)} trials lie within {spread}. "
            st.caption(f"{near}Train the winner again from five seeds before you trust the order:")
            st.code(sweep.retrain, language=None, wrap_lines=True)


def _resume(view: View, sweep: Sweep, trials: Trials) -> None:
    """Go on, or be content with the trials so far."""
    if not sweep.configuration:
        st.caption("It goes on when its own program is run again.", width="content")
        return
    config = sweep_process.config_file(Path(view.source.path))
    if config is None:
        return
    left = sweeps.to_come(sweep, trials)
    wanted = None
    if left and trials.best is not None:
        note = "Begins no further trial: tests the best one and exports its model"
        if st.button("Call it finished", icon=":material/flag:", key="finish", help=note):
            wanted = trials.done
    label = f"Go on with {left}" if left else "Go on"
    if st.button(label, type="primary", icon=":material/play_arrow:", key="resume"):
        wanted = sweep.wanted or 1
    if wanted is None:
        return
    if editing.attempt(partial(_go_on, config, Path(view.source.path), sweep, wanted), "Going on"):
        new_sweep.remember(sweep.name)
        st.rerun()


def _go_on(config: Path, database: Path, sweep: Sweep, trials: int) -> None:
    words = sweep_process.resume_command(config, database, sweep, trials)
    sweep_process.start(words, sweep.name)


def _space(sweep: Sweep) -> None:
    with st.container(border=True, height="stretch"):
        st.markdown("**Space** :gray[stays the same for the whole sweep]")
        html.facts([(key, _range(spec)) for key, spec in sweep.space.items()])


def _range(spec: object) -> str:
    """A parameter's values in words.

    >>> _range({"low": 1e-05, "high": 0.1, "log": True}), _range({"choices": [64, 128]})
    ('1e-05 to 0.1 (log)', '64, 128')
    """
    if not isinstance(spec, dict):
        return str(spec)
    if "choices" in spec:
        return ", ".join(map(str, spec["choices"]))
    kind = " (log)" if spec.get("log") else ""
    return f"{exact_number(spec['low'])} to {exact_number(spec['high'])}{kind}"


def _trials(view: View, sweep: Sweep, trials: Trials) -> None:
    failed = trials.failed
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("Trials", width="content")
        st.space("stretch")
        labels = {"all": "All", "failed": f"Failed {len(failed)}"}
        chosen = st.segmented_control(
            "Trials shown",
            list(labels),
            default="all",
            format_func=labels.__getitem__,
            key="trials_shown",
            label_visibility="collapsed",
        )
    listed = failed if chosen == "failed" else trials.records
    columns = [Column(sweep.metric), Column("State", kind="text")]
    columns += [
        Column(key, kind="number" if sweeps.is_numeric(spec) else "text")
        for key, spec in sweep.space.items()
    ]
    columns.append(Column("Duration"))
    grid.show(
        columns,
        [_row(view, sweep, trials, trial) for trial in reversed(listed)],
        "trials",
        lead="Trial",
        height="50dvh",
        actions=[("again", "replay", "Run again")] if sweep.configuration else [],
        on_action=_ask_again,
    )
    asked = st.session_state.get("again")
    trial = next((t for t in trials.records if t.run_id == asked), None)
    if trial is not None and sweep.configuration:
        _again(view, sweep, trial)


def _ask_again(action: str, key: str) -> None:
    del action
    st.session_state["again"] = key


def _again(view: View, sweep: Sweep, trial: TrialRecord) -> None:
    """The command that trains with a trial's parameters once more, and a button that does it."""
    path = Path(view.source.path)
    config = sweep_process.config_file(path)
    if config is None:
        st.caption("There is no config.yaml beside the database or in the working directory.")
        return
    try:
        words = sweep_process.again_command(config, path, sweep, trial.params)
    except TrackerError as error:
        st.error(html.code_span(str(error)), icon=":material/error:")
        return
    with st.container(border=True):
        st.markdown(f"**Trial {trial.number} again** :gray[in a run of its own]")
        st.code(shlex.join(words), language=None, wrap_lines=True)
        _button("Run again", words, f"{sweep.name}-{trial.number}-again")


def _button(label: str, words: list[str], name: str) -> None:
    """A button that starts a training as a process of this name."""
    if not sweep_process.is_allowed():
        return
    if st.button(label, icon=":material/replay:", disabled=sweep_process.is_starting(name)):
        start = partial(sweep_process.start, words, name)
        editing.attempt(start, "Started: its run appears on the Overview")
    elif sweep_process.has_failed(name):
        new_sweep.tell_failure("The training has failed:", name)


def _row(view: View, sweep: Sweep, trials: Trials, trial: TrialRecord) -> Row:
    value = sweeps.last_value(trial)
    is_best = trials.best is not None and trial.number == trials.best.number
    end = trial.end_time or view.now_ms
    seconds = max(0, end - trial.start_time) / 1000
    cells: list[Cell | None] = [
        Cell(trials.write(value), value, emphasis="best" if is_best else "")
        if value is not None
        else None,
        Cell(trial.state.capitalize(), title=trial.error or trial.state),
        *(_parameter(trial, key, spec) for key, spec in sweep.space.items()),
        Cell(duration(seconds), seconds),
    ]
    return Row(
        trial.run_id,
        str(trial.number),
        cells,
        run_id=trial.run_id,
        status="FAILED" if sweeps.has_failed(trial) else "RUNNING" * (trial.state == "RUNNING"),
    )


def _parameter(trial: TrialRecord, key: str, spec: object) -> Cell | None:
    """A parameter of a trial, sorted as a number where all its values are numbers."""
    if key not in trial.params:
        return None
    value = trial.params[key]
    return Cell(shown(value), value if sweeps.is_numeric(spec) else None)
