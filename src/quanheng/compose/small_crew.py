"""Processes that run small worlds: first runs with every rule held, second runs for rule 8.

A second run is made by another process under another PYTHONHASHSEED, so that what depends on the
order of a set shows. Every process lives until the crew is dismissed and takes seeds in pieces.
"""

import os
import queue
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

import msgspec

from quanheng.compose.small_runs import Done, Outcome, Task

HASH_SEEDS = {True: "0", False: "271828"}
"""PYTHONHASHSEED of first and of second runs."""
PIECE = 20
"""Seeds that one task carries."""


class Worker:
    """One process. `run` answers when the seeds are done."""

    def __init__(self, checked: bool) -> None:
        self.checked = checked
        environment = {**os.environ, "PYTHONHASHSEED": HASH_SEEDS[checked]}
        command = [sys.executable, "-m", "quanheng.compose.small_runs"]
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def run(self, seeds: Sequence[int]) -> Done:
        """Run seeds. RuntimeError when the process has ended."""
        source, target = self._process.stdout, self._process.stdin
        assert source is not None and target is not None
        try:
            target.write(msgspec.json.encode(Task(list(seeds), self.checked)) + b"\n")
            target.flush()
            line = source.readline()
        except BrokenPipeError:
            line = b""
        if not line:
            raise RuntimeError(f"the process of seeds {seeds[0]} to {seeds[-1]} has ended")
        return msgspec.json.decode(line, type=Done)

    def stop(self) -> None:
        """End it; a task that it has is lost."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


class Crew:
    """`jobs` processes at work at a time: with `twice` half of them make the second runs, or, with
    one job, a second process waits for the first.
    """

    def __init__(self, jobs: int, twice: bool) -> None:
        self.jobs, self.twice = jobs, twice
        self.cpu = {True: 0, False: 0}  # milliseconds of first and of second runs
        seconds = max(jobs // 2, 1) if twice else 0
        firsts = max(jobs - seconds, 1)
        self._workers = [Worker(True) for _ in range(firsts)]
        self._workers += [Worker(False) for _ in range(seconds)]
        self._idle: dict[bool, queue.Queue[Worker]] = {
            checked: queue.Queue(maxsize=len(self._workers)) for checked in (True, False)
        }
        for worker in self._workers:
            self._idle[worker.checked].put(worker)
        self._threads = ThreadPoolExecutor(jobs, "worlds")

    def __enter__(self) -> "Crew":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self._workers:
            worker.stop()
        self._threads.shutdown(cancel_futures=True)

    def run(self, seeds: Sequence[int]) -> Iterator[list[Outcome]]:
        """The outcomes, piece by piece in the order of the seeds; a digest that the second run does
        not repeat breaks rule 8. RuntimeError when a process ends by itself.
        """
        waiting: deque[tuple[Future[Done], Future[Done] | None]] = deque()
        for start in range(0, len(seeds), PIECE):
            piece = seeds[start : start + PIECE]
            first = self._threads.submit(self._run, piece, True)
            second = self._threads.submit(self._run, piece, False) if self.twice else None
            waiting.append((first, second))
            if len(waiting) > 2 * self.jobs:
                yield self._joined(*waiting.popleft())
        while waiting:
            yield self._joined(*waiting.popleft())

    def _run(self, piece: Sequence[int], checked: bool) -> Done:
        idle = self._idle[checked]
        worker = idle.get()
        try:
            return worker.run(piece)
        finally:
            idle.put(worker)

    def _joined(self, first: "Future[Done]", second: "Future[Done] | None") -> list[Outcome]:
        done = first.result()
        self.cpu[True] += done.cpu
        if second is not None:
            again = second.result()
            self.cpu[False] += again.cpu
            compare(done.outcomes, again.outcomes)
        return done.outcomes


def compare(outcomes: Sequence[Outcome], again: Sequence[Outcome]) -> None:
    """Rule 8: a world that broke no rule ends in the same digest when it is run again."""
    for one, other in zip(outcomes, again, strict=True):
        if not one.broken and (one.seed, one.digest) != (other.seed, other.digest):
            ends = other.digest or "; ".join(other.broken)
            one.broken.append(f"rule 8: the second run ends in {ends}")
