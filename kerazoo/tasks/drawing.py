"""Pictures of answers, one PNG for each sample; they need matplotlib (extra "plot")."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo import atomic
from kerazoo.errors import MissingDependencyError

if TYPE_CHECKING:
    import keras
    import numpy as np

    from kerazoo.datasets import Dataset
    from kerazoo.tasks.task import Task


def save_pictures(
    task: Task,
    samples: Iterable[np.ndarray],
    outputs: Iterable[np.ndarray],
    sources: Sequence[str],
    data: Dataset | None,
    folder: str | os.PathLike[str],
    model: keras.Model | None = None,
) -> list[Path]:
    """Draw each sample with the answer of `model`, the deployed one, into `folder`, named after its
    source.

    Of a segmented image the class number of each pixel is saved as well, at the sample's size, as a
    grey PNG of the same name in the folder `masks` there.

    Args:
        task: of the model, from `find_task`.
        samples: arrays as the model takes them, without batch: images `(height, width, channels)`,
            0..255; curves `(steps,)` or `(steps, 1)`. Of a task that says where things are, images
            of any size.
        outputs: as many answers of the deployed model, without batch, about images of those sizes.
        sources: as many names, of files or texts, for the pictures' names.
        data: the model's dataset, for names of classes; None where it has none.
        folder: is made if it is not there.
        model: None leaves out what only it could show, such as attention.

    Returns: the paths of the drawn pictures.

    Raises:
        MissingDependencyError: matplotlib is not installed.
        DataError: samples of this kind have no picture.
        RunError: the folder cannot be written.

    >>> import kerazoo, numpy as np
    >>> images, labels = kerazoo.datasets.load_numpy("digits", "test")
    >>> data, task = kerazoo.datasets.info("digits"), kerazoo.tasks.Task()
    >>> answers = np.eye(10)[labels[:2]]  # in place of a model's
    >>> paths = kerazoo.tasks.save_pictures(
    ...     task, images[:2], answers, ["one.png", "two.png"], data, "pictures"
    ... )
    >>> [path.name for path in paths]
    ['0_one.png', '1_two.png']
    """
    figure, axes = _figure()
    paths = []
    for number, (sample, output, source) in enumerate(zip(samples, outputs, sources, strict=True)):
        axes.clear()
        if model is None:
            task.draw(axes, sample, output, data)
        else:
            task.draw_inside(axes, sample, output, data, model)
        path = Path(folder) / f"{number}_{_stem(source)}.png"
        with atomic.replacing(path) as temporary:
            figure.savefig(temporary, format="png", bbox_inches="tight")
        paths.append(path)
        mask = task.mask(sample, output)
        if mask is not None:
            _save_grey(path.parent / "masks" / path.name, mask)
    return paths


def _save_grey(path: Path, pixels: np.ndarray) -> None:
    """Pixels of uint8 or uint16, `(height, width)`, as a PNG that gives back the same numbers."""
    import tensorflow as tf

    atomic.write_bytes(path, tf.io.encode_png(pixels[..., None]).numpy())


def _figure() -> tuple[Any, Any]:
    try:
        from matplotlib.figure import Figure  # not pyplot: no window, no state that others see
    except ImportError as error:
        raise MissingDependencyError(
            "Pictures need matplotlib: pip install 'kerazoo[plot]'."
        ) from error
    figure = Figure(figsize=(6, 4.5), dpi=120)
    return figure, figure.add_subplot()


def _stem(source: str) -> str:
    """A file's name without its ending, a text's first words, without what paths cannot have."""
    stem = Path(source).stem if re.search(r"\.\w{2,5}$", source) else source
    return re.sub(r"[^A-Za-z0-9]+", "_", stem)[:40].strip("_") or "sample"
