"""Who runs the tasks of a rating: processes of this machine, or a Ray cluster.

Both run `rate_task.rate_one` and both leave the same files; a task that dies with its process or
its node is run again or left for the next start.
"""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

from quanheng.edge.dataset_parts import PartKey
from quanheng.edge.rate_task import RateJob, rate_one

ENGINES = ("local", "ray")
RETRIES = 8
"""How often Ray runs a task again whose node died."""


class EngineError(RuntimeError):
    """An engine that cannot run here; the message says what is missing."""


def run_tasks(
    engine: str, job: RateJob, keys: Sequence[PartKey], workers: int
) -> Iterator[tuple[PartKey, int]]:
    """Run the task for every key; yields (key, quote rows) as they finish, in any order."""
    if engine not in ENGINES:
        raise EngineError(f"engine {engine!r} is not one of {', '.join(ENGINES)}")
    if engine == "ray":
        yield from _ray(job, keys)
    elif workers == 1 or len(keys) < 2:
        for key in keys:
            yield key, rate_one(job, key)
    else:
        yield from _processes(job, keys, workers or os.cpu_count() or 1)


def _processes(
    job: RateJob, keys: Sequence[PartKey], workers: int
) -> Iterator[tuple[PartKey, int]]:
    # pyarrow has threads of its own, which a forked child would not have.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(keys)), mp_context=context) as pool:
        futures = {pool.submit(rate_one, job, key): key for key in keys}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _ray(job: RateJob, keys: Sequence[PartKey]) -> Iterator[tuple[PartKey, int]]:
    try:
        import ray
    except ImportError as error:
        raise EngineError("--engine ray needs the extra quanheng[ray]") from error
    if not ray.is_initialized():
        # The cluster of RAY_ADDRESS, or one on this machine alone.
        ray.init(log_to_driver=False, include_dashboard=False)
    task: Any = ray.remote(max_retries=RETRIES)(rate_one)
    waiting = {task.remote(job, key): key for key in keys}
    while waiting:
        done, _ = ray.wait(list(waiting))
        for one in done:
            yield waiting.pop(one), ray.get(one)
