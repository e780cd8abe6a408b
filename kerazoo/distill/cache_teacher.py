"""Runs a frozen teacher once over the data; later epochs read its outputs from disk."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.progress import track

from kerazoo.distill._cache_files import CacheFiles, write
from kerazoo.distill._input_hash import hash_of_inputs, unpack
from kerazoo.distill._targets import flat_names, with_teacher_outputs
from kerazoo.distill._teachers import Teacher, open_teachers
from kerazoo.distribute.heartbeat import beat
from kerazoo.errors import DataError, KerazooError

if TYPE_CHECKING:
    import tensorflow as tf

_temporary: list[tempfile.TemporaryDirectory[str]] = []  # each is removed when the process ends

_WAY_OUT = (
    "Cached outputs fit the inputs that the teacher saw, batch by batch. Leave shuffling and "
    "augmentation out before cache_teacher and shuffle after it; or fix what was drawn with "
    "dataset.cache(), several passes of it with dataset.repeat(5).cache()."
)


def cache_teacher(
    teacher: Any,
    dataset: tf.data.Dataset,
    path: str | os.PathLike[str] | None = None,
    *,
    layers: Sequence[str] = (),
    progress: bool = True,
) -> tf.data.Dataset:
    """The data set with the teacher's outputs beside its labels, for `kerazoo.distill.Distiller`.

    The teacher runs once over the data. Every epoch then takes the inputs from `dataset` and the
    outputs from disk; a `Distiller` that is trained on the result does not run its teacher, and may
    have none.

    That the inputs stay the same is checked twice: here, in a second pass without the teacher, and
    in every epoch, by a hash of each batch. So augmentation and shuffling must not come before.
    Shuffle the result: `cached.shuffle(n)` for batches, `cached.unbatch().shuffle(n).batch(size)`
    for samples. To distil on augmented inputs, fix N passes of them first:
    `cache_teacher(teacher, augmented.repeat(N).cache())`.

    Args:
        teacher: as of `Distiller`: a model, the path of a .keras file, SavedModel or .tflite file,
            or a list of several. On JAX and PyTorch this is how files that only TensorFlow or
            LiteRT can run become teachers.
        dataset: finite, batched; elements x, (x, y) or (x, y, sample_weight).
        path: a folder that is created, or that holds the cache of an earlier call: then the teacher
            runs on one batch only, to see that it is still the same. None: a temporary folder,
            removed when the process ends.
        layers: layers of the (first) teacher to store as well, those that the losses name.
        progress: show a bar on stderr while the teacher runs, if that is a terminal.

    Returns: elements (x, {"labels": y, "teacher_outputs": ...}, and sample_weight where there is).

    Raises:
        kerazoo.errors.DataError: the data is infinite, empty or not batched; its second pass
            differs from its first; or `path` holds outputs of another teacher, data or layers.

    >>> import tensorflow as tf
    >>> teacher = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    >>> data = tf.data.Dataset.from_tensor_slices((np.ones((8, 4)), np.zeros(8))).batch(4)
    >>> cached = kerazoo.distill.cache_teacher(teacher, data)
    >>> x, y = next(iter(cached))
    >>> y["teacher_outputs"]["0/final_output"].shape
    TensorShape([4, 3])
    """
    _check_dataset(dataset)
    teachers = open_teachers(teacher, list(layers))
    folder = _temporary_folder() if path is None else Path(path)
    if folder.is_file():
        raise DataError(f"{str(folder)!r} is a file; a cache is a folder. Choose another path.")
    fingerprints = [one.fingerprint() for one in teachers]
    if not (folder.is_dir() and any(folder.iterdir())):
        write(folder, fingerprints, _outputs(teachers, dataset, progress))
    files = CacheFiles.open(folder)
    _check_teacher(files, folder, fingerprints, teachers, dataset)
    _check_data(files, dataset)
    return _joined(dataset, files)


def _check_dataset(dataset: tf.data.Dataset) -> None:
    import tensorflow as tf

    if not isinstance(dataset, tf.data.Dataset):
        raise DataError(
            f"`dataset` must be a tf.data.Dataset. Received: {type(dataset).__name__}. From "
            f"arrays: tf.data.Dataset.from_tensor_slices((x, y)).batch(128)."
        )
    if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise DataError(
            "`dataset` never ends. Pass one epoch: without repeat(), or with take(batches)."
        )


def _temporary_folder() -> Path:
    _temporary.append(tempfile.TemporaryDirectory(prefix="kerazoo_teacher_"))
    return Path(_temporary[-1].name) / "cache"


def _outputs(
    teachers: list[Teacher], dataset: tf.data.Dataset, progress: bool
) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """Of each batch the hash of its inputs, and all teachers' outputs."""
    length = int(dataset.cardinality())
    console = Console(stderr=True)
    for element in track(
        dataset,
        "teacher",
        total=length if length >= 0 else None,
        console=console,
        transient=True,
        disable=not (progress and console.is_terminal),
    ):
        inputs, *_ = unpack(element)
        beat(0)
        yield int(hash_of_inputs(inputs)), _run(teachers, inputs)


def _run(teachers: list[Teacher], inputs: Any) -> dict[str, np.ndarray]:
    import keras

    arrays = keras.tree.map_structure(np.asarray, inputs)
    try:
        outputs = flat_names([teacher.run(arrays) for teacher in teachers])
    except KerazooError:
        raise
    except ValueError as error:
        shapes = keras.tree.map_structure(np.shape, arrays)
        raise DataError(
            f"A teacher does not take elements of shape {shapes}. Elements are batches: "
            f"dataset.batch(128)."
        ) from error
    rows = len(keras.tree.flatten(arrays)[0])
    for name, value in outputs.items():
        if keras.tree.is_nested(value) or np.ndim(value) < 1 or len(value) != rows:
            raise DataError(
                f"A cached output must be one array with a row per sample. Received: {name!r} of "
                f"another form for {rows} samples. Cache a teacher with one output."
            )
    return {name: _storable(np.asarray(value)) for name, value in outputs.items()}


def _storable(values: np.ndarray) -> np.ndarray:
    """As float32 where NumPy's files have no such number, as for bfloat16."""
    return values.astype("float32") if values.dtype.kind == "V" else values


def _check_teacher(
    files: CacheFiles,
    folder: Path,
    fingerprints: list[str],
    teachers: list[Teacher],
    dataset: tf.data.Dataset,
) -> None:
    """Weights by their hash; what is computed with them by the first batch."""
    wanted = flat_names([teacher.shapes for teacher in teachers])
    missing = sorted(wanted.keys() - set(files.content.names))
    if missing:
        raise DataError(
            f"The cache {str(folder)!r} lacks {missing}; it holds {files.content.names}. Delete "
            f"it, or choose another path."
        )
    is_same = files.content.teachers == fingerprints
    if is_same:
        inputs, *_ = unpack(next(iter(dataset), None))
        if inputs is None or int(hash_of_inputs(inputs)) != files.hashes[0]:
            return  # other data, which is the next check
        now = _run(teachers, inputs)
        stored = dict(zip(files.content.names, files.batch(0), strict=True))
        is_same = all(_is_close(now[name], stored[name]) for name in now)
    if not is_same:
        raise DataError(
            f"The cache {str(folder)!r} holds the outputs of another teacher. Delete it, or choose "
            f"another path."
        )


def _is_close(values: np.ndarray, others: np.ndarray) -> bool:
    """Equal but for rounding, which differs from machine to machine."""
    scale = float(np.abs(others.astype("float32")).max(initial=0.0))
    return values.shape == others.shape and np.allclose(values, others, rtol=0.0, atol=0.02 * scale)


def _check_data(files: CacheFiles, dataset: tf.data.Dataset) -> None:
    """A pass over the inputs without the teacher."""
    digests = dataset.map(lambda *element: hash_of_inputs(unpack(element)[0]))
    count = 0
    for number, digest in enumerate(digests.as_numpy_iterator()):
        if number >= len(files.hashes) or digest != files.hashes[number]:
            raise DataError(f"Batch {number} holds other inputs than the teacher saw. {_WAY_OUT}")
        count = number + 1
    if count != len(files.hashes):
        raise DataError(
            f"The data ends after {count} batches; the teacher saw {len(files.hashes)}. {_WAY_OUT}"
        )


def _joined(dataset: tf.data.Dataset, files: CacheFiles) -> tf.data.Dataset:
    """Each element with its batch's outputs, once its inputs have been compared."""
    import tensorflow as tf

    dtypes = [tf.as_dtype(output.dtype) for output in files.outputs]
    hashes = tf.constant(files.hashes)

    def join(number: tf.Tensor, element: Any) -> Any:
        inputs, labels, *weight = unpack(element)
        known = number < len(files.hashes)
        expected = tf.gather(hashes, tf.where(known, number, 0))
        same = tf.logical_and(known, tf.equal(hash_of_inputs(inputs), expected))
        message = f"DataError: the inputs are not those that the teacher saw. {_WAY_OUT}"
        with tf.control_dependencies([tf.debugging.Assert(same, [message, number])]):
            number = tf.identity(number)
        values = tf.numpy_function(files.batch, [number], dtypes, stateful=False)
        outputs = {
            name: tf.ensure_shape(value, (None, *array.shape[1:]))
            for name, value, array in zip(files.content.names, values, files.outputs, strict=True)
        }
        return inputs, with_teacher_outputs(labels, outputs), *weight

    joined = dataset.enumerate().map(join, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return joined.prefetch(tf.data.AUTOTUNE)
