"""Colors that words are written in can be read: contrast as WCAG 2.1 defines it, level AA."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from dashboard import palette

CONFIG = Path(__file__).parents[2] / "dashboard" / ".streamlit" / "config.toml"
READABLE = 4.5
# What Streamlit writes captions, table headers and names in, in shares of the text's color.
CAPTION_OPACITY = 0.6


def channels(color):
    return [int(color[start : start + 2], 16) for start in (1, 3, 5)]


def over(front, back, opacity):
    return [opacity * a + (1 - opacity) * b for a, b in zip(front, back, strict=True)]


def luminance(color):
    shares = [value / 255 for value in color]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return sum(w * s for w, s in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    dark, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dark + 0.05)


@pytest.fixture(scope="module")
def themes():
    return tomllib.loads(CONFIG.read_text())["theme"]


@pytest.mark.parametrize("name", palette.STATUS_TEXTS)
@pytest.mark.parametrize("status", palette.STATUS_TEXTS["light"])
def test_a_status_is_readable_in_its_pill_and_on_the_page(themes, name, status):
    text = channels(palette.STATUS_TEXTS[name][status])
    page = channels(themes[name]["backgroundColor"])
    pill = over(text, page, palette.PILL_OPACITY)
    assert min(contrast(text, page), contrast(text, pill)) >= READABLE


@pytest.mark.parametrize("name", palette.MUTED_TEXTS)
def test_quiet_words_are_readable(themes, name):
    page = channels(themes[name]["backgroundColor"])
    caption = over(channels(themes[name]["textColor"]), page, CAPTION_OPACITY)
    assert contrast(channels(palette.MUTED_TEXTS[name]), page) >= READABLE
    assert contrast(caption, page) >= READABLE
