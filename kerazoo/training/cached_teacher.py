"""The teacher of a recipe that runs once, before the training: its outputs join the labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

from kerazoo.datasets import Batches
from kerazoo.datasets.arrays import Arrays
from kerazoo.distill import Distiller, cache_teacher
from kerazoo.notices import notice

_BATCH_SIZE = 256


def targets_with_teacher_outputs(
    distiller: Distiller, inputs: Arrays, targets: Arrays, folder: Path, *, progress: bool = False
) -> Arrays:
    """Targets that `distiller` trains on without running its teacher.

    Args:
        folder: keeps the outputs, so that a resumed run goes on with the very same ones.
        progress: show a bar while the teacher runs.

    Raises:
        DataError: the folder holds the outputs of another teacher, or for other inputs.
    """
    batches = Batches(inputs, targets, batch_size=_BATCH_SIZE, shuffle=False)
    if not folder.exists():
        notice(
            f"The teacher runs once, over {batches.samples:,} samples; then the training begins."
        )
    in_order = batches.starting_at().take(len(batches))
    in_order = in_order.apply(tf.data.experimental.assert_cardinality(len(batches)))
    cached = cache_teacher(
        distiller.teacher,
        in_order,
        folder,
        layers=distiller.teacher_layers,
        progress=progress,
    )
    with_outputs = [both for _, both in cached.as_numpy_iterator()]
    return tf.nest.map_structure(lambda *rows: np.concatenate(rows), *with_outputs)
