"""Evaluate: how good the selected models are, and where they go wrong."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from dashboard import charts, comparison
from dashboard.artifacts import evaluation
from dashboard.palette import verdict
from dashboard.widgets import columns, confusion, grid, html, images
from dashboard.widgets.grid import Cell, Column, Row
from dashboard.widgets.run_choice import ask_for_runs, choose_run
from tracker.exceptions import TrackerError
from tracker.text import MISSING, plural

if TYPE_CHECKING:
    from dashboard.comparison import Entry
    from dashboard.view import View
    from tracker.files import ArtifactStore

MAX_DISPUTED, MAX_ERRORS = 12, 12
EXAMPLE = """\
tracker.log_dict(
    {"labels": ["cat", "dog"], "counts": [[48, 2], [5, 45]]},  # One row a true label.
    "evaluation/confusion_test.json",
)
# Or one row an example; confidence (0 to 1) and index (of the example) may be left out:
tracker.log_table(
    {"label": ["cat", "dog"], "prediction": ["cat", "cat"], "confidence": [0.9, 0.6]},
    "evaluation/predictions_test.json",
)"""


def show(view: View) -> None:
    """Results side by side, confusion, best and worst images, one image followed across runs."""
    st.title("Evaluate")
    if view.runs.empty:
        ask_for_runs(view, "target", "Choose runs in the run list to see how good they are.")
        return
    stores = _stores(view)
    results = {run_id: evaluation.results(store) for run_id, store in stores.items()}
    results = {run_id: result for run_id, result in results.items() if result}
    if not results:
        html.empty("target", "The shown runs keep no evaluation. From your own code:", EXAMPLE)
        return
    _answer(view, results)
    html.legend([(view.labels[run_id], view.colors[run_id]) for run_id in results])
    if evaluation.SPLITS.keys() & set(_splits(results)):
        left, right = st.columns(2)
        with left, st.container(border=True, height="stretch"):
            _accuracies(view, results)
    else:
        right = st.container()
    with right, st.container(border=True, height="stretch"):
        _calibration(view, results)
    kept = {run_id: stores[run_id] for run_id in results}
    _mistakes(view, kept, results)
    _followed(view, kept, _splits(results))


def _answer(view: View, results: dict[str, dict[str, Any]]) -> None:
    """Which configuration is how good, on which images, and how sure: means over its runs."""
    found = comparison.entries(view)
    found = [entry for entry in found if any(run_id in results for run_id in entry.run_ids)]
    splits = _splits(results)
    heads = [
        Column(f"{evaluation.title(split)}: {what}")
        for split in splits
        for what in ("accuracy", "confidence", "calibration error")
    ]
    cells = [_column(found, results, split, part) for split in splits for part in range(3)]
    rows = [
        Row(
            entry.key,
            entry.label,
            [column[place] for column in cells],
            note=plural(len(entry.run_ids), "run") if entry.is_group else "",
            run_id="" if entry.is_group else entry.run_ids[0],
            color=entry.color,
            is_square=entry.is_group,
        )
        for place, entry in enumerate(found)
    ]
    grid.show(heads, rows, f"answer-{hash(view.run_ids)}", lead="Configuration", height="40dvh")


def _splits(results: dict[str, dict[str, Any]]) -> list[str]:
    """The splits of all runs, the study's own first."""
    found = dict.fromkeys(split for splits in results.values() for split in splits)
    return sorted(found, key=lambda split: split not in evaluation.SPLITS)


def _column(
    found: list[Entry], results: dict[str, dict[str, Any]], split: str, part: int
) -> list[Cell | None]:
    """Accuracy (0), confidence (1) or calibration error (2) of each entry on a split."""
    means: list[tuple[float, float | None] | None] = []
    for entry in found:
        one = [results[i][split] for i in entry.run_ids if split in results.get(i, {})]
        values = [value for result in one if (value := _figure(result, part)) is not None]
        deviation = statistics.stdev(values) if len(values) > 1 else None
        means.append((statistics.fmean(values), deviation) if values else None)
    present = [mean[0] for mean in means if mean]
    best = (min if part == 2 else max)(present, default=None) if part != 1 else None  # noqa: PLR2004
    return [
        mean
        and Cell(
            f"{mean[0]:.4f}",
            mean[0],
            small=f"± {mean[1]:.4f}" if mean[1] is not None else "",
            emphasis="best" if mean[0] == best and len(set(present)) > 1 else "",
        )
        for mean in means
    ]


def _figure(result: dict[str, Any], part: int) -> float | None:
    if part == 0:
        return evaluation.accuracy(result)
    sure = evaluation.sureness(result)
    return None if sure is None else sure[part - 1]


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
            if split in evaluation.SPLITS
        ]
    ).dropna()
    if table.empty:
        st.caption("No accuracy was recorded.")
        return
    html.legend([], signs=[("sharp images", "disc"), ("blurred images", "ring")])
    st.altair_chart(charts.dumbbell(table, view.colors), key="accuracies")


def _calibration(view: View, results: dict[str, dict[str, Any]]) -> None:
    st.subheader("Calibration")
    split = _choose_split("calibration_split", _splits(results))
    pieces = [
        evaluation.calibration(splits[split]).assign(run=run_id, label=view.labels[run_id])
        for run_id, splits in results.items()
        if split in splits
    ]
    pieces = [piece for piece in pieces if not piece.empty]
    if not pieces:
        st.caption("No calibration was recorded.")
        return
    st.altair_chart(charts.calibration(pd.concat(pieces), view.colors), key="calibration")


def _choose_split(key: str, splits: list[str]) -> str:
    chosen = st.segmented_control(
        "Test images",
        splits,
        format_func=evaluation.title,
        default=splits[0],
        required=True,
        key=key,
        bind="query-params",
        label_visibility="collapsed",
    )
    return str(chosen)


def _mistakes(
    view: View, stores: dict[str, ArtifactStore], results: dict[str, dict[str, Any]]
) -> None:
    st.subheader("Where one model goes wrong")
    with st.container(horizontal=True, vertical_alignment="center"):
        run_id = choose_run(view, "Model", "model", list(stores), is_titled=False)
        split = _choose_split("split", _splits(results))
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
    if store is None or split not in results[run_id]:
        st.caption("This run was not evaluated on these images.")
        return
    counts = evaluation.matrix(store, split)
    if counts is None:
        st.caption("This run keeps no confusion matrix for these images.")
    else:
        confusion.show(store, run_id, split, counts, rates=unit == "Rates")
    _classes(evaluation.per_class(store, split, results[run_id][split]))
    examples = evaluation.examples(store, split)
    if examples:
        _extremes(examples)
    else:
        _surest_errors(evaluation.predictions(store, split))


def _classes(found: pd.DataFrame | None) -> None:
    """Precision, recall and F1 of each class."""
    if found is None:
        return
    with st.container(border=True):
        st.markdown("**Scores by class**")
        columns.show(
            {
                "label": columns.plain("Class", found["label"]),
                "precision": columns.number("Precision", found["precision"]),
                "recall": columns.number("Recall", found["recall"]),
                "f1": columns.number("F1", found["f1"]),
                "support": columns.number("Examples", found["support"]),
            }
        )


def _surest_errors(table: pd.DataFrame | None) -> None:
    """The wrong predictions made with most confidence, of a run that keeps no images."""
    if table is None:
        return
    wrong = table[table["label"] != table["prediction"]]
    wrong = wrong.sort_values("confidence", ascending=False, kind="stable").head(MAX_ERRORS)
    if wrong.empty:
        return
    with st.container(border=True):
        st.markdown("**Most confident errors**")
        columns.show(
            {
                "index": columns.number("Example", wrong["index"]),
                "label": columns.plain("True", wrong["label"]),
                "prediction": columns.plain("Predicted", wrong["prediction"]),
                "confidence": columns.number("Confidence", wrong["confidence"]),
            }
        )


def _extremes(found: list[evaluation.Example]) -> None:
    slots = st.columns(2)
    titles = {"worst": "Most confident errors", "best": "Most confident hits"}
    for slot, (kind, title) in zip(slots, titles.items(), strict=True):
        chosen = [example for example in found if example.kind == kind]
        if not chosen:
            continue
        with slot, st.container(border=True, height="stretch"):
            st.markdown(f"**{title}**")
            images.wall(
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


def _followed(view: View, stores: dict[str, ArtifactStore], splits: list[str]) -> None:
    """The same test image under every selected model."""
    predictions = {
        (run_id, split): table
        for run_id, store in stores.items()
        for split in splits
        if (table := evaluation.predictions(store, split)) is not None
    }
    if not predictions:
        return
    st.subheader("One image under every model")
    highest = max(int(table["index"].max()) for table in predictions.values())
    left, right = st.columns([2, 5])
    with left, st.container(border=True, height="stretch"):
        index = st.number_input("Test image", 0, highest, key="image", bind="query-params")
        _both(stores, int(index))
        _choose_disputed(_disputed(predictions), int(index))
    with right, st.container(border=True, height="stretch"):
        _predictions(view, predictions, int(index))


def _choose_disputed(disputed: list[int], index: int) -> None:
    """Buttons of the images that the models disagree on; the one that is shown is lit."""
    if not disputed:
        return
    state = st.session_state
    state["disputed"] = index if index in disputed else None

    def take() -> None:
        if state["disputed"] is not None:
            state["image"] = state["disputed"]

    st.pills("The models disagree most on", disputed, key="disputed", on_change=take)


def _both(stores: dict[str, ArtifactStore], index: int) -> None:
    shown = []
    for split, title in evaluation.SPLITS.items():
        sets = (evaluation.image_set(store, split) for store in stores.values())
        pictures = next((found for found in sets if found is not None), None)
        if pictures is not None and index < len(pictures):
            shown.append((pictures[index], title, ""))
    images.wall(shown, 84)


def _disputed(predictions: dict[tuple[str, str], pd.DataFrame]) -> list[int]:
    """Sharp images that about half of the models predict correctly."""
    right = [
        (table["label"] == table["prediction"]).rename(run_id)
        for (run_id, split), table in predictions.items()
        if split == "test" and table.index.is_unique
    ]
    if len(right) < 2:  # noqa: PLR2004
        return []
    share = pd.concat(right, axis=1).mean(axis=1)
    torn = (share - 0.5).abs().sort_values(kind="stable").head(MAX_DISPUTED)
    return [int(index) for index in torn.index]


def _predictions(view: View, predictions: dict[tuple[str, str], pd.DataFrame], index: int) -> None:
    lines = []
    for (run_id, split), table in predictions.items():
        if index not in table.index:
            continue
        row = table.loc[[index]].iloc[0]
        lines.append(
            {
                "Run": view.labels[run_id],
                "Image": evaluation.title(split),
                "True": row["label"],
                "Predicted": row["prediction"],
                "Confidence": 100 * float(row["confidence"]),
                "": "✓" if row["label"] == row["prediction"] else "✗",
            }
        )
    if not lines:
        st.caption(MISSING)
        return
    st.dataframe(
        pd.DataFrame(lines),
        hide_index=True,
        placeholder=MISSING,
        column_config={"Confidence": confusion.percent_column()},
    )
