"""Dividing data among workers: every sample in one worker's part, none in two."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from kerazoo.argument_checks import check_integer
from kerazoo.datasets.batches import Batches
from kerazoo.datasets.pipeline import part_of, with_policy
from kerazoo.errors import ConfigError, DataError

if TYPE_CHECKING:
    import tensorflow as tf


def shard(data: Batches | tf.data.Dataset, workers: int, index: int) -> Any:
    """Worker `index`'s part of batches that are the same ones in every process.

    Each worker gets as many batches as there are, and of each the part that is its own, in order:
    together they train on a single process's batches. Parts of a batch differ by one sample at
    most; a batch with fewer samples than workers leaves some an empty one. `Batches` gathers and
    distorts the part alone.

    Args:
        data: `Batches`, or a `tf.data.Dataset` of batches (tensors, or nested in tuples and dicts).
        workers: 1 or more.
        index: 0 to `workers` - 1.

    Returns: the same kind; tf.distribute does not divide it once more.

    Raises:
        ConfigError: `workers` or `index` is out of its range.
        DataError: `data` is something else, or a part already.

    >>> import kerazoo, numpy as np
    >>> batches = kerazoo.datasets.Batches(np.arange(5), np.arange(5), batch_size=5, shuffle=False)
    >>> for index in range(2):
    ...     part = kerazoo.datasets.shard(batches, workers=2, index=index)
    ...     print(next(iter(part.starting_at()))[0].numpy().tolist())
    [0, 1]
    [2, 3, 4]
    """
    import tensorflow as tf

    _check_place(workers, index)
    if isinstance(data, Batches):
        return data if workers == 1 else data.part(index, workers)
    if not isinstance(data, tf.data.Dataset):
        raise DataError(
            f"`shard` takes Batches or a tf.data.Dataset of batches, and `shard_files` files. "
            f"Received: {type(data).__name__}."
        )

    def own(*batch: Any) -> Any:
        def cut(tensor: tf.Tensor) -> tf.Tensor:
            first, stop = part_of(tf.shape(tensor)[0], index, workers)
            return tensor[first:stop]

        return tf.nest.map_structure(cut, batch if len(batch) > 1 else batch[0])

    parts = data.map(own, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return with_policy(parts, "OFF")


def shard_files(
    files: Sequence[str | os.PathLike[str]],
    read: Callable[[list[str]], tf.data.Dataset],
    workers: int,
    index: int,
) -> tf.data.Dataset:
    """Worker `index`'s samples of those in `files`.

    Where there are as many files as workers, or more, each reads files of its own; else each reads
    all of them, and keeps every `workers`-th sample. Parts may differ in length: workers that have
    to take as many steps as each other repeat theirs, and fix the steps.

    Args:
        files: paths, the same ones in the same order in every process.
        read: from paths to a dataset of samples, such as `tf.data.TFRecordDataset`.
        workers: 1 or more.
        index: 0 to `workers` - 1.

    Returns: what `read` gives; tf.distribute does not divide it once more.

    Raises:
        ConfigError: `workers` or `index` is out of its range.
        DataError: there are no files.

    >>> import kerazoo, tensorflow as tf
    >>> from pathlib import Path
    >>> for name in ("a", "b", "c"):
    ...     _ = Path(name).write_text(f"{name}1\\n{name}2\\n")
    >>> files, read = ["a", "b", "c"], tf.data.TextLineDataset
    >>> part = kerazoo.datasets.shard_files(files, read, workers=2, index=0)  # "a" and "c"
    >>> [line.decode() for line in part.as_numpy_iterator()]
    ['a1', 'a2', 'c1', 'c2']
    """
    _check_place(workers, index)
    paths = [os.fspath(file) for file in files]
    if not paths:
        raise DataError("There are no files to divide among workers.")
    if len(paths) >= workers:
        return with_policy(read(paths[index::workers]), "OFF")
    return with_policy(read(paths).shard(workers, index), "OFF")


def _check_place(workers: int, index: int) -> None:
    check_integer("workers", workers)
    check_integer("index", index, least=0)
    if index >= workers:
        raise ConfigError(f"`index` must be 0 to {workers - 1}. Received: {index}.")
