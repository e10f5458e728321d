"""The strip of a sweep: how far it is, its best trial, and the button that registers its model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.widgets import html, register
from dashboard.widgets.html import StripFact
from tracker.text import duration, parameters, plural

if TYPE_CHECKING:
    from dashboard.queries.sweeps import Sweep, Trials
    from dashboard.view import View


def show(view: View, sweep: Sweep, trials: Trials) -> None:
    """Draw the strip."""
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="sweep_strip"):
        st.html(
            f'<section class="strip" aria-label="Progress">{_progress(view, sweep, trials)}'
            f"{html.strip_facts(_facts(trials))}</section>"
        )
        if trials.best is not None:
            name = sweep.configuration or sweep.name
            register.show(Path(view.source.path), trials.best, name, has_model=trials.has_model)


def _progress(view: View, sweep: Sweep, trials: Trials) -> str:
    """A bar of all trials: those done, those that failed in red, and those to come."""
    failed = len(trials.failed)
    total = max(sweep.wanted, trials.done) + failed or 1
    seconds = _seconds_left(view, sweep, trials)
    left = "" if seconds is None else f"about {duration(seconds)} left"
    said = f"{trials.done:,} of {sweep.wanted:,} trials, {failed:,} failed"
    return (
        f'<div class="done"><div><strong>{trials.done:,}</strong> of {sweep.wanted:,} trials'
        f'<span class="left">{left}</span></div>'
        f'<div class="bar" role="img" aria-label="{said}" title="{said}">'
        f'<i style="width:{trials.done / total:.2%}"></i>'
        f'<i class="bad" style="width:{failed / total:.2%}"></i></div></div>'
    )


def _facts(trials: Trials) -> list[StripFact]:
    best, failed = trials.best, len(trials.failed)
    facts = [
        StripFact("Failed", f"{failed:,}", "red in the bar" if failed else "", "bad"),
        StripFact("Running", f"{trials.running:,}"),
    ]
    if best is not None:
        since = len(trials.records) - 1 - best.number
        facts = [
            StripFact("Best so far", trials.write(best.value), f"trial {best.number}"),
            StripFact("Its parameters", parameters(best.params), look="long"),
            *facts,
            StripFact("Last improvement", f"{plural(since, 'trial')} ago"),
        ]
    if trials.registered:
        facts.append(StripFact("Registered as", ", ".join(trials.registered), look="long"))
    return facts


def _seconds_left(view: View, sweep: Sweep, trials: Trials) -> float | None:
    """By the pace so far; None unless it runs and something is done."""
    if sweep.status != "RUNNING" or not trials.done or sweep.wanted <= trials.done:
        return None
    passed = (view.now_ms - sweep.started_ms) / 1000
    return passed / trials.done * (sweep.wanted - trials.done)
