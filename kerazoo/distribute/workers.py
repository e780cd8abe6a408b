"""The processes that train together: who is first, what all agree on, and when one is gone."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from kerazoo.errors import WorkerLostError, reason_in_graph

if TYPE_CHECKING:
    import tensorflow as tf

_TEXT = 2**16  # most bytes of what the chief tells
_OF_WORKERS = re.compile("collective|coordination|heartbeat|connection", re.IGNORECASE)


class Workers:
    """The workers of a strategy, as one of them sees it; one alone under most strategies.

    All methods but `watching` communicate: every worker has to call them, in the same order.

    Attributes:
        count: how many.
        index: of this process, 0 or above; number 0 is the chief, who writes the files.
    """

    def __init__(self, strategy: tf.distribute.Strategy):
        self.strategy = strategy
        self.count, self.index = _place(strategy)

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the files."""
        return self.index == 0

    def gather(self, values: Any) -> np.ndarray:
        """Each worker's `values`, float32 `(values,)`, as `(workers, values)`."""
        import tensorflow as tf

        own = tf.convert_to_tensor(np.asarray(values, "float32"))
        if self.count == 1:
            return own.numpy()[np.newaxis]
        replicas = self._gather_replicas(own).numpy()  # several of a worker give the same
        return replicas[:: len(replicas) // self.count]

    def from_chief(self, text: str) -> str:
        """What the chief gave as `text`, on all workers; that of the others is not looked at."""
        if self.count == 1:
            return text
        message = np.zeros(_TEXT + 1, "float32")  # which holds bytes exactly
        content = text.encode()
        message[0] = len(content)
        message[1 : 1 + len(content)] = list(content)
        told = self.gather(message)[0]
        return bytes(told[1 : 1 + int(told[0])].astype("uint8")).decode()

    def meet(self) -> None:
        """Return when all workers have come here."""
        self.gather([0.0])

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Inside, a lost worker is a `WorkerLostError`."""
        import tensorflow as tf

        if self.count == 1:
            yield
            return
        try:
            yield
        except tf.errors.OpError as error:
            reason = reason_in_graph(str(error.message))
            if not _is_of_workers(error, reason):
                raise
            raise WorkerLostError(
                f"Worker {self.index} of {self.count} lost another one ({reason[:300]}). Start all "
                f"of them again: the training goes on from its last checkpoint."
            ) from error

    @functools.cached_property
    def _gather_replicas(self) -> Any:
        import tensorflow as tf

        def gather(own: tf.Tensor) -> tf.Tensor:
            return tf.distribute.get_replica_context().all_gather(own[tf.newaxis], axis=0)

        def on_all(own: tf.Tensor) -> tf.Tensor:
            gathered = self.strategy.run(gather, args=(own,))
            return self.strategy.experimental_local_results(gathered)[0]

        return tf.function(on_all, reduce_retracing=True)


def _is_of_workers(error: Any, reason: str) -> bool:
    import tensorflow as tf

    always = (
        tf.errors.UnavailableError,  # its port is closed, or the coordination service says so
        tf.errors.DeadlineExceededError,  # the chief does not answer
        tf.errors.AbortedError,
    )
    sometimes = (tf.errors.CancelledError, tf.errors.InternalError, tf.errors.UnknownError)
    return isinstance(error, always) or (
        isinstance(error, sometimes) and _OF_WORKERS.search(reason) is not None
    )


def _place(strategy: tf.distribute.Strategy) -> tuple[int, int]:
    """(number of workers, index of this one)."""
    import tensorflow as tf

    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return 1, 0
    resolver = strategy.cluster_resolver
    jobs = {job: len(tasks) for job, tasks in resolver.cluster_spec().as_dict().items()}
    chiefs, workers = jobs.get("chief", 0), jobs.get("worker", 0)
    if chiefs + workers < 2:
        return 1, 0
    before = chiefs if resolver.task_type == "worker" else 0
    return chiefs + workers, before + resolver.task_id
