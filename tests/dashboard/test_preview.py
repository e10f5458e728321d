"""Files of every kind as they are shown: rendered, drawn anew, or as the text they are."""

from __future__ import annotations

import io
import urllib.request

import pytest
from PIL import Image

from dashboard.artifacts import pictures
from dashboard.untrusted import UnreadableFileError
from dashboard.widgets import markdown
from tracker.client import TrackingClient

PDF = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R 3 0 R]/Count 2>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 120]>>endobj
trailer<</Root 1 0 R>>
"""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("# One\n\n## Two", "<h3>One</h3>\n<h4>Two</h4>\n"),
        ("<b onclick=x()>", "<p>&lt;b onclick=x()&gt;</p>\n"),
        ("![a](http://evil.example/i.png)", "<p>!<u>a</u> (http://evil.example/i.png)</p>\n"),
        ("[a](javascript:x())", "<p>[a](javascript:x())</p>\n"),
        ("<http://a.example>", "<p><u>http://a.example</u></p>\n"),
        ("[**a**](http://b 'c')", "<p><u><strong>a</strong></u> (http://b)</p>\n"),
        ("`<i>`", "<p><code>&lt;i&gt;</code></p>\n"),
    ],
)
def test_markdown_is_rendered_and_nothing_in_it_acts(text, shown):
    found = markdown.rendered(text)
    assert shown in found
    assert "<a" not in found
    assert "<img" not in found


def test_a_page_of_a_pdf_is_drawn_and_the_last_one_where_there_are_fewer(store):
    store.log_bytes(PDF, "x.pdf")
    page = pictures.pdf_page(store, "x.pdf", 7)
    assert page.pages == 2
    assert Image.open(io.BytesIO(page.image)).size == (1100, 660)


@pytest.mark.parametrize("content", [b"%PDF-1.4\n", b"no pdf", PDF[:90]])
def test_what_is_no_pdf_is_said_to_be_none(store, content):
    store.log_bytes(content, "x.pdf")
    with pytest.raises(UnreadableFileError, match="no PDF that can be drawn"):
        pictures.pdf_page(store, "x.pdf", 1)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("a.wav", "audio"),
        ("a.webm", "video"),
        ("a.html", "bidi_component"),
        ("a.svg", "html"),
        ("a.md", "html"),
        ("a.py", "code"),
        ("a.csv", "dataframe"),
        ("a.pdf", "image"),
    ],
)
def test_each_kind_of_file_is_shown_in_its_own_way(previewed, path, kind):
    content = PDF if path == "a.pdf" else b"a,b\n1,2\n"
    test = previewed(path, content)
    assert kind in {element.type for element in test.main}


def test_a_picture_is_sent_drawn_anew_and_no_larger_than_asked(tmp_path, serve):
    client = TrackingClient(str(tmp_path / "tracking.db"))
    run_id = client.create_run("0").info.run_id
    buffer = io.BytesIO()
    Image.new("P", (300, 200)).save(buffer, "GIF")
    (tmp_path / "x.gif").write_bytes(buffer.getvalue())
    (tmp_path / "no.png").write_bytes(b"<script>")
    for name in ("x.gif", "no.png"):
        client.log_artifact(run_id, str(tmp_path / name))
    client.set_terminated(run_id)
    address = f"{serve(tmp_path / 'tracking.db').address}/picture/{run_id}"
    with urllib.request.urlopen(f"{address}/x.gif?side=60") as answer:  # noqa: S310
        assert answer.headers["Content-Type"] == "image/png"
        assert Image.open(io.BytesIO(answer.read())).size == (60, 40)
    for name in ("no.png", "missing.png"):
        with urllib.request.urlopen(f"{address}/{name}?side=x") as answer:  # noqa: S310
            assert answer.read() == pictures.BROKEN
