"""`kerazoo fine-tune`: a pretrained network on images of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import kerazoo
from kerazoo.cli.fine_tuning import check_target
from kerazoo.cli.output import Json
from kerazoo.cli.startup import load_tensorflow
from kerazoo.cli.training_options import Precision, print_result
from kerazoo.errors import ConfigError

Backbone = Annotated[
    str, typer.Argument(help="efficientnet_lite0, MobileNetV2, a SavedModel, a .keras file ...")
]
Data = Annotated[
    str, typer.Argument(help="A folder with a folder of images for each class, or a dataset.")
]
Validation = Annotated[
    str | None, typer.Option(help="Likewise, or a share to hold out; absent: a tenth.")
]
Export = Annotated[
    str | None, typer.Option(help="Also write this .tflite, .onnx or .keras file, or folder.")
]
Quantize = Annotated[
    str | None, typer.Option(help="Of the exported file: float16, dynamic, int8, int8_io, int16x8.")
]
Epochs = Annotated[int, typer.Option(help="With the network unfrozen; 0: the head only.")]
Unfreeze = Annotated[
    list[float],
    typer.Option(help="Share of the layers in training, one for each stage; repeatable."),
]
BatchSize = Annotated[int, typer.Option(help="Images per step.")]
LearningRate = Annotated[float, typer.Option(help="Peak, at the head.")]
ClassWeights = Annotated[str | None, typer.Option(help="balanced: every class counts alike.")]
Mix = Annotated[
    str | None, typer.Option(help="mixup or cutmix: against overfitting to few images.")
]
LabelSmoothing = Annotated[
    float, typer.Option(help="Share of each label that is spread over all classes.")
]
ImageSize = Annotated[int | None, typer.Option(help="Pixels per side; absent: the network's own.")]
LoraRank = Annotated[
    int | None, typer.Option(help="Train low-rank additions to dense layers instead.")
]
OutputDir = Annotated[
    str | None, typer.Option(help="A new folder; runs/NAME-fine-tuned if absent.")
]
Seed = Annotated[int, typer.Option(help="Of all chance.")]


def fine_tune(
    backbone: Backbone,
    data: Data,
    validation: Validation = None,
    export: Export = None,
    quantize: Quantize = None,
    epochs: Epochs = 12,
    unfreeze: Unfreeze = [0.5, 1.0],  # noqa: B006  typer copies it
    batch_size: BatchSize = 32,
    learning_rate: LearningRate = 5e-4,
    class_weights: ClassWeights = None,
    mix: Mix = None,
    label_smoothing: LabelSmoothing = 0.0,
    image_size: ImageSize = None,
    lora_rank: LoraRank = None,
    precision: Precision = "auto",
    output_dir: OutputDir = None,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Train a head, then the network, on images of your own; report, and export.

    Example: kerazoo fine-tune efficientnet_lite0 photos/ --export photos.tflite --quantize int8
    """
    load_tensorflow()
    _check_export(export, quantize)
    result = kerazoo.fine_tune(
        backbone,
        data,
        _share_or_data(validation),
        epochs=epochs,
        unfreeze=unfreeze,
        batch_size=batch_size,
        learning_rate=learning_rate,
        class_weights=class_weights,
        mix=mix,
        label_smoothing=label_smoothing,
        image_size=image_size,
        lora_rank=lora_rank,
        precision=precision,
        output_dir=output_dir,
        seed=seed,
    )
    report = None if export is None else _export(result, data, export, quantize)
    print_result(result, json=json, export=report)


def _check_export(path: str | None, quantize: str | None) -> None:
    """Say before the training what would be said of the file after it."""
    if path is not None:
        check_target(path, quantize)
    elif quantize is not None:
        raise ConfigError("--quantize is of the exported file: it goes with --export.")


def _export(
    result: kerazoo.TrainResult, data: str, path: str, quantize: str | None
) -> kerazoo.ExportReport:
    """With the names of the classes, and with training images to calibrate and compare on."""
    from kerazoo.labels_file import read_labels, write_labels
    from kerazoo.training.labelled_data import typical_samples

    labels = read_labels(result.run_dir / "model.keras")
    report = kerazoo.export(
        result.model,
        path,
        quantize=quantize,
        calibration=typical_samples(data, tuple(result.model.input_shape[1:])),
        labels=labels if path.endswith(".tflite") else None,
    )
    if labels is not None and path.endswith(".keras"):
        write_labels(path, labels)
    return report


def _share_or_data(text: str | None) -> str | float | None:
    if text is None or Path(text).exists():
        return text
    try:
        return float(text)
    except ValueError:
        return text
