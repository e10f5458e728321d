"""Runs one exported program for `dashboard.artifacts.program`: a program of its own.

It loads the file that its argument names, reads images, (28, 28) float32 each, from standard
input, and writes the logits of each as a line of JSON. It ends with its input, or with the first
error.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from typing import Final

import torch

IMAGE_BYTES: Final = 28 * 28 * 4
MEMORY_BYTES: Final = 8_000_000_000


def main() -> None:
    """Answer until there are no more images."""
    # What the loaded code prints must not pass for an answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    _limit_memory()
    module = torch.export.load(sys.argv[1]).module()
    with torch.inference_mode():
        while len(content := sys.stdin.buffer.read(IMAGE_BYTES)) == IMAGE_BYTES:
            image = torch.frombuffer(bytearray(content), dtype=torch.float32)
            logits = module(image.reshape(1, 1, 28, 28))[0]
            answers.write(f"{json.dumps(logits.tolist())}\n")
            answers.flush()


def _limit_memory() -> None:
    with suppress(ImportError, ValueError, OSError):  # There are no such limits on Windows.
        import resource  # noqa: PLC0415

        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))


if __name__ == "__main__":
    main()
