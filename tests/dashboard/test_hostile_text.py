"""Whatever is written into names, tags, parameters and files is shown; it never acts."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

EVIL = "evil.example"
TEXTS = [
    "<script>window.hacked=1</script>",
    f'<img src="http://{EVIL}/a.png" onerror="window.hacked=1">',
    f"[link](http://{EVIL}/) ![image](http://{EVIL}/b.png)",
    r"$\frac{1}{2}$ $$x^2$$",
    ":red[x] :smile: :material/home: **bold** `ticks` ``",
    f"http://{EVIL} www.{EVIL} someone@{EVIL}",
    "\u202eright to left\u202c \u200f",
    "x" * 10_000,
    """quotes ' " \\ {{1+1}} ${1} %s""",
]
PAGES = ["", "curves", "compare", "evaluate", "data", "run", "models", "sql"]
TRACES = f"""
    () => ({{
        hacked: window.hacked || 0,
        links: [...document.links].filter((a) => a.host.includes('{EVIL}')).length,
        images: [...document.images].filter((i) => i.src.includes('//{EVIL}')).length,
        formulas: document.querySelectorAll('.katex').length,
        scripts: [...document.scripts].filter((s) => s.text.includes('hacked')).length,
    }})
"""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory, study):
    folder = tmp_path_factory.mktemp("hostile")
    connection = study.connect(folder / "tracking.db")
    study.add_experiment(connection, 1, TEXTS[2])
    for number, text in enumerate(TEXTS):
        run_id = study.add_run(connection, text, status="RUNNING" if number == 4 else "FINISHED")
        study.add_param(connection, run_id, f"p {text[:200]}", text)
        study.add_param(connection, run_id, "number", number)
        study.add_param(connection, run_id, "text", text)
        study.add_tag(connection, run_id, text[:200], text)
        study.add_tag(connection, run_id, "mlflow.note.content", text)
        study.add_metric(connection, run_id, f"train_{text[:200]}", [1.0, 0.5, 0.2])
        study.add_metric(connection, run_id, "val_loss", [1.0, 0.6, 0.1 * number])
        study.add_dataset(connection, run_id, text[:400], f"d{number}", text[:400], 7)
        _write_artifacts(folder / "artifacts" / "1" / run_id / "artifacts", text, number)
    connection.close()
    return folder / "tracking.db"


def _write_artifacts(root, text, number):
    (root / "evaluation").mkdir(parents=True)
    (root / "datasets").mkdir()
    (root / "model").mkdir()
    (root / f"{text[:60].replace('/', '_')}.txt").write_text(text)
    (root / "a.html").write_text("text" if number == 1 else text)
    (root / "a.md").write_text(text)
    (root / "a.json").write_text(json.dumps({text: [text]}))
    (root / "a.svg").write_text(f'<svg xmlns="http://www.w3.org/2000/svg">{text}</svg>')
    (root / "model" / "model_card.json").write_text(json.dumps({"layers": [text]}))
    metadata = {"splits": {text: {"class_counts": {text: 3}, "context": "test", "file": text}}}
    (root / "datasets" / "dataset_metadata.json").write_text(json.dumps(metadata))
    (root / "evaluation" / "summary.json").write_text(
        json.dumps({"test": {"accuracy": number / 10}, "test_blurred": {"accuracy": 0.5}})
    )
    confusion = {"labels": [text, "ok"], "counts": [[1, 2], [3, 4]]}
    (root / "evaluation" / "confusion_test.json").write_text(json.dumps(confusion))


def test_hostile_text_is_shown_and_never_acts(hostile, serve, visit):
    visitor = visit(serve(hostile), theme="dark")
    for path in PAGES:
        visitor.open(path).charts()
        assert visitor.page.evaluate(TRACES) == {
            "hacked": 0,
            "links": 0,
            "images": 0,
            "formulas": 0,
            "scripts": 0,
        }, path
    visitor.check()


def test_a_hostile_run_is_shown_letter_by_letter(hostile, serve, visit, study):
    visitor = visit(serve(hostile))
    for number, text in enumerate(TEXTS[:5]):
        run_id = study.hashlib.md5(f"{text}{number}".encode(), usedforsecurity=False).hexdigest()
        visitor.open(f"run?runs=x+{run_id[:8]}")
        expect(visitor.page.get_by_test_id("stMain")).to_contain_text(text)
        assert visitor.page.evaluate(TRACES)["links"] == 0
    visitor.check()


def test_hostile_files_are_previewed_as_text(hostile, serve, visit, study):
    run_id = study.hashlib.md5(f"{TEXTS[1]}1".encode(), usedforsecurity=False).hexdigest()
    visitor = visit(serve(hostile)).open(f"run?part=Files&runs=x+{run_id[:8]}")
    for name in ("a.html", "a.json", "a.svg", "a.md"):
        visitor.page.get_by_role("treeitem").and_(
            visitor.page.get_by_title(name, exact=True)
        ).click()
        visitor.page.get_by_test_id("stMarkdown").get_by_text(name).wait_for()
        visitor.settle()
        traces = visitor.page.evaluate(TRACES)
        assert (traces["links"], traces["images"]) == (0, 0)
    visitor.check()
