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


@pytest.mark.parametrize("name", palette.TOKENS)
@pytest.mark.parametrize("status", palette.STATUS_TOKENS)
def test_a_status_is_readable_in_its_pill_and_on_the_page(name, status):
    tokens = palette.TOKENS[name]
    text = channels(tokens[palette.STATUS_TOKENS[status]])
    grounds = [tokens["ground"], tokens["side"], tokens[f"{palette.STATUS_TOKENS[status]}-ground"]]
    assert min(contrast(text, channels(ground)) for ground in grounds) >= READABLE


@pytest.mark.parametrize("name", palette.TOKENS)
@pytest.mark.parametrize("text", ["text-1", "text-2", "text-3", "accent"])
def test_words_are_readable_on_every_ground_they_stand_on(name, text):
    tokens = palette.TOKENS[name]
    for ground in ("ground", "side", "raised", "hover", "open", "tint"):
        if (text, ground) != ("text-3", "tint"):
            assert contrast(channels(tokens[text]), channels(tokens[ground])) >= READABLE


@pytest.mark.parametrize("name", palette.TOKENS)
def test_white_is_readable_on_the_primary_button(themes, name):
    assert contrast([255] * 3, channels(palette.TOKENS[name]["fill"])) >= READABLE
    assert themes[name]["primaryColor"] == palette.TOKENS[name]["fill"]


@pytest.mark.parametrize("name", palette.RUN_COLORS)
def test_a_run_can_be_told_from_the_ground_and_has_the_color_of_the_charts(themes, name):
    ground = channels(palette.TOKENS[name]["ground"])
    assert min(contrast(channels(c), ground) for c in palette.RUN_COLORS[name]) >= 3
    assert themes[name]["chartCategoricalColors"] == list(palette.RUN_COLORS[name])


@pytest.mark.parametrize("name", palette.TOKENS)
def test_quiet_words_are_readable(themes, name):
    page = channels(themes[name]["backgroundColor"])
    caption = over(channels(themes[name]["textColor"]), page, CAPTION_OPACITY)
    assert themes[name]["backgroundColor"] == palette.TOKENS[name]["ground"]
    assert contrast(caption, page) >= READABLE
