"""Text -> tokens of the search language."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

from tracker.exceptions import FilterError


class TokenKind(Enum):
    """What a token is. A NAME is a field (`metrics.loss`) or a keyword (`AND`)."""

    NAME = auto()
    STRING = auto()
    NUMBER = auto()
    OPERATOR = auto()
    PUNCTUATION = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text, as it was written, and where it starts."""

    kind: TokenKind
    text: str
    position: int


# Inside quotes a doubled quote and a backslash before a quote do not end the text, and both stay
# part of it: so MLflow reads it.
_SINGLE_QUOTED = r"'(?:[^'\\]|\\'?|'')*'"
_DOUBLE_QUOTED = r'"(?:[^"\\]|\\"?|"")*"'
_BACKTICKED = r"`(?:[^`]|``)*`"
_WORD = r"[^\W\d][\w/-]*"
_KEY = rf"(?:{_BACKTICKED}|{_SINGLE_QUOTED}|{_DOUBLE_QUOTED}|[\w./:-]+)"

# ASCII letters only: without regard to case, `i` also stands for a dotless one.
NUMBER_WORD = r"(?ai:infinity|inf|nan)"

_QUOTES = frozenset("'\"`")

_PATTERNS = (
    (TokenKind.NUMBER, r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![\w.])"),
    (TokenKind.NUMBER, rf"[+-]{NUMBER_WORD}\b"),
    (TokenKind.NAME, rf"(?:{_BACKTICKED}|{_WORD})(?:\.{_KEY})?"),
    (TokenKind.STRING, rf"{_SINGLE_QUOTED}|{_DOUBLE_QUOTED}"),
    (TokenKind.OPERATOR, r"[<>=!~&|^]+"),
    (TokenKind.PUNCTUATION, r"[(),]"),
)
_COMPILED = tuple((kind, re.compile(pattern)) for kind, pattern in _PATTERNS)
_BLANKS = re.compile(r"\s*")
_NUMBER_LIKE = re.compile(r"[+-]?\.?\d[\w.]*")


def tokenize(text: str) -> list[Token]:
    """The tokens of a filter or of one order_by entry, closed by an END token.

    Raises:
        FilterError: A character or a quote does not belong to the language.
    """
    _check_encodable(text)
    tokens: list[Token] = []
    position = _skip_blanks(text, 0)
    while position < len(text):
        token = _next_token(text, position)
        tokens.append(token)
        position = _skip_blanks(text, position + len(token.text))
    return [*tokens, Token(TokenKind.END, "", len(text))]


def _next_token(text: str, position: int) -> Token:
    for kind, pattern in _COMPILED:
        if match := pattern.match(text, position):
            return Token(kind, match.group(), position)
    if text[position] == "." and text[position + 1 : position + 2] in _QUOTES:
        position += 1
    raise FilterError(_complaint(text, position), text, position)


def _skip_blanks(text: str, position: int) -> int:
    match = _BLANKS.match(text, position)
    return match.end() if match else position


def _complaint(text: str, position: int) -> str:
    char = text[position]
    if char in _QUOTES:
        return f"The quote {char} is never closed."
    if char == ";":
        return "A filter is one expression: leave the semicolon out."
    if text.startswith(("--", "/*", "#"), position):
        return "A filter has no comments."
    if number := _NUMBER_LIKE.match(text, position):
        return f"{number.group()!r} is no number; a text needs quotes."
    if char == ".":
        return "A name must follow the dot at once; quote it in backticks where it has blanks."
    return f"The character {char!r} has no meaning here."


def _check_encodable(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise FilterError(
            f"The character {text[error.start]!r} is no Unicode text.",
            ascii(text)[1:-1],
            len(ascii(text[: error.start])) - 2,
        ) from error
