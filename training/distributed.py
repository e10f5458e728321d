"""The processes that train together: one, or as many as torchrun starts.

Every process holds the whole set and draws the same order; of each batch it takes every n-th image.
DistributedDataParallel averages the gradients, so that a step is the one that a single process
would have made, to rounding. Only the process of rank 0 tracks, prints and keeps files.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import distributed

from training.errors import DeviceError, ElsewhereError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

T = TypeVar("T")


@dataclass(frozen=True)
class World:
    """This process among those that train together."""

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process tracks and prints."""
        return self.rank == 0

    def share(self, batch: Tensor) -> Tensor:
        """The rows of a batch that this process computes."""
        return batch if self.size == 1 else batch[self.rank :: self.size]

    def sum(self, values: Tensor) -> Tensor:
        """The sum of all processes' values."""
        if self.size > 1:
            distributed.all_reduce(values, distributed.ReduceOp.SUM)
        return values

    def minimum(self, values: Tensor) -> Tensor:
        """The smallest of all processes' values."""
        if self.size > 1:
            distributed.all_reduce(values, distributed.ReduceOp.MIN)
        return values

    def all(self, holds: bool) -> bool:  # noqa: FBT001 -- reads as the builtin does
        """Whether something holds in every process.

        Raises:
            ElsewhereError: A process is gone.
        """
        with reaching_others():
            return bool(self.minimum(torch.tensor(int(holds))))

    def told(self, find: Callable[[], T]) -> T:
        """What `find` finds in the process of rank 0, which alone calls it.

        Raises:
            ElsewhereError: A process is gone.
        """
        if self.size == 1:
            return find()
        box: list[Any] = [find() if self.is_main else None]
        with reaching_others():
            distributed.broadcast_object_list(box, src=0, device=torch.device("cpu"))
        found: T = box[0]
        return found


@contextmanager
def reaching_others() -> Iterator[None]:
    """A block that can only fail because another process is gone.

    Raises:
        ElsewhereError: It has failed.
    """
    try:
        yield
    except RuntimeError as error:  # of every kind that torch's backends have for it
        raise ElsewhereError(f"another process is gone: {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    """The sentence of an error of torch, without the stack of C++ below it."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def launched_world() -> World:
    """The world that torchrun's environment describes; a single process without it.

    Examples:
        >>> World(rank=1, size=2).share(torch.arange(5)).tolist()
        [1, 3]
    """
    return World(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))


@contextmanager
def joined(world: World, device: torch.device) -> Iterator[World]:
    """Meet the other processes, and part from them at the end.

    Raises:
        DeviceError: The processes cannot find each other.
    """
    if world.size == 1:
        yield world
        return
    try:
        distributed.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    except (RuntimeError, ValueError) as error:
        raise DeviceError(f"the {world.size} processes cannot meet: {error}") from error
    try:
        yield world
    finally:
        distributed.destroy_process_group()
