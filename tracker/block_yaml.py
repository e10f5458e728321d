r"""Reads and writes block YAML without a YAML package: MLflow's `meta.yaml` and `MLmodel` files.

Read is what PyYAML's `safe_dump` makes of dictionaries and lists in block style, and JSON. Block
scalars, anchors, tags and complex keys are refused.

>>> read_yaml("name: 'it''s'\nsteps:\n- 1\n- code: null\n")
{'name': "it's", 'steps': ['1', {'code': None}]}
>>> print(write_yaml({"name": "it's", "steps": [1, {"code": None}]}), end="")
name: "it's"
steps:
- 1
- code: null
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any, Final

from tracker.exceptions import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Resolve = Callable[[str], Any]

# YAML knows no others: a no-break space is a letter to it.
_BLANKS: Final = " \t"
_ENTRY: Final = re.compile(
    r"""('(?:[^']|'')*'|"(?:[^"\\]|\\.)*"|[^ \t'"?#{\[][^:]*?)[ \t]*:(?:[ \t]+(.*))?$"""
)
_ESCAPE: Final = re.compile(r"\\(x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)", re.DOTALL)
_NAMED: Final = dict(zip("0abtnvfreN_LP", "\0\a\b\t\n\v\f\r\x1b\x85\xa0\u2028\u2029", strict=True))
_COMMENT: Final = re.compile(r"[ \t]+#.*", re.DOTALL)
_COMMENTED: Final = re.compile(r"""('(?:[^']|'')*'|"(?:[^"\\]|\\.)*")[ \t]+#.*""", re.DOTALL)
_NULLS: Final = {"", "~", "null", "Null", "NULL"}
_WORDS: Final = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_INTEGER: Final = re.compile(r"[-+]?(0|[1-9]\d*)")
_FLOAT: Final = re.compile(r"[-+]?(\d+\.\d*|\.\d+)([eE][-+]\d+)?")
_NOT_FINITE: Final = {".inf": math.inf, "+.inf": math.inf, "-.inf": -math.inf, ".nan": math.nan}
# What stands without quotes: never a number, a date or an indicator. "y" and "n" are booleans to
# some readers.
_PLAIN: Final = re.compile(r"[A-Za-z_/][A-Za-z0-9_./+-]+")
_SURROGATES: Final = re.compile(r"\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})")
_DEEPEST: Final = 50


def as_written(text: str) -> str | None:
    """A scalar without quotes as its text, or None for null."""
    return None if text in _NULLS else text


def typed(text: str) -> str | float | None:
    """A scalar without quotes as null, a boolean, a number or a text; dates stay texts."""
    if text in _NULLS:
        return None
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INTEGER.fullmatch(text) and len(text) < 20:  # noqa: PLR2004  Longer ones are texts.
        return int(text)
    if text.lower() in _NOT_FINITE:
        return _NOT_FINITE[text.lower()]
    return float(text) if _FLOAT.fullmatch(text) else text


def read_yaml(text: str, resolve: Resolve = as_written) -> dict[str, Any]:
    """The dictionary in a text.

    Args:
        text: YAML or JSON.
        resolve: Makes a value of what stands without quotes: `as_written` or `typed`.

    Raises:
        InvalidValueError: It is something else, or more than this reader knows.
    """
    if text.lstrip().startswith("{"):
        found = _json(text, resolve)
    else:
        # A checkout on Windows has CRLF line ends.
        split = text.replace("\r\n", "\n").split("\n")
        lines = [line for line in split if not line.startswith(("#", "---", "..."))]
        found = _mapping(lines, resolve, 0)
    if not isinstance(found, dict):
        raise InvalidValueError(f"The YAML text {text[:80]!r} is not a dictionary.")
    return found


def _mapping(lines: list[str], resolve: Resolve, depth: int) -> dict[str, Any]:
    entries: dict[str, Any] = {}
    for line, rest in _entries(lines, _continues_value):
        match = _ENTRY.match(line)
        if match is None:
            raise InvalidValueError(f"The line {line[:80]!r} is no 'key: value' of a YAML file.")
        key = _scalar([match[1]], as_written)
        entries["null" if key is None else key] = _value(match[2] or "", rest, resolve, depth)
    return entries


def _sequence(lines: list[str], resolve: Resolve, depth: int) -> list[Any]:
    items = []
    for line, rest in _entries(lines, _is_indented):
        if not _is_item(line):
            raise InvalidValueError(f"The line {line[:80]!r} is no item of a YAML list.")
        items.append(_block([line[2:], *(each[2:] for each in rest)], resolve, depth))
    return items


def _entries(lines: list[str], continues: Callable[[str], bool]) -> Iterator[tuple[str, list[str]]]:
    """Each line that begins an entry, with the lines that belong to it."""
    place = 0
    while place < len(lines):
        first, start = lines[place], place + 1
        place = start
        while place < len(lines) and (not lines[place] or continues(lines[place])):
            place += 1
        if first.strip(_BLANKS):
            yield first, lines[start:place]


def _is_indented(line: str) -> bool:
    return line.startswith(" ")


def _is_item(line: str) -> bool:
    return line.startswith("- ") or line == "-"


def _continues_value(line: str) -> bool:
    """Whether a line belongs to the key above: a list may stand at the key's own indent."""
    return _is_indented(line) or _is_item(line)


def _value(first: str, rest: list[str], resolve: Resolve, depth: int) -> Any:
    following = [line for line in rest if line.strip(_BLANKS)]
    if first.startswith("#"):
        first = ""
    if first or not following:
        return _scalar([first, *rest], resolve)
    indent = len(following[0]) - len(following[0].lstrip(_BLANKS))
    return _block([line[indent:] for line in rest], resolve, depth)


def _block(lines: list[str], resolve: Resolve, depth: int) -> Any:
    """A list, a dictionary or a scalar, whichever the first line with text begins."""
    if depth == _DEEPEST:
        raise InvalidValueError(f"A YAML file is nested at most {_DEEPEST} deep.")
    first = next((line for line in lines if line.strip(_BLANKS)), "")
    if _is_item(first):
        return _sequence(lines, resolve, depth + 1)
    if _ENTRY.match(first):
        return _mapping(lines, resolve, depth + 1)
    return _scalar(lines, resolve)


def _scalar(lines: list[str], resolve: Resolve) -> Any:
    while lines and not lines[-1].strip(_BLANKS):
        lines = lines[:-1]
    if not lines:
        return None
    quote = lines[0][:1]
    if quote == '"':
        return _ESCAPE.sub(_unescaped, _quoted(_folded(lines, escapes=True), quote))
    folded = _folded(lines) if quote == "'" else _COMMENT.sub("", _folded(lines))
    if quote == "'":
        return _quoted(folded, quote).replace("''", "'")
    if quote in {"{", "["} and quote:
        return _json(folded, resolve)
    if quote in {"|", ">", "&", "*", "!"} and quote:
        raise InvalidValueError(f"{lines[0][:80]!r} is not a kind of YAML that MLflow writes.")
    return resolve(folded)


def _json(text: str, resolve: Resolve) -> Any:
    """JSON, which is YAML too; numbers are resolved like those of YAML."""
    try:
        return json.loads(text, parse_int=resolve, parse_float=resolve)
    except (ValueError, RecursionError) as error:
        raise InvalidValueError(
            f"{text[:80]!r} is not a kind of YAML that MLflow writes: {error}."
        ) from error


def _quoted(text: str, quote: str) -> str:
    if match := _COMMENTED.match(text):
        text = match[1]
    if len(text) < 2 or not text.endswith(quote):  # noqa: PLR2004
        raise InvalidValueError(f"The quoted text {text[:80]!r} of a YAML file does not end.")
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


def write_yaml(entries: dict[str, Any]) -> str:
    """A dictionary as block YAML, one `key: value` a line, that PyYAML reads back.

    Args:
        entries: Dictionaries, lists, texts, numbers, booleans and None, nested.

    Raises:
        InvalidValueError: It holds something else.
    """
    return "".join(f"{line}\n" for line in _written(entries))


def _written(value: Any) -> Iterator[str]:
    """The lines of a value that does not fit behind its key."""
    if isinstance(value, dict):
        for key, each in value.items():
            name = _written_scalar(str(key))
            if _is_filled(each):
                indent = "" if isinstance(each, list | tuple) else "  "
                yield f"{name}:"
                yield from (f"{indent}{line}" for line in _written(each))
            else:
                yield f"{name}: {_written_scalar(each)}"
    else:
        for each in value:
            first, *rest = _written(each) if _is_filled(each) else (_written_scalar(each),)
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)


def _is_filled(value: object) -> bool:
    return isinstance(value, dict | list | tuple) and len(value) > 0


def _written_scalar(value: Any) -> str:
    if isinstance(value, str):
        is_plain = _PLAIN.fullmatch(value) and isinstance(typed(value), str)
        return value if is_plain else _double_quoted(value)
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _written_float(value)
    if isinstance(value, dict | list | tuple):
        return "{}" if isinstance(value, dict) else "[]"
    raise InvalidValueError(
        f"{value!r} ({type(value).__name__}) cannot be written into a YAML file: use texts, "
        f"numbers, booleans, lists and dictionaries."
    )


def _double_quoted(text: str) -> str:
    """JSON's quotes; YAML has another escape for what UTF-16 writes as two."""
    return _SURROGATES.sub(
        lambda pair: (
            f"\\U{0x10000 + ((int(pair[1], 16) - 0xD800) << 10) + int(pair[2], 16) - 0xDC00:08x}"
        ),
        json.dumps(text).replace("\x7f", "\\x7f"),
    )


def _written_float(value: float) -> str:
    """YAML's floats have a point, Python's `1e-05` has none."""
    if not math.isfinite(value):
        return ".nan" if math.isnan(value) else f"{'-' * (value < 0)}.inf"
    mantissa, exponent, power = repr(value).partition("e")
    point = "" if "." in mantissa else ".0"
    return f"{mantissa}{point}{exponent}{power}"
