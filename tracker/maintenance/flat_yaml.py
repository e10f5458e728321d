r"""Reads the `meta.yaml` files of MLflow's file store without a YAML package.

They are what PyYAML's `safe_dump` makes of a flat dictionary: one `key: value` a line, long values
folded over indented lines, and at most one dictionary or list inside.

>>> read_flat_yaml("name: 'it''s'\nend_time: null\ntags:\n  context: train\n")
{'name': "it's", 'end_time': None, 'tags': {'context': 'train'}}
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from tracker.exceptions import InvalidValueError

Value: TypeAlias = "str | list[str | None] | dict[str, Value] | None"

# YAML knows no others: a no-break space is a letter to it.
_BLANKS: Final = " \t"
_ENTRY: Final = re.compile(
    r"""('(?:[^']|'')*'|"(?:[^"\\]|\\.)*"|[^ \t'"?#][^:]*?)[ \t]*:(?:[ \t]+(.*))?$"""
)
_ESCAPE: Final = re.compile(r"\\(x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)", re.DOTALL)
_NAMED: Final = dict(zip("0abtnvfreN_LP", "\0\a\b\t\n\v\f\r\x1b\x85\xa0\u2028\u2029", strict=True))
_NULLS: Final = {"", "~", "null", "Null", "NULL"}


def read_flat_yaml(text: str) -> dict[str, Value]:
    """The dictionary in the text; numbers and dates stay as they are written.

    Raises:
        InvalidValueError: It is something else, or more than this reader knows.
    """
    entries: dict[str, Value] = {}
    lines = [line for line in text.split("\n") if not line.startswith(("#", "---", "..."))]
    while lines:
        line = lines.pop(0)
        if not line.strip(_BLANKS):
            continue
        match = _ENTRY.match(line)
        if match is None:
            raise InvalidValueError(f"The line {line[:80]!r} is no 'key: value' of a meta.yaml.")
        rest = []
        while lines and (not lines[0] or lines[0][0] in " -"):
            rest.append(lines.pop(0))
        entries[str(_scalar([match[1]]))] = _value(match[2] or "", rest)
    return entries


def _value(first: str, rest: list[str]) -> Value:
    if first in {"{}", "[]"}:
        return {} if first == "{}" else []
    following = [line for line in rest if line]
    if first or not following:
        return _scalar([first, *rest])
    if following[0].lstrip(_BLANKS).startswith("- "):
        return [_scalar([line.lstrip(_BLANKS).removeprefix("- ")]) for line in following]
    indent = len(following[0]) - len(following[0].lstrip(_BLANKS))
    return read_flat_yaml("\n".join(line[indent:] for line in rest))


def _scalar(lines: list[str]) -> str | None:
    while lines and not lines[-1].strip(_BLANKS):
        lines = lines[:-1]
    if not lines:
        return None
    quote = lines[0][:1]
    if quote == '"':
        return _ESCAPE.sub(_unescaped, _quoted(_folded(lines, escapes=True), quote))
    folded = _folded(lines)
    if quote == "'":
        return _quoted(folded, quote).replace("''", "'")
    if quote in {"|", ">", "&", "*", "!", "{", "["} and quote:
        raise InvalidValueError(f"{lines[0][:80]!r} is not a kind of YAML that MLflow writes.")
    return None if folded in _NULLS else folded


def _quoted(text: str, quote: str) -> str:
    if len(text) < 2 or not text.endswith(quote):  # noqa: PLR2004
        raise InvalidValueError(f"The quoted text {text[:80]!r} of a meta.yaml does not end.")
    return text[1:-1]


def _folded(lines: list[str], *, escapes: bool = False) -> str:
    """The lines joined as YAML folds them: by a blank, or by the line breaks between them."""
    text, breaks = lines[0].rstrip(_BLANKS) if len(lines) > 1 else lines[0], 0
    for line in lines[1:]:
        stripped = line.strip(" ")
        if not stripped:
            breaks += 1
            continue
        if breaks:
            text += "\n" * breaks
        elif escapes and _ends_escaped(text):
            text = text[:-1]
        else:
            text += " "
        text, breaks = text + stripped, 0
    return text


def _ends_escaped(text: str) -> bool:
    return (len(text) - len(text.rstrip("\\"))) % 2 == 1


def _unescaped(match: re.Match[str]) -> str:
    code = match[1]
    if len(code) > 1:
        return chr(int(code[1:], 16))
    return _NAMED.get(code, code)
