"""Images and figures: what users log becomes the bytes of a file, and comes back as an `Image`."""

from __future__ import annotations

import io
import os
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from tracker.exceptions import InvalidTypeError, InvalidValueError, UnsupportedError, warn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Image"]

THUMBNAIL_PIXELS: Final = 256


class Image:
    """An image for `log_image` and for a column of `log_table`.

    Args:
        image: The path of a file, a PIL image, or pixels as for `log_image`; a list of lists of
            pixels works, too.

    Raises:
        InvalidTypeError: It is something else.
        UnsupportedError: Pillow is not installed.

    Example::

        tracker.log_table({"digit": [tracker.Image(pixels)], "label": [7]}, "errors.json")
    """

    def __init__(self, image: Any) -> None:
        pillow = _pillow()
        self._path = os.fspath(image) if isinstance(image, (str, os.PathLike)) else None
        self._picture: Any = None
        if self._path is None:
            is_picture = isinstance(image, pillow.Image)
            self._picture = image if is_picture else pillow.fromarray(_pixels(image))

    @property
    def image(self) -> Any:
        """The PIL image; that of a file is read at its first use."""
        if self._picture is None:
            with _pillow().open(self._path) as picture:
                picture.load()
                self._picture = picture.copy()
        return self._picture

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        width, height = self.image.size
        return width, height

    def to_pil(self) -> Any:
        """The PIL image."""
        return self.image

    def to_array(self) -> Any:
        """The pixels as a numpy array (H, W) or (H, W, channels)."""
        import numpy as np  # noqa: PLC0415

        return np.array(self.image)

    def to_list(self) -> list[Any]:
        """The pixels row by row in one list."""
        pixels = self.to_array()
        flat = pixels.reshape(-1, *pixels.shape[2:]).tolist()
        return [tuple(pixel) if isinstance(pixel, list) else pixel for pixel in flat]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the image to a file in the format that its name says."""
        self.image.save(path)

    def resize(self, size: tuple[int, int]) -> Image:
        """A copy with another (width, height)."""
        return Image(self.image.resize(size))


def is_image(value: object) -> bool:
    """Whether a cell of a table is a picture: an `Image`, a PIL image, or an array of bytes."""
    if isinstance(value, Image):
        return True
    if hasattr(value, "save") and hasattr(value, "resize") and hasattr(value, "size"):
        return True
    kind = str(getattr(value, "dtype", ""))
    shape: Sequence[int] = getattr(value, "shape", ())
    return kind == "uint8" and _is_shape_of_image(shape)


def from_image(image: Any, artifact_file: str) -> bytes:
    """The bytes of an image in the format that its name says; PNG if it has no suffix.

    Args:
        image: An `Image`, a PIL image, or an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4):
            integers in [0, 255], floats in [0, 1] or booleans.
        artifact_file: Its name.

    Raises:
        InvalidTypeError: It is not an image.
        InvalidValueError: It has another shape, range or mode.
        UnsupportedError: Pillow is not installed.
    """
    picture = _picture(image)
    suffix = PurePosixPath(artifact_file).suffix.lower() or ".png"
    kind = _pillow().registered_extensions().get(suffix)
    if kind is None:
        raise InvalidValueError(
            f"{artifact_file!r} does not name an image format: end it with '.png'."
        )
    if kind == "JPEG":
        picture = picture.convert("RGB")
    stream = io.BytesIO()
    try:
        picture.save(stream, format=kind)
    except (KeyError, OSError, ValueError) as error:  # Pillow only reads it, or not this mode.
        raise InvalidValueError(
            f"An image of mode {picture.mode!r} cannot be written as {kind}: end "
            f"{artifact_file!r} with '.png', or convert the image to 'RGB' first."
        ) from error
    return stream.getvalue()


def image_of_series(
    image: Any, key: str, step: int, timestamp_ms: int, image_id: str
) -> dict[str, bytes]:
    """An image and its thumbnail, under the names by which MLflow's pages find a series."""
    name = f"images/{key.replace('/', '~')}+step+{step}+timestamp+{timestamp_ms}+{image_id}"
    picture = from_image(image, f"{name}.png")
    return {f"{name}.png": picture, f"{name}+compressed.webp": thumbnail(picture)}


def image_of_table(
    image: Any, table: str, image_id: str
) -> tuple[dict[str, str], dict[str, bytes]]:
    """The cell that refers to an image of a table as MLflow writes it, and the image's files."""
    name = f"table_images/{table.rpartition('.')[0]}/{image_id}"
    picture = from_image(image, f"{name}.png")
    cell = {
        "type": "image",
        "filepath": f"{name}.png",
        "compressed_filepath": f"{name}.webp",
    }
    return cell, {f"{name}.png": picture, f"{name}.webp": thumbnail(picture)}


def thumbnail(picture: bytes) -> bytes:
    """A small WebP of an encoded image, which MLflow's pages show in its place."""
    stream = io.BytesIO()
    with _pillow().open(io.BytesIO(picture)) as image:
        image.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS))
        image.save(stream, format="WEBP")
    return stream.getvalue()


def from_figure(figure: Any, artifact_file: str, save_kwargs: Mapping[str, Any]) -> bytes:
    """The bytes of a matplotlib or plotly figure in the format that its name says.

    Raises:
        InvalidTypeError: It is not such a figure.
        InvalidValueError: The figure cannot be drawn in this format.
    """
    suffix = PurePosixPath(artifact_file).suffix.lower()
    try:
        return _drawn(figure, suffix, save_kwargs)
    except InvalidTypeError:
        raise
    except (TypeError, ValueError) as error:
        raise InvalidValueError(f"{artifact_file!r} cannot be drawn: {error}") from error


def _drawn(figure: Any, suffix: str, save_kwargs: Mapping[str, Any]) -> bytes:
    if hasattr(figure, "savefig"):
        stream = io.BytesIO()
        figure.savefig(stream, **{"format": suffix.lstrip(".") or "png", **save_kwargs})
        return stream.getvalue()
    if hasattr(figure, "to_html") and suffix in {".html", ""}:
        return str(figure.to_html(**save_kwargs)).encode()
    if hasattr(figure, "to_image"):
        return bytes(figure.to_image(**{"format": suffix.lstrip("."), **save_kwargs}))
    raise InvalidTypeError(
        f"log_figure takes a matplotlib or plotly figure, not {type(figure).__name__}."
    )


def _pillow() -> Any:
    try:
        from PIL import Image as pillow  # noqa: N813, PLC0415  Its module has the class's name.
    except ImportError as error:
        raise UnsupportedError("Images need Pillow: `pip install pillow`.") from error
    return pillow


def _picture(image: Any) -> Any:
    pillow = _pillow()
    if isinstance(image, Image):
        return image.to_pil()
    if isinstance(image, pillow.Image):
        return image
    if not hasattr(image, "__array__"):
        raise InvalidTypeError(
            f"An image is a PIL image, an array or a tracker.Image, not {type(image).__name__}."
        )
    return pillow.fromarray(_pixels(image))


def _pixels(image: Any) -> Any:
    import numpy as np  # noqa: PLC0415

    if not hasattr(image, "__array__") and not isinstance(image, (list, tuple)):
        raise InvalidTypeError(
            f"An image is a file, a PIL image or an array, not {type(image).__name__}."
        )
    array = np.asarray(image)
    if array.dtype.kind not in "biuf":
        raise InvalidTypeError(f"Pixels are integers, floats or booleans, not {array.dtype}.")
    if not _is_shape_of_image(array.shape):
        raise InvalidValueError(
            f"An image has the shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), not {array.shape}."
        )
    if array.ndim == 3 and array.shape[2] == 1:  # noqa: PLR2004
        array = array[:, :, 0]
    if array.dtype.kind == "f":
        array = _unit_range(np.nan_to_num(array)) * 255
    elif array.dtype.kind == "b":
        array = array * 255
    if array.min(initial=0) < 0 or array.max(initial=0) > 255:  # noqa: PLR2004
        raise InvalidValueError("Integer pixels lie in [0, 255], float pixels in [0, 1].")
    return array.astype(np.uint8)


def _unit_range(array: Any) -> Any:
    """Float pixels in [0, 1]; others are scaled to it with a warning, as in MLflow."""
    low, high = array.min(initial=0), array.max(initial=0)
    if low >= 0 and high <= 1:
        return array
    low, high = array.min(), array.max()
    warn(
        f"Float pixels lie in [0, 1]; these lie in [{low:g}, {high:g}] and are scaled so that "
        f"{low:g} is black and {high:g} white."
    )
    return (array - low) / ((high - low) or 1)


def _is_shape_of_image(shape: Sequence[int]) -> bool:
    return len(shape) == 2 or (len(shape) == 3 and shape[2] in {1, 3, 4})  # noqa: PLR2004
