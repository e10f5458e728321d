"""The four image sets of a study: sharp and blurred, for training and for testing."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tracker.files import is_url, mirrored
from training import mnist
from training.blur import blur_bytes
from training.errors import ConfigError, DataError
from training.image_sets import ImageFiles, ImageSet, SetInfo
from training.split import split_sizes
from training.stroke_digits import stroke_digits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from torch import Tensor

    from training.config import Config, ModelConfig
    from training.mnist import SplitName

    Say = Callable[[str], None]
    Maker = Callable[[], tuple[Tensor, Tensor]]

STROKE_DIGITS = "stroke-digits"
MNIST = "mnist"
SPLITS: tuple[SplitName, SplitName] = ("train", "test")


@dataclass(frozen=True)
class StudyData:
    """The sets of one source. Blurred sets have the images of the sharp ones, in the same order."""

    # Of MNIST: 60,000 and 10,000 images, each set (N, 28, 28) uint8 with (N,) int64 labels.
    train: ImageSet
    test: ImageSet
    train_blurred: ImageSet
    test_blurred: ImageSet

    @property
    def source(self) -> str:
        """'mnist' or 'stroke-digits'."""
        return self.train.source

    def training_sets(self, train_on: str) -> list[ImageSet]:
        """The sets that a configuration trains on.

        Args:
            train_on: 'sharp', 'blurred' or 'both'.
        """
        sets = {"sharp": [self.train], "blurred": [self.train_blurred]}
        return sets.get(train_on, [self.train, self.train_blurred])

    def check(self, configs: Mapping[str, ModelConfig]) -> None:
        """Check that configurations ask for neither too many images nor too few.

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
            # Tested before any run starts: the third configuration must not fail after two hours.
            try:
                per_set, _ = split_sizes(len(self.train), model)
                _check_batches(per_set * len(self.training_sets(model.train_on)), model)
            except ConfigError as error:
                raise ConfigError(f"model_configs.{name}: {error}") from error


def prepare(config: Config, folder: Path, say: Say = print) -> StudyData:
    """Load the study's images from the data root, or make those that are missing or damaged.

    Args:
        config: The data root, the blur, the substitute's size.
        folder: Where new files are written: the data root, if it is writable.
        say: Called with each sentence the user should read.

    Raises:
        DataError: Images can be neither found nor made, or cannot be written.
    """
    root = Path(config.paths.root)
    # Each folder once: usually the data root is also where new files go.
    maker = _Maker(config, folder, ImageFiles(list(dict.fromkeys((root, folder)))), say)
    train, test = maker.sharp()
    # Blurred once and kept in files: every configuration and every later start reads these bytes.
    data = StudyData(train, test, maker.blurred(train), maker.blurred(test))
    if any(part.path.parent != root for part in vars(data).values()):
        say(f"The data root {root} is read-only: prepared images are kept for this run only.")
    return data


def _check_batches(count: int, model: ModelConfig) -> None:
    """Check that `drop_last` leaves at least one batch of `count` images."""
    if model.drop_last and count < model.batch_size:
        raise ConfigError(
            f"drop_last leaves no batch: there are {count} images to train on and batch_size is "
            f"{model.batch_size}"
        )


@contextmanager
def local_root(config: Config) -> Iterator[Config]:
    """The same study with its images on this machine.

    A data root at a URL is copied here first, as far as it changed; what is prepared in the block
    is copied there.

    Raises:
        ArtifactError: The URL cannot be read or written.
    """
    if not is_url(config.paths.root):
        yield config
        return
    with mirrored(config.paths.root) as folder:
        yield config.with_data_root(str(folder))


@contextmanager
def writable_folder(config: Config) -> Iterator[Path]:
    """The data root, or a temporary folder if the root is read-only.

    Raises:
        DataError: The root can be neither created nor read, or no folder can be written.
    """
    root = Path(config.paths.root)
    # Permissions say too little (network file systems, containers): only writing shows it.
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
        temporary = tempfile.TemporaryDirectory(prefix="study-images-")
    except OSError as error:
        raise DataError(f"neither {root} nor a temporary folder can be written: {error}") from error
    with temporary as folder:
        yield Path(folder)


def _can_be_listed(folder: Path) -> bool:
    with suppress(OSError), os.scandir(folder):
        return True
    return False


@dataclass(frozen=True)
class _Maker:
    """Finds images, and makes and saves those that are missing."""

    config: Config
    folder: Path
    files: ImageFiles
    say: Say

    def sharp(self) -> list[ImageSet]:
        """Training and test images: MNIST, or the substitute if asked for or if MNIST is missing.

        Raises:
            DataError: MNIST is damaged, or it is required and missing.
        """
        reason = "the configuration asks for them"
        # Damaged files are an error, missing ones are not: a study without a network still runs,
        # on digits of its own that nobody can take for MNIST.
        if self.config.data_prep.source != STROKE_DIGITS:
            try:
                return [self._mnist(split) for split in SPLITS]
            except mnist.MissingFilesError as error:
                reason = "; ".join([*self.files.damage.values(), str(error)])
                if self.config.data_prep.source == MNIST:
                    raise mnist.MissingFilesError(reason) from error
        self.say(
            f"NOT MNIST: training on drawn stroke digits instead, because {reason}. "
            "Their accuracies say nothing about MNIST."
        )
        return [self._drawn(split) for split in SPLITS]

    def _mnist(self, split: SplitName) -> ImageSet:
        info = SetInfo(MNIST, split, 0.0, f"mnist {split}")
        return self._obtain(info, partial(self._raw, split))

    def _drawn(self, split: SplitName) -> ImageSet:
        prep = self.config.data_prep
        count = prep.stroke_train_samples if split == "train" else prep.stroke_test_samples
        seed = prep.image_seed
        # All that decides a pixel: a file with another recipe is made again.
        recipe = f"stroke-digits {split} n={count} seed={seed} jitter={prep.stroke_jitter}"
        return self._obtain(
            SetInfo(STROKE_DIGITS, split, 0.0, recipe),
            lambda: stroke_digits(count, seed, split, prep.stroke_jitter),
        )

    def blurred(self, sharp: ImageSet) -> ImageSet:
        """The blurred counterpart of a set."""
        sigma = self.config.data_prep.blur_sigma
        # The digest ties it to the very images it was made of, not to a file name.
        info = SetInfo(sharp.source, sharp.split, sigma, f"blur sigma={sigma} of {sharp.digest}")
        # (N, 28, 28) uint8 -> the same; the labels are shared.
        return self._obtain(info, lambda: (blur_bytes(sharp.images, sigma), sharp.labels))

    def _obtain(self, info: SetInfo, make: Maker) -> ImageSet:
        name = self.config.paths.file_name(
            info.split, blurred=info.blur_sigma > 0, substitute=info.source != MNIST
        )
        found = self.files.find(name, info)
        if found is not None:
            return found
        made = self.files.save(name, info, *make())
        if name in self.files.damage:
            self.say(f"{self.files.damage[name]}; it was made again.")
        return made

    def _raw(self, split: SplitName) -> tuple[Tensor, Tensor]:
        """One split of MNIST from its raw files, downloaded if one is missing or damaged."""
        root = Path(self.config.paths.root)
        try:
            # The other split may have downloaded them into the temporary folder.
            is_fetched = mnist.raw_folder(self.folder).is_dir()
            return mnist.load_split(self.folder if is_fetched else root, split)
        except (mnist.DamagedFilesError, mnist.MissingFilesError) as error:
            self._download(error)
        return mnist.load_split(self.folder, split)

    def _download(self, reason: DataError) -> None:
        """Download MNIST, or raise `reason` if that is not allowed or fails."""
        root, is_damaged = self.config.paths.root, isinstance(reason, mnist.DamagedFilesError)
        if not self.config.data_prep.download:
            if is_damaged:
                raise reason
            message = f"there is no MNIST under {root} ({reason}), and download is off"
            raise mnist.MissingFilesError(message) from reason
        # A study takes seconds: whoever waits for 11 MB wants to know why.
        self.say(f"Downloading MNIST (11 MB) to {mnist.raw_folder(self.folder)} ...")
        try:
            mnist.download(self.folder)
        except mnist.MissingFilesError:
            if is_damaged:
                raise reason from None
            raise
