"""What `predict` is given, be it arrays, files or texts, as one batch of what a model takes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from kerazoo.errors import ConfigError, DataError

if TYPE_CHECKING:
    import keras
    import numpy as np

    from kerazoo.datasets import Dataset
    from kerazoo.tasks import Task


_NO_IMAGES = "`invert` is for image files, and none was given. Leave it out."


class Samples(NamedTuple):
    """A batch `(samples, ...)`; what to call each sample; and the image file that it was squeezed
    from, None for one that was none."""

    batch: np.ndarray
    sources: list[str]
    images: list[str | None]


def read_samples(
    inputs: np.ndarray | str | os.PathLike[str] | Sequence[Any],
    model: keras.Model,
    task: Task,
    data: Dataset | None,
    *,
    invert: bool = False,
) -> Samples:
    """All samples as one batch.

    Raises:
        DataError: there is none, one cannot be read or does not fit, or they differ in size.
        ConfigError: `invert`, and none is an image file.
    """
    import numpy as np

    shape = tuple(model.input_shape[1:])
    given = _listed(inputs, numbers_are_texts=data is not None and data.item_names is not None)
    if not given:
        raise DataError("No samples were given: pass an array, files or texts.")
    read = [_read(each, shape, task, data, invert) for each in given]
    if len({batch.shape[1:] for batch, _ in read}) > 1:
        raise DataError("The samples differ in size. Predict them one by one.")
    sources: list[str] = []
    images: list[str | None] = []
    for each, (batch, image) in zip(given, read, strict=True):
        sources += _names(each, len(batch), start=len(sources))
        images += [image] * len(batch)
    if invert and not any(images):
        raise ConfigError(_NO_IMAGES)
    batches = [batch for batch, _ in read]
    whole = batches[0] if len(batches) == 1 else np.concatenate(batches)  # which copies them
    return Samples(whole, sources, images)


def _listed(inputs: Any, *, numbers_are_texts: bool) -> list[Any]:
    """Arrays, paths and texts, one or several, as a list; a list of numbers is one array, or what
    a model that recommends takes as texts."""
    if _is_path_or_text(inputs) or _is_array(inputs):
        return [inputs]
    try:
        given = list(inputs)
    except Exception as error:  # TensorFlow has its own kinds
        raise DataError(
            f"An array, files or texts are expected, or a list of them. Received: {inputs!r:.80}."
        ) from error
    if numbers_are_texts:
        given = [str(one) if isinstance(one, int) else one for one in given]
    return given if all(_is_path_or_text(one) or _is_array(one) for one in given) else [given]


def _is_path_or_text(given: Any) -> bool:
    return isinstance(given, str | os.PathLike)


def _is_array(given: Any) -> bool:
    """NumPy's, and what it reads as such: tensors of all backends, but no single number."""
    return hasattr(given, "__array__") and getattr(given, "ndim", 0) != 0


def _names(given: Any, count: int, *, start: int) -> list[str]:
    """Samples of files and texts are named after them, others by their row in the whole batch."""
    if not _is_path_or_text(given):
        return [str(start + row) for row in range(count)]
    return [f"{given}[{row}]" for row in range(count)] if count > 1 else [str(given)]


def _read(
    given: Any, shape: tuple[int, ...], task: Task, data: Dataset | None, invert: bool
) -> tuple[np.ndarray, str | None]:
    """An array, a path or a text as a batch, and the path if it is that of an image."""
    from kerazoo.datasets.images import read_array, read_image

    if not _is_path_or_text(given):
        return _as_batch(_as_array(given), shape, "the array"), None
    if str(given).endswith(".npy"):
        return _as_batch(read_array(given), shape, str(given)), None
    if data is not None and data.parse is not None:
        return _as_batch(_parsed(str(given), task, data), shape, repr(str(given))), None
    return read_image(given, shape, invert=invert)[None], str(given)


def _as_array(given: Any) -> np.ndarray:
    import numpy as np

    try:
        return np.asarray(given)
    except Exception as error:  # lists of several lengths, symbolic tensors, other devices' memory
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{type(given).__name__} is no array of numbers: {reason}") from error


def _parsed(given: str, task: Task, data: Dataset) -> np.ndarray:
    """A text, what a .txt file says, or the path of a sound, as the dataset takes it."""
    is_file = given.endswith(".txt") and _is_of_texts(task, data) and Path(given).is_file()
    text = _read_text(given) if is_file else given
    if not text.strip():
        what = f"{given!r} has no text" if is_file else f"The text {given!r} is empty"
        raise DataError(f"{what}. Give some words.")
    return task.sample(text, data)


def _is_of_texts(task: Task, data: Dataset) -> bool:
    """Whether samples are texts, and not sounds, of which the path is given."""
    from kerazoo.tasks.speech_recognition import SpeechRecognition

    says_something = data.text is not None or data.item_names is not None
    return says_something and not isinstance(task, SpeechRecognition)


def _read_text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig").strip()
    except OSError as error:
        raise DataError(f"Cannot read {path!r}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path!r} is no text in UTF-8. Save it as such.") from error


def _as_batch(array: np.ndarray, shape: tuple[int, ...], source: str) -> np.ndarray:
    import numpy as np

    from kerazoo.datasets.arrays import is_one_of

    if array.dtype.kind not in "biuf":
        raise DataError(f"{source}: numbers are expected. Received: dtype {array.dtype}.")
    if is_one_of(array.shape, shape):
        array = array[None]
    if not is_one_of(array.shape[1:], shape) or not len(array):
        raise DataError(
            f"{source}: samples of shape {shape} are expected. Received: {array.shape}."
        )
    if not np.all(np.isfinite(array)):
        raise DataError(f"{source}: has values that are not finite.")
    return array
