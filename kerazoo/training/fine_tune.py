"""`fine_tune`: a pretrained network on data of one's own, in one call."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

    from kerazoo.datasets import Augment
    from kerazoo.training.run import TrainResult


def fine_tune(
    model_or_name: keras.Model | str | os.PathLike[str],
    train: Any,
    validation: Any = None,
    *,
    num_classes: int | None = None,
    epochs: int = 12,
    unfreeze: float | Sequence[float] = (0.5, 1.0),
    head_epochs: int = 40,
    batch_size: int = 32,
    learning_rate: float = 5e-4,
    class_weights: str | Mapping[int, float] | None = None,
    augment: Augment | str | None = "auto",
    mix: str | None = None,
    label_smoothing: float = 0.0,
    image_size: int | None = None,
    lora_rank: int | None = None,
    patience: int = 5,
    precision: str = "auto",
    seed: int = 0,
    output_dir: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> TrainResult:
    """Teach a pretrained network new classes: first its head, then, step by step, its layers.

    1. The network is frozen, its features are computed once for every image and a few distorted
       copies of it, and a new head is trained on those, in seconds.
    2. The last half of its layers, then all of them, are trained with it, each layer at a rate of
       its own: the head's at the top, a tenth of it at the input. BatchNormalization stays frozen.

    The epoch with the least validation loss counts. The model takes images as the data has them (it
    resizes inside), or, from files, as large as the network wants them; it gives logits.

    Args:
        model_or_name: a zoo model ("efficientnet_lite0"), whatever `kerazoo.hub.backbone` takes, a
            `.keras` file, or a functional model, whose layers are then trained in place. Its last
            Dense layer makes room for the new head.
        train: a folder with a folder of images for each class; the name of a dataset, of which it
            is the training part; a pair (inputs, labels) of arrays, labels being integers from 0
            on; or a tf.data.Dataset of one pass over (input, label), which is read into memory.
        validation: likewise; a share of `train`, 0 to 0.5, to hold out; None holds out a tenth. 0
            holds out nothing, and the last epoch counts.
        num_classes: None: as many as there are folders, or as the highest label says.
        epochs: over all stages of the second part, evenly; 0 leaves the network frozen.
        unfreeze: share of the layers that are trained in each stage, rising, above 0 to 1.
        head_epochs: at most, of the first part.
        batch_size: 1 or more.
        learning_rate: peak of the second part's; in each stage it warms up and falls as a cosine.
        class_weights: "balanced", or class to weight (1 if absent) in the loss.
        augment: how images are distorted; "auto" shifts and zooms, and mirrors colour images, or
            does what the dataset's own default is; None leaves them alone.
        mix: "mixup" or "cutmix": in the second part each image is mixed with another one, and their
            labels with them (`kerazoo.training.steps.MixedSampleAugment`): against overfitting,
            where there are few images and epochs enough, 20 or so.
        label_smoothing: share of each label that is spread over all classes in the loss, 0 to
            below 1; 0.1 lets small data be trained at a higher rate.
        image_size: pixels per side that the network sees, for networks by name; None takes its own
            size, or, of smaller images in arrays, four times their side, 128 at least.
        lora_rank: in the second part, train low-rank additions to the kernels of Dense and
            EinsumDense layers instead of the layers; they are merged at the end. 1 or more.
        patience: epochs without a better validation loss after which a stage ends.
        precision: "float32", "mixed_bfloat16" or "mixed_float16" for networks by name; "auto" times
            the first two (on a GPU the last) where that pays.
        seed: 0 to 2**31 - 1.
        output_dir: a new folder for the model and its report; "runs/NAME-fine-tuned" if None, with
            a number where that exists.
        progress: show a bar and a line per epoch on stderr.

    Returns: the model (float32, compiled, ready for `kerazoo.export`), its figures on the
        validation part, the folder, and the history, in which "unfrozen" is the share of layers in
        training. The folder holds model.keras, model.labels.json, the names of the classes if they
        have some, which `predict` and `evaluate` read beside the model, report.json (precision and
        recall of each class, the confusion matrix, the worst mistakes), and pictures of these where
        matplotlib is installed.

    Raises:
        UnknownNameError: nobody knows the network.
        DataError: the data cannot be read, or does not fit.
        ConfigError: an argument is out of its range.
        RunError: the folder is not empty, or cannot be written.
        MissingDependencyError: the Keras backend is not TensorFlow.

    Source: Howard, Ruder 2018, arXiv:1801.06146, sections 3.2 and 3.3, for rates that fall towards
    the input and layers that join in from the head on. Changed: they join in by halves of the
    network, not one by one, and the head learns alone first, on features that are kept.

    >>> import kerazoo
    >>> result = kerazoo.fine_tune("efficientnet_lite0", "photos")  # doctest: +SKIP
    >>> kerazoo.export(result.model, "photos.tflite", quantize="int8")  # doctest: +SKIP
    """
    from kerazoo.training.fine_tune_settings import Settings
    from kerazoo.training.fine_tuning import FineTuning

    settings = Settings(
        num_classes=num_classes,
        epochs=epochs,
        unfreeze=unfreeze,
        head_epochs=head_epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        class_weights=class_weights,
        augment=augment,
        mix=mix,
        label_smoothing=label_smoothing,
        image_size=image_size,
        lora_rank=lora_rank,
        patience=patience,
        precision=precision,
        seed=seed,
    )
    run = FineTuning(model_or_name, train, validation, settings, output_dir)
    return run.train(show_progress=progress)
