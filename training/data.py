"""The four image sets of a study: sharp and blurred, for training and for testing."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from training import mnist
from training.blur import blur_bytes
from training.config import substitute_name
from training.digits import stroke_digits
from training.errors import ConfigError, DataError
from training.image_sets import ImageSet, load_or_make

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from torch import Tensor

    from training.config import Config, ModelConfig
    from training.mnist import Split

    Say = Callable[[str], None]
    Maker = Callable[[], tuple[Tensor, Tensor]]

STROKE_DIGITS = "stroke-digits"
MNIST = "mnist"


@dataclass(frozen=True)
class StudyData:
    """The sets of one source. A blurred set has the labels of its sharp one, image by image."""

    train: ImageSet
    test: ImageSet
    train_blurred: ImageSet
    test_blurred: ImageSet

    @property
    def source(self) -> str:
        """'mnist' or 'stroke-digits'."""
        return self.train.source

    def check(self, configs: Mapping[str, ModelConfig]) -> None:
        """Refuse configurations that ask for more images than there are.

        Raises:
            ConfigError: `max_samples` of a configuration exceeds the training set.
        """
        for name, model in configs.items():
            if model.max_samples is not None and model.max_samples > len(self.train):
                raise ConfigError(
                    f"model_configs.{name}.max_samples is {model.max_samples}, but the training "
                    f"set has {len(self.train)} images"
                )


def prepare(config: Config, folder: Path, say: Say = print) -> StudyData:
    """The study's images, from the files kept in `folder` where they are whole and fit.

    Args:
        config: Where MNIST lies, the blur, the substitute's size.
        folder: Where prepared files are kept; usually the data root.
        say: Told, in a sentence each, what a user should know.

    Raises:
        DataError: Images can be neither found nor made, or not be written.
    """
    source = _choose_source(config, folder, say)
    train, test = (_sharp(config, folder, source, split) for split in ("train", "test"))
    sigma = config.data_prep.blur_sigma
    return StudyData(
        train, test, _blurred(config, folder, train, sigma), _blurred(config, folder, test, sigma)
    )


@contextmanager
def writable_folder(config: Config, say: Say = print) -> Iterator[Path]:
    """The data root, or a passing folder where the root holds MNIST but cannot be written.

    Raises:
        DataError: The root can be neither written nor read from.
    """
    root = Path(config.paths.root)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root):
            pass
    except OSError as error:
        readable = os.R_OK | os.X_OK
        if not (os.access(root, readable) and os.access(mnist.raw_folder(root), readable)):
            raise DataError(f"the data root {root} cannot be used: {error.strerror}") from error
    else:
        yield root
        return
    say(f"The data root {root} cannot be written: prepared images are kept for this start only.")
    with tempfile.TemporaryDirectory(prefix="study-images-") as folder:
        yield Path(folder)


def _choose_source(config: Config, folder: Path, say: Say) -> str:
    prep, root = config.data_prep, Path(config.paths.root)
    if prep.source == STROKE_DIGITS:
        say(_substitute_notice("the configuration asks for them"))
        return STROKE_DIGITS
    try:
        _ensure_mnist(config, folder, root, say)
    except mnist.MissingFilesError as error:
        if prep.source == MNIST:
            raise
        say(_substitute_notice(str(error)))
        return STROKE_DIGITS
    return MNIST


def _ensure_mnist(config: Config, folder: Path, root: Path, say: Say) -> None:
    """See to it that MNIST's prepared files or its raw files are there."""
    kept = (folder / config.paths.train_data, folder / config.paths.test_data)
    raw = mnist.raw_folder(root)
    names = [name for pair in mnist.FILES.values() for name in pair]
    if all(path.exists() for path in kept) or all(
        (raw / name).exists() or (raw / f"{name}.gz").exists() for name in names
    ):
        return
    if not config.data_prep.download:
        raise mnist.MissingFilesError(f"there is no MNIST under {root}, and download is off")
    say(f"Downloading MNIST (11 MB) to {raw} ...")
    mnist.fetch(root)


def _substitute_notice(reason: str) -> str:
    return (
        f"NOT MNIST: training on drawn stroke digits instead, because {reason}. "
        "Their accuracies say nothing about MNIST."
    )


def _sharp(config: Config, folder: Path, source: str, split: Split) -> ImageSet:
    prep = config.data_prep
    name = getattr(config.paths, f"{split}_data")
    if source == MNIST:
        recipe = f"mnist {split}"
        return load_or_make(
            folder / name, recipe, lambda: _raw(config, split), source=source, split=split
        )
    count = prep.stroke_train_samples if split == "train" else prep.stroke_test_samples
    seed = prep.seed if prep.stroke_seed is None else prep.stroke_seed
    return load_or_make(
        folder / substitute_name(name),
        f"stroke-digits {split} n={count} seed={seed} jitter={prep.stroke_jitter}",
        lambda: stroke_digits(count, seed, split, prep.stroke_jitter),
        source=source,
        split=split,
    )


def _raw(config: Config, split: Split) -> tuple[Tensor, Tensor]:
    """One split of MNIST from its raw files, fetched again where one is damaged."""
    root = Path(config.paths.root)
    try:
        return mnist.load_split(root, split)
    except (mnist.DamagedFilesError, mnist.MissingFilesError) as error:
        if not config.data_prep.download:
            raise
        try:
            mnist.fetch(root)
        except mnist.MissingFilesError:
            raise error from None
    return mnist.load_split(root, split)


def _blurred(config: Config, folder: Path, sharp: ImageSet, sigma: float) -> ImageSet:
    name = getattr(config.paths, f"{sharp.split}_data_blurred")
    return load_or_make(
        folder / (name if sharp.source == MNIST else substitute_name(name)),
        f"blur sigma={sigma} of {sharp.digest}",
        lambda: (blur_bytes(sharp.images, sigma), sharp.labels),
        source=sharp.source,
        split=sharp.split,
        blur_sigma=sigma,
    )
