"""Labelled samples in one form: from arrays, a tf.data.Dataset, a dataset's name, or a folder."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerazoo import datasets
from kerazoo.datasets.images import SUFFIXES, read_image
from kerazoo.errors import DataError
from kerazoo.notices import notice

if TYPE_CHECKING:
    import tensorflow as tf


@dataclass(frozen=True)
class LabelledData:
    """Samples and their classes.

    Attributes:
        inputs: `(samples, ...)` numbers, or `(samples,)` paths of image files.
        labels: int64, `(samples,)`, from 0 on.
        class_names: in label order; None where nobody named them.
    """

    inputs: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def is_files(self) -> bool:
        """Whether the inputs are paths."""
        return self.inputs.dtype.kind == "U"

    @property
    def sample_shape(self) -> tuple[int, ...] | None:
        """Of one sample; None for files, which are squeezed to whatever is asked for."""
        return None if self.is_files else self.inputs.shape[1:]

    def part(self, numbers: np.ndarray) -> LabelledData:
        """Those samples alone."""
        return LabelledData(self.inputs[numbers], self.labels[numbers], self.class_names)

    def with_classes(self, names: Sequence[str]) -> LabelledData:
        """The same samples, their classes matched by name with `names`.

        Raises:
            DataError: one is not among them.
        """
        own = self.class_names or ()
        if strange := [name for name in own if name not in names]:
            raise DataError(
                f"The model knows no class {strange[0]!r}: its classes are {', '.join(names)}."
            )
        numbers = np.array([list(names).index(name) for name in own])
        return LabelledData(self.inputs, numbers[self.labels], tuple(names))

    def sample(self, number: int, shape: tuple[int, ...]) -> np.ndarray:
        """One sample as the model takes it."""
        return read_image(self.inputs[number], shape) if self.is_files else self.inputs[number]

    def source(self, number: int) -> str:
        """What to call a sample: its file, or its number."""
        return str(self.inputs[number]) if self.is_files else str(number)


def labelled_data(given: Any, *, name: str) -> LabelledData:
    """`given` in this form; `name` is the argument's, for errors.

    Raises:
        DataError: it is in none of the forms, or its labels are no classes.
    """
    if isinstance(given, LabelledData):
        return given
    if isinstance(given, str | os.PathLike):
        if is_dataset(given):
            inputs, labels = datasets.load_numpy(os.fspath(given))
            return _checked(inputs, labels, name, datasets.info(os.fspath(given)).class_names)
        return _from_folder(Path(given), name)
    if isinstance(given, tuple | list) and len(given) == 2:
        return _checked(np.asarray(given[0]), np.asarray(given[1]), name)
    if hasattr(given, "element_spec"):
        return _from_dataset(given, name)
    raise DataError(
        f"`{name}` must be a folder with a folder of images for each class, a dataset's name, a "
        f"pair (inputs, labels), or a tf.data.Dataset. Received: {type(given).__name__}."
    )


def is_dataset(given: Any) -> bool:
    """Whether `given` is a dataset's name, and no folder called like one."""
    if not isinstance(given, str | os.PathLike) or Path(given).is_dir():
        return False
    return os.fspath(given) in datasets.list_datasets()


def split(data: LabelledData, fraction: float, seed: int) -> tuple[LabelledData, LabelledData]:
    """The rest, and `fraction` of every class, at least one sample of it, drawn by chance."""
    rng = np.random.default_rng(seed)
    held_out = []
    for label in range(int(data.labels.max()) + 1):
        members = rng.permutation(np.flatnonzero(data.labels == label))
        count = max(1, round(len(members) * fraction)) if len(members) > 1 else 0
        held_out.append(members[:count])
    chosen = np.sort(np.concatenate(held_out))
    if not len(chosen):
        raise DataError(
            "No class has two samples, so none can be held out for validation. Add samples, or "
            "pass validation=0, which holds out nothing."
        )
    return data.part(np.setdiff1d(np.arange(len(data)), chosen)), data.part(chosen)


def typical_samples(given: Any, shape: tuple[int, ...], count: int = 200) -> np.ndarray:
    """Up to `count` of the samples, of all classes, as a model takes them: for calibration."""
    data = labelled_data(given, name="data")
    chosen = np.random.default_rng(0).permutation(len(data))[:count]
    return np.stack([data.sample(int(number), shape) for number in chosen])


def _from_folder(folder: Path, name: str) -> LabelledData:
    if not folder.is_dir():
        raise DataError(
            f"`{name}`: {str(folder)!r} is no folder, and no dataset of that name exists "
            f"({', '.join(datasets.list_datasets())})."
        )
    classes = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    files = [sorted(p for p in c.rglob("*") if p.suffix.lower() in SUFFIXES) for c in classes]
    _say_what_is_left_out(folder, classes)
    empty = [c.name for c, found in zip(classes, files, strict=True) if not found]
    if len(classes) < 2 or empty:
        wrong = f"{empty[0]!r} has no images" if empty else f"it has {len(classes)}"
        raise DataError(
            f"{str(folder)!r} must hold a folder of images ({', '.join(SUFFIXES)}) for each of two "
            f"or more classes; {wrong}."
        )
    paths = np.array([str(path) for found in files for path in found])
    labels = np.repeat(np.arange(len(classes)), [len(found) for found in files])
    return LabelledData(paths, labels, tuple(c.name for c in classes))


def _say_what_is_left_out(folder: Path, classes: list[Path]) -> None:
    """Files that are no images by their names; hidden ones are nobody's data."""
    kinds = Counter(
        path.suffix.lower() or "without a suffix"
        for of_class in classes
        for path in of_class.rglob("*")
        if path.suffix.lower() not in SUFFIXES and path.name[0] != "." and path.is_file()
    )
    if kinds:
        counts = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        notice(
            f"{str(folder)!r}: {kinds.total()} files are left out: {counts}. What is read: "
            f"{', '.join(SUFFIXES)}."
        )


def _from_dataset(dataset: tf.data.Dataset, name: str) -> LabelledData:
    """Read once, into memory: the features of a frozen network, the classes and the worst mistakes
    all need the samples again, in the same order."""
    import tensorflow as tf

    spec = dataset.element_spec
    if not isinstance(spec, tuple) or len(spec) != 2:
        raise DataError(f"`{name}` must give pairs (input, label). It gives: {spec}.")
    if int(dataset.cardinality()) == tf.data.INFINITE_CARDINALITY:
        raise DataError(f"`{name}` has no end. Give one pass over the data, without repeat().")
    if spec[1].shape.rank == 0:
        dataset = dataset.batch(256)
    batches = list(dataset.as_numpy_iterator())
    if not batches:
        raise DataError(f"`{name}` is empty.")
    inputs, labels = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    return _checked(inputs, labels, name)


def _checked(
    inputs: np.ndarray, labels: np.ndarray, name: str, names: tuple[str, ...] | None = None
) -> LabelledData:
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or not len(labels):
        raise DataError(
            f"`{name}`: labels must be class numbers, integers of shape (samples,). Received: "
            f"{labels.dtype} of shape {labels.shape}."
        )
    if len(inputs) != len(labels) or inputs.dtype.kind not in "biuf":
        raise DataError(
            f"`{name}`: as many numeric inputs as labels are expected. Received: {inputs.dtype} of "
            f"shape {inputs.shape} and {len(labels)} labels."
        )
    if labels.min() < 0 or (inputs.dtype.kind == "f" and not np.isfinite(inputs).all()):
        raise DataError(f"`{name}`: negative labels, or inputs that are not finite.")
    return LabelledData(inputs, labels.astype(np.int64), names)
