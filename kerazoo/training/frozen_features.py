"""Training a head while its network is frozen: on features that are computed once.

Through a frozen network an image gives the same features in every epoch. Computing them once makes
an epoch of the head a matter of milliseconds; a few distorted copies of each image stand for the
distortions that every epoch would draw anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
import numpy as np

from kerazoo.distribute import beat
from kerazoo.training.callbacks import MeasureSpeed
from kerazoo.training.labelled_data import LabelledData
from kerazoo.training.loop import Loop
from kerazoo.training.training_batches import TrainingBatches
from kerazoo.training.unfreezing import freeze

if TYPE_CHECKING:
    from kerazoo.training.checkpoint import History
    from kerazoo.training.fine_tuning import FineTuning

DISTORTED_COPIES = 2
_LARGEST = 2**30  # bytes of features; beyond that one plain copy has to do
_RATE, _BATCH = 1e-3, 128


def train_head(run: FineTuning, *, show_progress: bool) -> History:
    """Train the head of `run` to its best epoch; the network stays as it is."""
    parts, settings = run.parts, run.settings
    freeze(parts.body)
    copies = 0 if run.augment is None else DISTORTED_COPIES
    width = int(np.prod(parts.body.output.shape[1:]))
    if 4 * width * len(run.training) * (1 + copies) > _LARGEST:
        copies = 0
    training = _features(run, run.training, copies)
    validation = None if run.validation is None else _features(run, run.validation, 0)
    run.compile(parts.head, keras.optimizers.AdamW(_RATE, weight_decay=1e-2))

    def batches(data: LabelledData, weights: np.ndarray | None = None) -> TrainingBatches:
        return TrainingBatches(
            data,
            data.inputs.shape[1:],
            batch_size=_BATCH,
            shuffle=weights is not None or data is training,
            class_weights=weights,
            seed=settings.seed,
        )

    stop = keras.callbacks.EarlyStopping(
        "loss" if validation is None else "val_loss",
        patience=settings.patience,
        mode="min",
        restore_best_weights=True,
    )
    return Loop(parts.head).fit(
        batches(training, run.class_weights),
        epochs=settings.head_epochs,
        validation=None if validation is None else batches(validation),
        callbacks=[MeasureSpeed(len(training)), stop],
        progress=show_progress,
    )


def _features(run: FineTuning, data: LabelledData, distorted_copies: int) -> LabelledData:
    """What the frozen network makes of each sample, and of distorted copies of it."""
    passes = [run.batches(data).one_pass()]
    distorted = run.batches(data, distorted=True)
    passes += [distorted.epoch(number) for number in range(distorted_copies)]
    alive = keras.callbacks.LambdaCallback(on_predict_batch_end=lambda batch, logs: beat(0))
    outputs = [run.parts.body.predict(one, verbose=0, callbacks=[alive]) for one in passes]
    labels = np.tile(data.labels, len(passes))
    return LabelledData(np.concatenate(outputs).astype("float32"), labels)
