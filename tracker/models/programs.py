"""Exported PyTorch programs (`.pt2`) of which nothing runs when they are loaded.

`torch.export.load` trusts its file: it unpickles sample inputs and some tensors, evaluates
expressions of sizes, executes guards, and looks up functions by dotted names. Here an archive is
read as data: tensors as raw bytes, sample inputs by torch's restricted unpickler, a graph of ATen
operators alone. What passes is packed anew, without guards and notes, so that torch reads nothing
else.
"""

from __future__ import annotations

import io
import json
import pickle
import re
import warnings
import zipfile
from typing import TYPE_CHECKING, Any, Final

from tracker.exceptions import UnsafeModelError
from tracker.models import files

if TYPE_CHECKING:
    from pathlib import Path

_PLAIN: Final = re.compile(
    r"archive_format|archive_version|byteorder|\.data/version|\.data/serialization_id"
    r"|data/weights/weight_\d+|data/constants/tensor_\d+"
)
_CONFIG: Final = re.compile(r"data/(weights|constants)/\w+_config\.json")
_GRAPH: Final = re.compile(r"models/\w+\.json")
_SAMPLE: Final = re.compile(r"data/sample_inputs/\w+\.pt")
_OPERATOR: Final = re.compile(
    r"torch\.ops\.aten\.(?!from_file)\w+\.\w+|torch\.sym_\w+"
    r"|_operator\.(getitem|add|sub|mul|floordiv|truediv|mod|pow|neg|eq|ne|lt|le|gt|ge|and_|or_)"
)
_SIZE: Final = re.compile(
    r"(?:Symbol\('[a-z]+\d+'(?:, (?:positive|nonnegative|integer)=(?:True|False))*\)"
    r"|Integer\(-?\d+\)|[su]\d+|\d+|Add|Mul|Max|Min|Mod|PythonMod|FloorDiv|CeilDiv|CleanDiv"
    r"|[-+/(), ]|\*(?!\*))+"
)
_TREE: Final = re.compile(r'(?:[\w\s.,:"\[\]{}\\-](?!_enum__))*')
_NAME: Final = re.compile(r"[\w.:+-]*")
# What a string may be, by the key under which it stands; anything else is a name. Nothing looks
# into the text arguments of an operator.
_RULES: Final = {
    "expr_str": _SIZE,
    "in_spec": _TREE,
    "out_spec": _TREE,
    "as_string": re.compile(r"(?s).*"),
}


def inert_program(path: Path) -> io.BytesIO:
    """The program in a file, packed anew for `torch.export.load`.

    Raises:
        UnsafeModelError: It holds more than raw tensors and a graph of ATen operators.
    """
    packed = io.BytesIO()
    try:
        with zipfile.ZipFile(path) as archive, zipfile.ZipFile(packed, "w") as target:
            names = [info.filename for info in archive.infolist()]
            if len({name.lower() for name in names}) < len(names):
                raise _unsafe(path, "a name twice")
            for name in names:
                target.writestr(name, _checked(path, name, archive.read(name)))
    except (zipfile.BadZipFile, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _unsafe(path, f"what cannot be read ({error})") from error
    packed.seek(0)
    return packed


def _checked(path: Path, name: str, content: bytes) -> bytes:
    """The content of one member, if it is of a known kind.

    Raises:
        UnsafeModelError: It is not.
    """
    inner = name.partition("/")[2]
    if _PLAIN.fullmatch(inner):
        return content
    if _CONFIG.fullmatch(inner):
        config = json.loads(content)
        if any(entry["use_pickle"] for entry in config["config"].values()):
            raise _unsafe(path, "pickled tensors")
        return content
    if _SAMPLE.fullmatch(inner):
        _check_sample(path, content)
        return content
    if _GRAPH.fullmatch(inner):
        graph = json.loads(content)
        graph["guards_code"] = []
        _check(path, graph, "")
        return json.dumps(graph).encode()
    raise _unsafe(path, f"the file {inner!r}")


def _check_sample(path: Path, content: bytes) -> None:
    torch = files.flavor_module("torch", "torch")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # About other protocols of pickle.
            torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise _unsafe(path, "a pickle of more than tensors") from error


def _check(path: Path, value: Any, key: str) -> None:
    """Check every string of the graph's JSON; empty the notes, which only people read."""
    if isinstance(value, dict):
        if isinstance(value.get("metadata"), dict) and "target" in value:
            value["metadata"] = {}
            if not _OPERATOR.fullmatch(value["target"]):
                raise _unsafe(path, f"the operator {value['target']!r}")
        for name, inner in value.items():
            _check_text(path, name, "")
            _check(path, inner, name)
    elif isinstance(value, list):
        for inner in value:
            _check(path, inner, key)
    elif isinstance(value, str):
        _check_text(path, value, key)


def _check_text(path: Path, text: str, key: str) -> None:
    if not _RULES.get(key, _NAME).fullmatch(text):
        raise _unsafe(path, f"the text {text[:60]!r}")


def _unsafe(path: Path, found: str) -> UnsafeModelError:
    return UnsafeModelError(
        f"The exported program {path.name} is not loaded, because it could run code: it holds "
        f"{found}."
    )
