"""Who works on the chunks of a job: threads of this process, or a Dask cluster."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, Final, Protocol
from uuid import uuid4

from lcclassify import __version__
from lcclassify.checks import check_whole
from lcclassify.cores import n_cores
from lcclassify.errors import ConfigError
from lcclassify.jobs.shards import ShardRecord

_PATIENCE: Final = "10s"  # with a scheduler that does not answer


class ChunkJob(Protocol):
    """Work that falls into chunks; picklable, so that other processes can do them."""

    def process(self, index: int) -> ShardRecord:
        """Take one chunk from the survey's files to its shard."""


class Engine(Protocol):
    """Has chunks worked on.

    Attributes:
        threads: Batches that a process may score at a time, whichever chunks they are of.
    """

    threads: int

    def run(self, job: ChunkJob, indices: Sequence[int]) -> Iterator[ShardRecord]:
        """Yield the records of chunks as they are finished, in any order.

        The first error of a chunk is raised when the chunks begun have ended.
        """


class LocalEngine:
    """Threads of this process, each with a chunk of its own from file to shard.

    What is heavy (parsing, preparing, the networks, writing) runs outside of Python's
    lock, so that one thread reads while the other one classifies.

    Args:
        workers: Chunks worked on at a time, and threads for the batches of all of them: a
            chunk alone has them to itself. None for one a core.

    Raises:
        ConfigError: It is no whole number of at least 1.
    """

    def __init__(self, workers: int | None = None) -> None:
        self.workers = _workers(workers)
        self.threads = self.workers

    def run(self, job: ChunkJob, indices: Sequence[int]) -> Iterator[ShardRecord]:
        """Yield the records of chunks as they are finished."""
        waiting = iter(indices)
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="chunk")
        begun: set[Future[ShardRecord]] = set()
        try:
            while True:
                for index in waiting:
                    begun.add(pool.submit(job.process, index))
                    if len(begun) == self.workers:
                        break
                if not begun:
                    return
                finished, begun = wait(begun, return_when=FIRST_COMPLETED)
                for future in finished:
                    yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


class DaskEngine:
    """Workers of a Dask cluster; the survey's files and the output must be theirs, too.

    A chunk whose worker dies is done by another one.

    Args:
        address: Of a running scheduler; None for a cluster of processes on this machine.
        workers: Processes of the cluster on this machine; None for one a core.

    Raises:
        ConfigError: An argument is invalid, or Dask is not installed.
    """

    def __init__(self, address: str | None = None, workers: int | None = None) -> None:
        if address is not None and workers is not None:
            raise ConfigError(
                "engine.workers is for a cluster on this machine, and engine.address names one "
                "that runs already: give one of the two"
            )
        self.address = address
        self.workers = _workers(workers)
        self.threads = 1
        _distributed()

    def run(self, job: ChunkJob, indices: Sequence[int]) -> Iterator[ShardRecord]:
        """Yield the records of chunks as they are finished."""
        distributed = _distributed()
        process = _for_workers(job)
        with _quiet("distributed"), self._client(distributed) as client:
            # A scheduler may serve several jobs, and takes one key for one result.
            name = f"lcclassify-{uuid4().hex}"
            futures = [
                client.submit(process, index, key=f"{name}-{index}", pure=False)
                for index in indices
            ]
            try:
                for future in distributed.as_completed(futures):
                    try:
                        record: ShardRecord | str = future.result()
                    except distributed.scheduler.KilledWorker as fault:
                        index = future.key.rpartition("-")[2]
                        raise ConfigError(
                            f"chunk {index} ended the processes of several workers, perhaps for "
                            "want of memory: fewer workers or a smaller chunk_rows may help; the "
                            "finished chunks are kept"
                        ) from fault
                    if isinstance(record, str):
                        raise ConfigError(f"engine=dask: {record}")
                    yield record
                    future.release()
            finally:
                client.cancel([future for future in futures if not future.done()])

    @contextmanager
    def _client(self, distributed: Any) -> Iterator[Any]:
        if self.address is not None:
            try:
                client = distributed.Client(self.address, timeout=_PATIENCE)
            except (OSError, TimeoutError, ValueError) as fault:
                raise ConfigError(
                    f"engine.address='{self.address}' has no Dask scheduler that answers: {fault}"
                ) from fault
            with client:
                yield client
            return
        with (
            distributed.LocalCluster(
                n_workers=self.workers,
                threads_per_worker=1,
                dashboard_address=None,
                silence_logs=logging.CRITICAL,
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            yield client


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Keep what a package logs from the root logger, which shows a command's messages."""
    logger = logging.getLogger(name)
    before, logger.propagate = logger.propagate, False
    try:
        yield
    finally:
        logger.propagate = before


def _for_workers(job: ChunkJob) -> Callable[[int], ShardRecord | str]:
    """Return a function that works on a chunk in any process, or returns why it cannot.

    A worker that cannot unpickle what it is sent, such as a function of a package that it
    does not have, lets Dask wait for ever. This function is no attribute of a module: it
    needs no package to be unpickled, and looks for this one itself.
    """
    import cloudpickle

    version = __version__
    payload: bytes = cloudpickle.dumps(job)

    def process(index: int) -> Any:
        import pickle

        try:
            import torch

            from lcclassify import __version__ as own
        except ImportError as fault:
            return f"a worker of the Dask cluster cannot import lcclassify: {fault}"
        if own != version:
            return f"a worker of the Dask cluster has lcclassify {own}, this process {version}"
        torch.set_num_threads(1)
        return pickle.loads(payload).process(index)  # noqa: S301, made by this command

    return process


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as fault:
        raise ConfigError('engine=dask needs Dask: pip install "lcclassify[cluster]"') from fault
    return distributed


def _workers(workers: int | None) -> int:
    if workers is None:
        return n_cores()
    return check_whole("engine.workers", workers, 1)
