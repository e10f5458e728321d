"""Exported programs (`model.pt2`), run by torch in processes that can be stopped.

Such a file may hold code, so a person has to trust it first. Even a trusted one may compute for
minutes or ask for all memory: its process is killed when its time is up, and has a limit of
memory of its own.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, TYPE_CHECKING, Final, cast

import numpy as np
import streamlit as st

from dashboard.artifacts.files import FileKey, file_key
from dashboard.artifacts.inference import InferenceError, softmax

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tracker.files import ArtifactStore

PROGRAM: Final = "model/data/model.pt2"
WORKER: Final = Path(__file__).with_name("program_process.py")
# Torch itself takes seconds to start on a busy machine.
SECONDS: Final = 60.0
MAX_ERROR: Final = 200


class Worker:
    """A process that has loaded one program; a lock lets one thread at a time ask it.

    Args:
        path: The program.
    """

    def __init__(self, path: str) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, str(WORKER), path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        self._images = cast("IO[bytes]", self._process.stdin)
        self._lines = cast("IO[bytes]", self._process.stdout)
        self._answers: SimpleQueue[bytes] = SimpleQueue()
        self._lock = threading.Lock()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        """Put each line of output into the queue, and an empty one at its end."""
        with self._lines as lines:
            for line in lines:
                self._answers.put(line)
        self._answers.put(b"")

    @property
    def is_alive(self) -> bool:
        """Whether it can still be asked."""
        return self._process.poll() is None

    def ask(self, image: NDArray[np.float32], seconds: float) -> NDArray[np.float32]:
        """The program's logits for one image.

        Raises:
            InferenceError: It failed or took longer, and has been stopped.
        """
        with self._lock:
            try:
                self._images.write(np.ascontiguousarray(image, np.float32).tobytes())
                self._images.flush()
                answer = self._answers.get(timeout=seconds)
            except OSError:  # It has ended before it took the image.
                answer = b""
            except Empty:
                self.close()
                raise InferenceError(
                    f"{PROGRAM} took more than {seconds:g} s and was stopped."
                ) from None
        if not answer:
            reason = self._last_error()
            self.close()
            raise InferenceError(f"{PROGRAM} cannot be read: {reason}.")
        return np.array(json.loads(answer), np.float32)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        self._errors.close()
        with suppress(OSError):  # What it has not read yet.
            self._images.close()

    def _last_error(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1].rstrip(".")[:MAX_ERROR] if lines else "its process ended"


def has_program(store: ArtifactStore) -> bool:
    """Whether a run keeps an exported program."""
    return file_key(store, PROGRAM) is not None


def run_program(
    store: ArtifactStore, image: NDArray[np.float32], seconds: float = SECONDS
) -> NDArray[np.float32]:
    """What the program says of one image; runs code that the file may hold.

    Args:
        store: The run's artifacts.
        image: (28, 28) float32 in [0, 1].
        seconds: How long it may take, the start of its process included.

    Raises:
        TrackerError: If torch is not installed, cannot load or run the program, or takes too long.
    """
    key = file_key(store, PROGRAM)
    if key is None:
        raise InferenceError(f"This run keeps no {PROGRAM}.")
    if importlib.util.find_spec("torch") is None:
        raise InferenceError("This model needs torch: pip install 'ml-tracker[training]'.")
    worker = _worker(key)
    if not worker.is_alive:
        _worker.clear(key)
        worker = _worker(key)
    return softmax(worker.ask(image, seconds))


@st.cache_resource(show_spinner=False, max_entries=4, on_release=Worker.close)
def _worker(key: FileKey) -> Worker:
    return Worker(key.path)
