"""The four image sets of a study: sharp and blurred, for training and for testing."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from training import mnist
from training.blur import blur_bytes
from training.errors import ConfigError, DataError
from training.image_sets import ImageSet, Label, Shelf
from training.split import split_sizes
from training.stroke_digits import stroke_digits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from torch import Tensor

    from training.config import Config, ModelConfig
    from training.mnist import Split

    Say = Callable[[str], None]
    Maker = Callable[[], tuple[Tensor, Tensor]]

STROKE_DIGITS = "stroke-digits"
MNIST = "mnist"
SPLITS: tuple[Split, Split] = ("train", "test")


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
        """Refuse configurations that ask for more images than there are, or for too few.

        Raises:
            ConfigError: `max_samples` of a configuration exceeds the training set, or nothing is
                left to train on or to validate with.
        """
        for name, model in configs.items():
            if model.max_samples is not None and model.max_samples > len(self.train):
                raise ConfigError(
                    f"model_configs.{name}.max_samples is {model.max_samples}, but the training "
                    f"set has {len(self.train)} images"
                )
            try:
                split_sizes(len(self.train), model)
            except ConfigError as error:
                raise ConfigError(f"model_configs.{name}: {error}") from error


def prepare(config: Config, folder: Path, say: Say = print) -> StudyData:
    """The study's images, from the files kept in the data root where they are whole and fit.

    Args:
        config: Where MNIST lies, the blur, the substitute's size.
        folder: Where new files are written; the data root, if that can be written.
        say: Told, in a sentence each, what a user should know.

    Raises:
        DataError: Images can be neither found nor made, or not be written.
    """
    root = Path(config.paths.root)
    maker = _Maker(config, folder, Shelf(list(dict.fromkeys((root, folder)))), say)
    train, test = maker.sharp()
    data = StudyData(train, test, maker.blurred(train), maker.blurred(test))
    if any(part.path.parent != root for part in vars(data).values()):
        say(f"The data root {root} cannot be written: what was made is kept for this start only.")
    return data


@contextmanager
def writable_folder(config: Config) -> Iterator[Path]:
    """The data root, or a passing folder where the root can be read but not written.

    Raises:
        DataError: The root can be neither made nor read, or no folder can be written.
    """
    root = Path(config.paths.root)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root):
            pass
    except OSError as error:
        if not _can_be_listed(root):
            raise DataError(f"the data root {root} cannot be used: {error.strerror}") from error
    else:
        yield root
        return
    try:
        passing = tempfile.TemporaryDirectory(prefix="study-images-")
    except OSError as error:
        raise DataError(f"neither {root} nor a passing folder can be written: {error}") from error
    with passing as folder:
        yield Path(folder)


def _can_be_listed(folder: Path) -> bool:
    with suppress(OSError), os.scandir(folder):
        return True
    return False


@dataclass(frozen=True)
class _Maker:
    """Finds images, makes those that are missing, and keeps them."""

    config: Config
    folder: Path
    shelf: Shelf
    say: Say

    def sharp(self) -> list[ImageSet]:
        """Training and test images: MNIST, or the substitute if asked for or nothing else is had.

        Raises:
            DataError: MNIST is damaged, or it is demanded and missing.
        """
        reason = "the configuration asks for them"
        if self.config.data_prep.source != STROKE_DIGITS:
            try:
                return [self._mnist(split) for split in SPLITS]
            except mnist.MissingFilesError as error:
                reason = "; ".join([*self.shelf.damage.values(), str(error)])
                if self.config.data_prep.source == MNIST:
                    raise mnist.MissingFilesError(reason) from error
        self.say(
            f"NOT MNIST: training on drawn stroke digits instead, because {reason}. "
            "Their accuracies say nothing about MNIST."
        )
        return [self._drawn(split) for split in SPLITS]

    def _mnist(self, split: Split) -> ImageSet:
        label = Label(MNIST, split, 0.0, f"mnist {split}")
        return self._obtain(label, partial(self._raw, split))

    def _drawn(self, split: Split) -> ImageSet:
        prep = self.config.data_prep
        count = prep.stroke_train_samples if split == "train" else prep.stroke_test_samples
        seed = prep.drawn_from
        recipe = f"stroke-digits {split} n={count} seed={seed} jitter={prep.stroke_jitter}"
        return self._obtain(
            Label(STROKE_DIGITS, split, 0.0, recipe),
            lambda: stroke_digits(count, seed, split, prep.stroke_jitter),
        )

    def blurred(self, sharp: ImageSet) -> ImageSet:
        """The blurred counterpart of a set."""
        sigma = self.config.data_prep.blur_sigma
        label = Label(sharp.source, sharp.split, sigma, f"blur sigma={sigma} of {sharp.digest}")
        return self._obtain(label, lambda: (blur_bytes(sharp.images, sigma), sharp.labels))

    def _obtain(self, label: Label, make: Maker) -> ImageSet:
        name = self.config.paths.file_name(
            label.split, blurred=label.blur_sigma > 0, substitute=label.source != MNIST
        )
        found = self.shelf.find(name, label)
        if found is not None:
            return found
        made = self.shelf.keep(name, label, *make())
        if name in self.shelf.damage:
            self.say(f"{self.shelf.damage[name]}; it was made again.")
        return made

    def _raw(self, split: Split) -> tuple[Tensor, Tensor]:
        """One split of MNIST from its raw files, fetched where one is missing or damaged."""
        root = Path(self.config.paths.root)
        try:
            # Into the other folder they may have been fetched for the other split.
            is_fetched = mnist.raw_folder(self.folder).is_dir()
            return mnist.load_split(self.folder if is_fetched else root, split)
        except (mnist.DamagedFilesError, mnist.MissingFilesError) as error:
            self._fetch(error)
        return mnist.load_split(self.folder, split)

    def _fetch(self, reason: DataError) -> None:
        """Download MNIST if that is allowed and possible; raise the reason for it otherwise."""
        root, is_damaged = self.config.paths.root, isinstance(reason, mnist.DamagedFilesError)
        if not self.config.data_prep.download:
            if is_damaged:
                raise reason
            message = f"there is no MNIST under {root} ({reason}), and download is off"
            raise mnist.MissingFilesError(message) from reason
        self.say(f"Downloading MNIST (11 MB) to {mnist.raw_folder(self.folder)} ...")
        try:
            mnist.fetch(self.folder)
        except mnist.MissingFilesError:
            if is_damaged:
                raise reason from None
            raise
