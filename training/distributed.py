"""The processes that train together: one, or as many as torchrun starts.

Every process holds the whole training set and draws the same order; of each batch, it computes
every n-th image. DistributedDataParallel averages the gradients, so a step is the one a single
process would have made, up to rounding. Only rank 0 tracks, prints and writes files.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import distributed

from training.errors import DeviceError, PeerFailedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

T = TypeVar("T")


@dataclass(frozen=True)
class World:
    """This process's place among those that train together.

    Examples:
        >>> World(rank=1, size=2).shard(torch.arange(5)).tolist()
        [1, 3]
    """

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this is rank 0, the process that tracks and prints."""
        return self.rank == 0

    def shard(self, batch: Tensor) -> Tensor:
        """The rows of a batch that this process computes."""
        return batch if self.size == 1 else batch[self.rank :: self.size]

    def all_reduce(self, values: Tensor) -> Tensor:
        """Add up `values` over all processes, in place."""
        if self.size > 1:
            distributed.all_reduce(values, distributed.ReduceOp.SUM)
        return values

    def minimum(self, values: Tensor) -> Tensor:
        """Take the smallest of `values` over all processes, in place."""
        if self.size > 1:
            distributed.all_reduce(values, distributed.ReduceOp.MIN)
        return values

    def all_gather(self, value: T) -> list[T]:
        """Collect one value from each process, by rank, in every process."""
        if self.size == 1:
            return [value]
        box: list[Any] = [None] * self.size
        distributed.all_gather_object(box, value)
        return box

    def all_true(self, condition: bool) -> bool:  # noqa: FBT001 -- reads like the builtin `all`
        """Whether `condition` is true in every process.

        Raises:
            PeerFailedError: Another process is gone.
        """
        with peer_errors_translated():
            return bool(self.minimum(torch.tensor(int(condition))))

    def broadcast(self, compute: Callable[[], T]) -> T:
        """Return rank 0's result of `compute`, which only rank 0 calls.

        Raises:
            PeerFailedError: Another process is gone.
        """
        if self.size == 1:
            return compute()
        box: list[Any] = [compute() if self.is_main else None]
        with peer_errors_translated():
            distributed.broadcast_object_list(box, src=0, device=torch.device("cpu"))
        result: T = box[0]
        return result


@contextmanager
def peer_errors_translated() -> Iterator[None]:
    """Turn an error of a collective operation into `PeerFailedError`.

    Raises:
        PeerFailedError: Another process is gone.
    """
    try:
        yield
    except RuntimeError as error:  # every backend of torch raises a subclass of its own
        raise PeerFailedError(f"another process is gone: {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    """The message of an error without the C++ stack that torch puts below it."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def world_from_environment() -> World:
    """The world that torchrun's variables describe; a single process without them."""
    return World(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))


@contextmanager
def process_group(world: World, device: torch.device) -> Iterator[None]:
    """Join the other processes for the length of a block.

    Raises:
        DeviceError: The processes cannot connect to each other.
    """
    if world.size == 1:
        yield
        return
    try:
        distributed.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    except (RuntimeError, ValueError) as error:
        raise DeviceError(f"the {world.size} processes cannot connect: {error}") from error
    try:
        yield
    finally:
        distributed.destroy_process_group()
