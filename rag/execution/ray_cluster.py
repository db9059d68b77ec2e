"""Ray: work on the processes of many machines, which Ray schedules and does again when a worker dies.

https://docs.ray.io/en/latest/ray-core/fault-tolerance.html
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from ..children import THREADS
from ..errors import ExtraMissing, InvalidInput, WorkerLost, on_one_line
from .processes import ATTEMPTS

T = TypeVar("T")


class RayCluster:
    """Does work as tasks of Ray.

    Files and models have to be at the same paths on every machine, with the same version of this toolkit.

    Parameters
    ----------
    address
        Of a cluster that runs: ``auto`` for the one that this machine belongs to, or as ``ray.init`` takes it. None
        starts one on this machine alone, which ends with `close`.
    workers
        Processors that it may use, if it is started here; all by default.

    Raises
    ------
    ExtraMissing
        Ray is not installed.
    InvalidInput
        No cluster answers at the address.
    """

    apart = True

    def __init__(self, address: str | None = None, *, workers: int | None = None) -> None:
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # it would report to its makers
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # as it will be; else it warns at every start
        try:
            import ray
        except ImportError as error:
            raise ExtraMissing("an executor of Ray needs ray: pip install 'rag-workbench[ray]'") from error
        self._ray = ray
        options: dict[str, Any] = {"address": address} if address else {"address": "local", "num_cpus": workers}
        try:
            ray.init(**options, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        except ConnectionError as error:
            raise InvalidInput(f"no Ray cluster at {address!r}: {error}") from error
        self.workers = max(1, int(ray.cluster_resources().get("CPU", 1)))
        self._task = ray.remote(num_cpus=1, max_retries=ATTEMPTS - 1)(_run)

    def submit(self, work: Callable[..., T], /, *arguments: Any) -> Future[T]:  # noqa: ANN401 - those of the work
        """See `Executor.submit`. A batch that takes down one worker after the other is given up, with `WorkerLost`."""
        task = self._task.remote(work, arguments).future()
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        task.add_done_callback(lambda done: self._pass_on(done, future))
        return future

    def _pass_on(self, done: Future[T], future: Future[T]) -> None:
        error = done.exception()
        if error is None:
            future.set_result(done.result())
        elif isinstance(error, self._ray.exceptions.RayTaskError):
            future.set_exception(error.cause)
        else:
            future.set_exception(WorkerLost(f"a batch took down {ATTEMPTS} workers of Ray: {on_one_line(str(error))}"))

    def close(self) -> None:
        """Leave the cluster, and end one that was started here."""
        self._ray.shutdown()


def _run(work: Callable[..., T], arguments: tuple[Any, ...]) -> T:
    """Do one batch, with one thread: Ray counts a processor for each task."""
    os.environ.setdefault(THREADS, "1")
    return work(*arguments)
