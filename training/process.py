"""Ctrl-C and its like: a run that can go on, and the command that goes on with it."""

from __future__ import annotations

import io
import os
import shlex
import signal
import sys
from contextlib import contextmanager, redirect_stdout, suppress
from typing import TYPE_CHECKING, TextIO

import tracker
from tracker.text import prepare_streams
from training.errors import TrainingError

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
    from training.config import EFFECTIVE_CONFIG  # noqa: PLC0415 -- loads pydantic

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


class Output(io.TextIOBase):
    """A stream of text; once it cannot be written (a full disk), what follows is dropped.

    A reader that leaves, `head` for one, is no such case: it ends the program.

    Args:
        stream: Where the text goes.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.failure: OSError | None = None
        """Why the stream can no longer be written."""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Of the stream."""
        return self._stream.encoding

    def isatty(self) -> bool:
        """Whether a person may be watching."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Of the stream."""
        return self._stream.fileno()

    def write(self, text: str) -> int:
        """Write, or drop, the text."""
        with self._outlived():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Send what is buffered on its way; nothing once the stream is closed."""
        if self._stream.closed:
            return
        with self._outlived():
            self._stream.flush()

    @contextmanager
    def _outlived(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            self.failure = self.failure or error
            silence(self._stream)


def silence(stream: TextIO) -> None:
    """Send to nowhere what a stream that cannot be written holds, and all that follows."""
    with suppress(OSError), open(os.devnull, "w") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), stream.fileno())


@contextmanager
def outlived_output() -> Iterator[Output]:
    """Standard output that does not end the program when it is full, or was closed at the start."""
    prepare_streams()
    with redirect_stdout(Output(sys.stdout)) as output:
        yield output
