"""A model's signature: what goes in, what comes out, and which parameters it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from tracker.exceptions import InvalidValueError, warn
from tracker.types.inference import ANYTHING, infer_params, infer_schema
from tracker.types.params import ParamSchema
from tracker.types.schema import Schema

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class ModelSignature:
    """The schemas of a model's input, output and parameters.

    Raises:
        InvalidValueError: None of the three is given, or one is something else.
    """

    inputs: Schema | None = None
    outputs: Schema | None = None
    params: ParamSchema | None = None

    def __post_init__(self) -> None:
        for name, kind in (("inputs", Schema), ("outputs", Schema), ("params", ParamSchema)):
            given = getattr(self, name)
            if given is not None and not isinstance(given, kind):
                raise InvalidValueError(
                    f"The {name} of a signature are a {kind.__name__}, not {given!r}."
                )
        if self.inputs is None and self.outputs is None and self.params is None:
            raise InvalidValueError("A signature needs inputs, outputs or params.")

    def to_dict(self) -> dict[str, str | None]:
        """The three as JSON texts, as they stand in an MLmodel file."""
        return {
            name: None if schema is None else schema.to_json()
            for name, schema in (
                ("inputs", self.inputs),
                ("outputs", self.outputs),
                ("params", self.params),
            )
        }

    @classmethod
    def from_dict(cls, signature_dict: Mapping[str, Any]) -> Self:
        """The signature in an MLmodel file.

        Raises:
            InvalidValueError: A text in it is not a schema.
        """
        inputs, outputs = signature_dict.get("inputs"), signature_dict.get("outputs")
        params = signature_dict.get("params")
        return cls(
            Schema.from_json(inputs) if inputs else None,
            Schema.from_json(outputs) if outputs else None,
            ParamSchema.from_json(params) if params else None,
        )


def infer_signature(
    model_input: Any = None,
    model_output: Any = None,
    params: Mapping[str, Any] | None = None,
) -> ModelSignature:
    """Derive a signature from example data.

    Args:
        model_input: An array, a DataFrame or Series, a dict of arrays or values, a list, a sparse
            matrix, a torch tensor or a single value.
        model_output: The same kinds; usually what the model predicted.
        params: The parameters' defaults by name.

    Returns:
        The signature; data of any other kind is described as `any`, with a warning.

    Raises:
        InvalidValueError: Nothing is given, or a parameter is not a scalar, a list or a dict.
    """
    return ModelSignature(
        _inferred("input", model_input),
        _inferred("output", model_output),
        infer_params(params) if params else None,
    )


def _inferred(what: str, data: Any) -> Schema | None:
    if data is None:
        return None
    try:
        return infer_schema(data)
    except InvalidValueError as error:
        warn(
            f"The signature describes the model's {what} as 'any', which is never checked: {error}"
        )
        return ANYTHING
