"""Evaluation: how good the selected models are, and where they go wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from dashboard import charts, evaluation, literal, pictures
from dashboard.choice import ask_for_runs, choose_run
from dashboard.formats import MISSING
from dashboard.palette import verdict
from tracker.exceptions import TrackerError

if TYPE_CHECKING:
    from dashboard.view import View
    from tracker.files import ArtifactStore

MAX_DISPUTED = 12
WORST_PAIRS = 8


def show(view: View) -> None:
    """Results side by side, confusion, best and worst images, one image followed across runs."""
    st.title("Evaluation")
    if view.runs.empty:
        ask_for_runs(view, "target", "Choose runs in the sidebar to see how good they are.")
        return
    stores = _stores(view)
    results = {run_id: evaluation.summary(store) for run_id, store in stores.items()}
    results = {run_id: result for run_id, result in results.items() if result}
    if not results:
        literal.empty("target", "The selected runs keep no evaluation/summary.json.")
        return
    literal.legend([(view.labels[run_id], view.colours[run_id]) for run_id in results])
    left, right = st.columns(2)
    with left, st.container(border=True, height="stretch"):
        _accuracies(view, results)
    with right, st.container(border=True, height="stretch"):
        _calibration(view, results)
    _mistakes(view, {run_id: stores[run_id] for run_id in results})
    _followed(view, {run_id: stores[run_id] for run_id in results})


def _stores(view: View) -> dict[str, ArtifactStore]:
    """The artifacts of each selected run that may be read."""
    found = {}
    for run_id in view.run_ids:
        try:
            found[run_id] = view.store(run_id)
        except TrackerError:
            continue
    return found


def _accuracies(view: View, results: dict[str, dict[str, Any]]) -> None:
    st.subheader("Sharp against blurred")
    table = pd.DataFrame(
        [
            {"run": run_id, "label": view.labels[run_id], "split": evaluation.SPLITS[split]}
            | {"accuracy": evaluation.accuracy(result)}
            for run_id, splits in results.items()
            for split, result in splits.items()
        ]
    ).dropna()
    if table.empty:
        st.caption("No accuracy was recorded.")
        return
    st.altair_chart(charts.dumbbell(table, view.colours), key="accuracies")


def _calibration(view: View, results: dict[str, dict[str, Any]]) -> None:
    st.subheader("How right when how sure")
    split = _choose_split("calibration_split")
    pieces = [
        evaluation.calibration(splits[split]).assign(run=run_id, label=view.labels[run_id])
        for run_id, splits in results.items()
        if split in splits
    ]
    pieces = [piece for piece in pieces if not piece.empty]
    if not pieces:
        st.caption("No calibration was recorded.")
        return
    st.altair_chart(charts.calibration(pd.concat(pieces), view.colours), key="calibration")


def _choose_split(key: str) -> str:
    chosen = st.segmented_control(
        "Test images",
        list(evaluation.SPLITS),
        format_func=lambda split: evaluation.SPLITS[split],
        default="test",
        required=True,
        key=key,
        bind="query-params",
        label_visibility="collapsed",
    )
    return str(chosen)


def _mistakes(view: View, stores: dict[str, ArtifactStore]) -> None:
    st.subheader("Where one model goes wrong")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        run_id = choose_run(view, "Model", "model", list(stores))
        split = _choose_split("split")
        unit = st.segmented_control(
            "Unit",
            ["Counts", "Rates"],
            default="Counts",
            required=True,
            key="unit",
            bind="query-params",
            label_visibility="collapsed",
        )
    store = stores.get(run_id)
    counts = evaluation.confusion(store, split) if store else None
    if store is None or counts is None:
        st.caption("This run keeps no confusion matrix for these images.")
        return
    left, right = st.columns([5, 4])
    with left, st.container(border=True, height="stretch"):
        cell = _matrix(counts, f"{run_id}-{split}-{unit}", rates=unit == "Rates")
    with right, st.container(border=True, height="stretch"):
        _cell(store, split, counts, cell)
    _extremes(evaluation.examples(store, split))


def _matrix(counts: pd.DataFrame, name: str, *, rates: bool) -> charts.Cell | None:
    """The confusion matrix; returns the (label, prediction) that the address names."""
    cell = _addressed_cell(set(counts["label"]))
    begun = _framed_at_first(name, cell)
    dark = st.context.theme.type == "dark"
    key = f"confusion-{name}-{begun}"
    st.altair_chart(
        charts.confusion(counts, begun, rates=rates, dark=dark),
        key=key,
        on_select=lambda: _take_cell(key, name),
        selection_mode="cell",
    )
    return cell


def _addressed_cell(labels: set[str]) -> charts.Cell | None:
    named = st.query_params.get_all("cell")
    if len(named) != len(charts.CELL) or not labels.issuperset(named):
        return None
    return named[0], named[1]


def _framed_at_first(name: str, cell: charts.Cell | None) -> charts.Cell | None:
    """The cell the chart begins with; a click keeps it, for another one would redraw the chart."""
    state = st.session_state
    if state.get("matrix_knows") != (name, cell):
        state["matrix_knows"] = (name, cell)
        state["matrix_begun"] = cell
    begun: charts.Cell | None = state["matrix_begun"]
    return begun


def _take_cell(key: str, name: str) -> None:
    """Write the clicked cell into the address; a click beside the cells takes it out."""
    state = st.session_state
    picked = state[key]["selection"].get("cell") or []
    cell = (str(picked[0]["label"]), str(picked[0]["prediction"])) if picked else None
    st.query_params["cell"] = list(cell or ())
    state["matrix_knows"] = (name, cell)


def _cell(store: ArtifactStore, split: str, counts: pd.DataFrame, cell: charts.Cell | None) -> None:
    if cell is None:
        _confused_pairs(counts)
        return
    label, prediction = cell
    st.markdown(f"**{literal.code_span(label)} read as {literal.code_span(prediction)}**")
    table = evaluation.predictions(store, split)
    images = evaluation.image_set(store, split)
    if table is None or images is None:
        st.caption("The predictions or the images are not among this run's artifacts.")
        return
    found = table[(table["label"] == label) & (table["prediction"] == prediction)]
    found = found[found["index"].between(0, len(images) - 1)]
    found = found.sort_values("confidence", ascending=False)
    tint = verdict(good=label == prediction)
    shown = zip(found["index"], found["confidence"], strict=True)
    pictures.wall([(images[index], f"{sure:.0%}", tint) for index, sure in shown], 52)
    st.caption(f"{len(found):,} images, the surest {min(len(found), pictures.MAX_SHOWN)} shown")


def _confused_pairs(counts: pd.DataFrame) -> None:
    st.markdown("**Most confused**")
    wrong = counts[(counts["label"] != counts["prediction"]) & (counts["count"] > 0)]
    worst = wrong.sort_values("count", ascending=False).head(WORST_PAIRS)
    st.dataframe(
        pd.DataFrame(
            {
                "Is": worst["label"],
                "Read as": worst["prediction"],
                "Images": worst["count"],
                "Share": worst["rate"],
            }
        ),
        hide_index=True,
        placeholder=MISSING,
        column_config={
            "Share": st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1)
        },
    )
    st.caption("Click a cell of the matrix to see its images.")


def _extremes(found: list[evaluation.Example]) -> None:
    slots = st.columns(2)
    titles = {"best": "Surest and right", "worst": "Surest and wrong"}
    for slot, (kind, title) in zip(slots, titles.items(), strict=True):
        chosen = [example for example in found if example.kind == kind]
        if not chosen:
            continue
        with slot, st.container(border=True, height="stretch"):
            st.markdown(f"**{title}**")
            pictures.wall(
                [
                    (
                        example.pixels,
                        f"{example.label} → {example.prediction} {example.confidence:.0%}",
                        verdict(good=example.label == example.prediction),
                    )
                    for example in chosen
                ],
                72,
            )


def _followed(view: View, stores: dict[str, ArtifactStore]) -> None:
    """The same test image under every selected model."""
    answers = {
        (run_id, split): table
        for run_id, store in stores.items()
        for split in evaluation.SPLITS
        if (table := evaluation.predictions(store, split)) is not None
    }
    if not answers:
        return
    st.subheader("One image under every model")
    highest = max(int(table["index"].max()) for table in answers.values())
    left, right = st.columns([2, 5])
    with left, st.container(border=True, height="stretch"):
        index = st.number_input("Test image", 0, highest, key="image", bind="query-params")
        _both(stores, int(index))
        disputed = _disputed(answers)
        if disputed:
            st.caption(f"The models disagree most on {', '.join(map(str, disputed))}.")
    with right, st.container(border=True, height="stretch"):
        _answers(view, answers, int(index))


def _both(stores: dict[str, ArtifactStore], index: int) -> None:
    shown = []
    for split, title in evaluation.SPLITS.items():
        sets = (evaluation.image_set(store, split) for store in stores.values())
        images = next((found for found in sets if found is not None), None)
        if images is not None and index < len(images):
            shown.append((images[index], title, ""))
    pictures.wall(shown, 112)


def _disputed(answers: dict[tuple[str, str], pd.DataFrame]) -> list[int]:
    """Sharp images that about half of the models read rightly."""
    right = [
        (table["label"] == table["prediction"]).rename(run_id)
        for (run_id, split), table in answers.items()
        if split == "test" and table.index.is_unique
    ]
    if len(right) < 2:  # noqa: PLR2004
        return []
    share = pd.concat(right, axis=1).mean(axis=1)
    torn = (share - 0.5).abs().sort_values(kind="stable").head(MAX_DISPUTED)
    return [int(index) for index in torn.index]


def _answers(view: View, answers: dict[tuple[str, str], pd.DataFrame], index: int) -> None:
    lines = []
    for (run_id, split), table in answers.items():
        if index not in table.index:
            continue
        row = table.loc[[index]].iloc[0]
        lines.append(
            {
                "Run": view.labels[run_id],
                "Image": evaluation.SPLITS[split],
                "Is": row["label"],
                "Read as": row["prediction"],
                "Confidence": float(row["confidence"]),
                "": "✓" if row["label"] == row["prediction"] else "✗",
            }
        )
    if not lines:
        st.caption(MISSING)
        return
    sure = st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1)
    st.dataframe(
        pd.DataFrame(lines),
        hide_index=True,
        placeholder=MISSING,
        column_config={"Confidence": sure},
    )
