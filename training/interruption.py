"""Ctrl-C and its like: a run that can go on, and the command that goes on with it."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import tracker
from training.errors import TrainingError
from training.run_files import EFFECTIVE_CONFIG

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
PLACES = {"paths", "tracking"}
"""Sections that a run does not keep: all else is as it was when it began."""


def is_first() -> bool:
    """Whether this process is the one that tracks and prints; torchrun may have started others."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def stoppable() -> Iterator[None]:
    """A block that Ctrl-C and SIGTERM end alike, once, so that a run is closed in peace.

    Under torchrun each process gets both, one after the other. Those that follow the process of
    rank 0 wait for it to end: without them, it could not tell an interruption from a failure.

    Raises:
        KeyboardInterrupt: A signal came.
    """
    is_main, before = is_first(), [signal.getsignal(each) for each in SIGNALS]
    came: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        came.append(number)
        if is_main and len(came) == 1:
            raise KeyboardInterrupt

    for each in SIGNALS:
        signal.signal(each, stop)
    try:
        yield
    except TrainingError as error:
        if came:
            raise KeyboardInterrupt from error
        raise
    finally:
        for each, handler in zip(SIGNALS, before, strict=True):
            signal.signal(each, handler)


def how_to_go_on(options: argparse.Namespace) -> str | None:
    """The command that goes on with the run that was interrupted, None where none can go on."""
    try:
        run = tracker.last_active_run()
        if run is None or run.info.status != "KILLED":
            return None
        tracker.get_client().artifacts(run.info.run_id).local_path(EFFECTIVE_CONFIG)
    except tracker.TrackerError:
        return None
    return shlex.join([*_program(), "--resume", run.info.run_id, *_places(options)])


def _program() -> list[str]:
    """How this program was started, less its options."""
    python, processes = sys.orig_argv[0], os.environ.get("LOCAL_WORLD_SIZE")
    if processes is None:
        return [python, "-m", "training"]
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", processes]
    return [python, *launcher, "-m", "training"]


def _places(options: argparse.Namespace) -> Iterator[str]:
    """The options that say where things are."""
    if str(options.config) != "config.yaml":
        yield from ("--config", str(options.config))
    if options.data_root:
        yield from ("--data-root", options.data_root)
    for override in options.overrides:
        if override.partition("=")[0].split(".")[0].strip() in PLACES:
            yield from ("--set", override)
    if options.device != "auto":
        yield from ("--device", options.device)
