"""What the trainer's way of working saves, and what tracking costs.

    python tests/benchmarks/bench_training.py [--data-root DIR] [--epochs N]

Four questions, each answered in one process with one torch thread:

1. An epoch of `default` against a DataLoader over tensors with the same mathematics.
2. The whole study, data preparation and tracking included, against the usual tutorial: a DataLoader
   whose every image passes through torchvision's transforms.
3. The share of a study's time that is spent in the tracker.
4. An epoch beside a busy neighbor process of one thread, and beside one of as many threads as
   there are cores. The latter takes its share of the core that the trainer runs on, from anybody;
   a plain Python loop shows what that is.

CPU seconds are printed beside wall seconds: they stay the same on a machine that does other work.
"""

from __future__ import annotations

import argparse
import contextlib
import cProfile
import io
import os
import pstats
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Self

import torch
from PIL import Image
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset
from torchvision import transforms

from training.__main__ import main as train
from training.config import Config, DataPrep, ModelConfig, Paths
from training.data import prepare, writable_folder
from training.distributed import World
from training.loop import Task, train_epochs
from training.model import build_model
from training.seeds import GlobalGenerators
from training.split import examples, split_indices
from training.step import build_optimizer, build_step

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.data import StudyData

ROOT = Path(__file__).parents[2]
SIGMA = 2.0


class Stopwatch:
    """Wall and CPU seconds of a block."""

    def __enter__(self) -> Self:
        self._start = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall = time.perf_counter() - self._start[0]
        self.cpu = time.process_time() - self._start[1]

    def __str__(self) -> str:
        return f"{self.wall:7.2f} s wall  {self.cpu:7.2f} s CPU"


def best_of(rounds: int, work: Callable[[], object]) -> Stopwatch:
    """The round that took the least CPU time."""
    watches = []
    for _ in range(rounds):
        with Stopwatch() as watch:
            work()
        watches.append(watch)
    return min(watches, key=lambda watch: watch.cpu)


# 1. An epoch


def our_epoch(data: StudyData) -> Callable[[], object]:
    """An epoch of `default` as the trainer runs it."""
    config = ModelConfig(max_epochs=1_000)
    model = build_model(config, seed=1)
    step = build_step(model, build_optimizer(model, config), config, World())
    split = split_indices(len(data.train), config, seed=1)
    rows = examples([data.train], split.train)
    one_image = examples([data.train], split.validation[:1])  # the others validate nothing
    task = Task(model, step, rows, one_image, config, 1, World(), GlobalGenerators(1))
    return lambda: next(train_epochs(task, []))


def tensor_loader_epoch(data: StudyData) -> Callable[[], object]:
    """The same mathematics with a DataLoader over float tensors."""
    config = ModelConfig()
    model = build_model(config, seed=1)
    split = split_indices(len(data.train), config, seed=1)
    images = data.train.images[split.train].float().div_(255).unsqueeze(1)
    loader = DataLoader(
        TensorDataset(images, data.train.labels[split.train]), config.batch_size, shuffle=True
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=config.learning_rate)
    return lambda: tutorial_epoch(model, loader, optimizer)


def tutorial_epoch(
    model: nn.Module, loader: DataLoader, optimizer: torch.optim.Optimizer
) -> tuple[float, int]:
    """One epoch as tutorials write it, with loss and accuracy on the way."""
    loss_sum, right = 0.0, 0
    for images, labels in loader:
        optimizer.zero_grad()
        logits = model(images)
        loss = functional.cross_entropy(logits, labels)
        loss.backward()
        optimizer.step()
        loss_sum += loss.item() * len(labels)
        right += (logits.argmax(dim=1) == labels).sum().item()
    return loss_sum, right


# 2. The whole study


class TransformedImages(Dataset):
    """What torchvision's MNIST does for every image, every time it is asked for."""

    def __init__(self, images: torch.Tensor, labels: torch.Tensor, *, blurred: bool) -> None:
        self.images, self.labels = images, labels
        blur = [transforms.GaussianBlur(17, SIGMA)] if blurred else []
        self.transform = transforms.Compose([transforms.ToTensor(), *blur])

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        image = Image.fromarray(self.images[index].numpy())
        return self.transform(image), int(self.labels[index])


def tutorial_study(data: StudyData, epochs: int) -> None:
    """The four configurations in the tutorial's way; neither tracked nor kept."""
    for hidden, samples, blurred in (
        (128, None, False),
        (2, None, False),
        (128, 100, False),
        (128, None, True),
    ):
        config = ModelConfig(hidden_size=hidden, max_samples=samples)
        model = build_model(config, seed=1)
        optimizer = torch.optim.SGD(model.parameters(), lr=config.learning_rate)
        split = split_indices(len(data.train), config, seed=1)
        images = TransformedImages(data.train.images, data.train.labels, blurred=blurred)
        learning = DataLoader(Subset(images, split.train.tolist()), 64, shuffle=True)
        held_back = DataLoader(Subset(images, split.validation.tolist()), 64)
        for _ in range(epochs):
            tutorial_epoch(model, learning, optimizer)
            tutorial_accuracy(model, held_back)
        for blurred_test in (False, True):
            test = TransformedImages(data.test.images, data.test.labels, blurred=blurred_test)
            tutorial_accuracy(model, DataLoader(test, 64))


@torch.no_grad()
def tutorial_accuracy(model: nn.Module, loader: DataLoader) -> float:
    """The share of a loader's images that a model reads right."""
    right = sum((model(images).argmax(1) == labels).sum().item() for images, labels in loader)
    return right / len(loader.dataset)


def our_study(data_root: Path, folder: Path, epochs: int) -> None:
    """The four configurations by the trainer: images prepared, evaluated, tracked, kept."""
    names = ("default", "small_hidden", "small_dataset", "blurred_dataset")
    shorter = [("--set", f"model_configs.{name}.max_epochs={epochs}") for name in names]
    (folder / "config.yaml").write_text((ROOT / "config.yaml").read_text())
    (folder / "data").mkdir(exist_ok=True)
    if (data_root / "MNIST").exists() and not (folder / "data" / "MNIST").exists():
        (folder / "data" / "MNIST").symlink_to((data_root / "MNIST").absolute())
    arguments = ["--config", str(folder / "config.yaml"), *(part for s in shorter for part in s)]
    with contextlib.redirect_stdout(io.StringIO()):
        if train(arguments) != 0:
            raise SystemExit("the study failed")


# 3. The tracker's share


def tracked_seconds(profile: cProfile.Profile) -> float:
    """Seconds in functions of the tracker that the trainer called."""
    package, trainer = (str(ROOT / name) + os.sep for name in ("tracker", "training"))
    return sum(
        row[3]
        for (file, _, _), (*_, callers) in pstats.Stats(profile).stats.items()
        for (caller, _, _), row in callers.items()
        if file.startswith(package) and caller.startswith(trainer)
    )


# 4. A busy neighbor


class Neighbor:
    """A process that multiplies matrices, and pauses when told to; Unix only."""

    def __init__(self, threads: int) -> None:
        code = f"import torch\ntorch.set_num_threads({threads})\nx = torch.rand(1500, 1500)"
        self._process = subprocess.Popen([sys.executable, "-c", f"{code}\nwhile True: x @ x"])
        time.sleep(4)  # It imports torch.

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def slows(self, work: Callable[[], object], rounds: int = 9) -> float:
        """How many times as long some work takes beside it: the median of pairs in turn."""
        return median(self._wall(work, busy=True) / self._wall(work) for _ in range(rounds))

    def _wall(self, work: Callable[[], object], *, busy: bool = False) -> float:
        self._process.send_signal(signal.SIGCONT if busy else signal.SIGSTOP)
        time.sleep(0.05)
        with Stopwatch() as watch:
            work()
        return watch.wall


def plain_loop() -> None:
    """A third of a second of one thread that needs nothing of anybody."""
    for _ in range(12_000_000):
        pass


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-root", type=Path, default=ROOT / "data")
    parser.add_argument("--epochs", type=int, default=10, help="of each configuration")
    parser.add_argument("--skip-tutorial", action="store_true", help="skip the slow half of 2")
    options = parser.parse_args()
    torch.set_num_threads(1)
    paths = Paths(root=str(options.data_root.absolute()))
    config = Config(paths=paths, data_prep=DataPrep(), model_configs={"default": ModelConfig()})
    with writable_folder(config) as folder:
        data = prepare(config, folder)
    print(f"images: {data.source}, {os.cpu_count()} cores, torch {torch.__version__}")
    report_epochs(data)
    report_study(data, options.data_root, options.epochs, tutorial=not options.skip_tutorial)


def report_epochs(data: StudyData) -> None:
    """Questions 1 and 4."""
    loader = best_of(3, tensor_loader_epoch(data))
    ours = best_of(5, our_epoch(data))
    print(f"epoch, DataLoader over tensors  {loader}")
    print(f"epoch, trainer                  {ours}   {loader.cpu / ours.cpu:.2f} x less CPU")
    for threads in dict.fromkeys((1, os.cpu_count() or 1)):
        with Neighbor(threads) as neighbor:
            epoch, loop = (neighbor.slows(work) for work in (our_epoch(data), plain_loop))
        beside = f"beside a neighbor of {threads} busy thread{'s' if threads > 1 else ''}"
        print(f"epoch {beside}: {epoch:.2f} x as long (a plain Python loop: {loop:.2f})")


def report_study(data: StudyData, data_root: Path, epochs: int, *, tutorial: bool) -> None:
    """Questions 2 and 3."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Stopwatch() as ours:
            our_study(data_root, folder, epochs)
        print(f"study, trainer                  {ours}")
        for clock, unit in ((time.perf_counter, "wall"), (time.process_time, "CPU ")):
            profile = cProfile.Profile(clock)
            profile.runcall(our_study, data_root, folder, epochs)
            spent, whole = tracked_seconds(profile), pstats.Stats(profile).total_tt
            print(f"study again, of it tracking     {spent:7.2f} s {unit}  {spent / whole:.1%}")
    if tutorial:
        with Stopwatch() as theirs:
            tutorial_study(data, epochs)
        print(f"study, tutorial                 {theirs}   {theirs.cpu / ours.cpu:.1f} x the CPU")


if __name__ == "__main__":
    main()
