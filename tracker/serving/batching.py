"""Requests that wait at the same time are answered by one call of the model.

The queue is drained greedily: whatever is there when the model is free forms the next batch, and
nothing waits for a batch to fill. An idle server answers a single request at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tracker.serving.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracker.serving.backends import Arrays
    from tracker.serving.model import ServedModel

MAX_ROWS = 256


@dataclass(frozen=True)
class Job:
    """One request's rows and the promise of its answer."""

    arrays: Arrays
    rows: int
    answer: asyncio.Future[tuple[ServedModel, Arrays]]

    @property
    def kind(self) -> tuple[tuple[str, str, tuple[int, ...]], ...]:
        """What jobs must have in common to share a batch: names, types, shapes of a row."""
        return tuple((n, a.dtype.str, a.shape[1:]) for n, a in self.arrays.items())


class Batcher:
    """Answers requests in batches, each by one model.

    Args:
        current: Gives the model that answers from now on.
    """

    def __init__(self, current: Callable[[], ServedModel]) -> None:
        self._current = current
        self._waiting: deque[Job] = deque()
        self._arrived = asyncio.Event()

    async def predict(self, arrays: Arrays) -> tuple[ServedModel, Arrays]:
        """The outputs for some rows, and the model that computed them.

        Raises:
            RequestError: The model does not take these rows.
        """
        answer: asyncio.Future[tuple[ServedModel, Arrays]] = asyncio.Future()
        rows = min((len(array) for array in arrays.values()), default=0)
        self._waiting.append(Job(arrays, rows, answer))
        self._arrived.set()
        return await answer

    async def run(self) -> None:
        """Answer until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                await self._answer(self._next_batch())

    def _next_batch(self) -> list[Job]:
        """The oldest job and those behind it that may be answered with it."""
        batch = [self._waiting.popleft()]
        kind, rows = batch[0].kind, batch[0].rows
        while self._waiting and rows + self._waiting[0].rows <= MAX_ROWS:
            if self._waiting[0].kind != kind:
                break
            batch.append(self._waiting.popleft())
            rows += batch[-1].rows
        return batch

    async def _answer(self, batch: list[Job]) -> None:
        model = self._current()
        try:
            outputs = await _computed(model, _joined(batch))
        except model.backend.errors as error:
            await self._answer_alone(batch, error)
            return
        start = 0
        for job in batch:
            end = start + job.rows
            part = outputs if len(batch) == 1 else {n: a[start:end] for n, a in outputs.items()}
            _resolve(job, (model, part))
            start = end

    async def _answer_alone(self, batch: list[Job], error: Exception) -> None:
        """One by one, so that a bad request spoils no other's answer."""
        if len(batch) > 1:
            for job in batch:
                await self._answer([job])
        elif not batch[0].answer.done():
            reason = (str(error).strip() or "no reason given").splitlines()[0][:200]
            batch[0].answer.set_exception(RequestError(f"The model refused the input: {reason}"))


async def _computed(model: ServedModel, arrays: Arrays) -> Arrays:
    """A slow model runs in a thread; /ping is answered meanwhile."""
    if model.slow:
        return await asyncio.to_thread(model.backend.predict, arrays)
    return model.backend.predict(arrays)


def _joined(batch: list[Job]) -> Arrays:
    if len(batch) == 1:
        return batch[0].arrays
    return {name: np.concatenate([job.arrays[name] for job in batch]) for name in batch[0].arrays}


def _resolve(job: Job, answer: tuple[ServedModel, Arrays]) -> None:
    if not job.answer.done():  # The caller may have gone.
        job.answer.set_result(answer)
