"""Models as skops files: scikit-learn's objects without a pickle."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

from tracker.exceptions import InvalidValueError, UnsafeModelError, UnsupportedError
from tracker.models import pickles

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# Packages whose types are loaded from a skops file; the list in the file itself proves nothing.
_TRUSTED: Final = ("sklearn.", "lightgbm.", "xgboost.", "numpy.", "scipy.")
_HARMLESS: Final = {"collections.OrderedDict", "collections.defaultdict"}


def dump(model: Any, path: Path, trusted: Sequence[str] = ()) -> list[str]:
    """Write a skops file.

    Args:
        model: What to write.
        path: The file.
        trusted: Types of other packages that may be loaded from it.

    Returns:
        The types beside skops' own list that a reader has to trust.

    Raises:
        UnsupportedError: skops is not installed.
        InvalidValueError: The model holds a type that is not trusted.
    """
    skops = _skops()
    skops.dump(model, path)
    needed = [str(name) for name in skops.get_untrusted_types(file=path)]
    if strange := [name for name in needed if not _is_trusted(name) and name not in trusted]:
        path.unlink()
        raise InvalidValueError(
            f"A skops file is loaded with types of scikit-learn and its relatives only, not "
            f"{', '.join(strange)}: name them in skops_trusted_types, or use another format."
        )
    return needed


def load(path: Path) -> Any:
    """The object in a skops file.

    Raises:
        UnsupportedError: skops is not installed.
        UnsafeModelError: It names a type of another package; or any beside skops' own list, and
            pickles may not be loaded.
    """
    skops = _skops()
    needed = [str(name) for name in skops.get_untrusted_types(file=path)]
    may_trust = pickles.is_allowed()
    if strange := [name for name in needed if not (may_trust and _is_trusted(name))]:
        raise UnsafeModelError(
            f"The skops file {str(path)!r} names {', '.join(strange)}, which is not trusted: load "
            f"it with skops itself if you know where it came from."
        )
    return skops.load(path, trusted=needed)


def _is_trusted(name: str) -> bool:
    return name.startswith(_TRUSTED) or name in _HARMLESS


def _skops() -> Any:
    with contextlib.suppress(ImportError):
        import skops.io  # noqa: PLC0415

        return skops.io
    raise UnsupportedError("The format skops needs the package: `pip install skops`.")
