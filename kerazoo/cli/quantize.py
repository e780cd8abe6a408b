"""`kerazoo quantize`: a model trained, or only calibrated, as an integer file."""

from __future__ import annotations

from typing import Annotated

import typer

import kerazoo
from kerazoo.cli.fine_tuning import (
    LearningRate,
    Skip,
    compress_and_export,
    export_and_report,
)
from kerazoo.cli.output import Json, Set
from kerazoo.cli.startup import load_tensorflow
from kerazoo.cli.training_options import BatchSize, Epochs, NameOrConfig, Precision, Resume, Seed
from kerazoo.datasets import arrays
from kerazoo.errors import ConfigError
from kerazoo.zoo.catalogue import find_config

Scheme = Annotated[str, typer.Option(help="int8, int8_weights, int16x8, int4_weights.")]
PostTraining = Annotated[
    bool, typer.Option("--post-training", help="Only calibrate ranges; train nothing.")
]
MaxAccuracyDrop = Annotated[
    float | None,
    typer.Option(help="With --post-training: leave layers in float to keep it; 0.005 is 0.5 %."),
]


def quantize(
    name_or_config: NameOrConfig,
    path: Annotated[str, typer.Argument(help="The .tflite file.")],
    scheme: Scheme = "int8",
    post_training: PostTraining = False,
    max_accuracy_drop: MaxAccuracyDrop = None,
    skip: Skip = None,
    learning_rate: LearningRate = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    precision: Precision = "auto",
    output_dir: Annotated[
        str | None, typer.Option(help="Run folder; runs/NAME-SCHEME if absent.")
    ] = None,
    resume: Resume = True,
    seed: Seed = None,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Fine-tune with the rounding of an integer file; write it.

    Example: kerazoo quantize mnist_cnn digits.tflite --scheme int8 --epochs 2
    """
    load_tensorflow()
    if not path.endswith(".tflite"):
        raise ConfigError(f"Integers are for files that end in .tflite. Received: {path!r}.")
    if post_training:
        given = (epochs, batch_size, learning_rate, output_dir, seed, set_)
        _refuse_training(*given, precision=precision, resume=resume)
        _post_training(name_or_config, path, scheme, skip or [], max_accuracy_drop, json=json)
        return
    if max_accuracy_drop is not None:
        raise ConfigError("--max-accuracy-drop goes with --post-training only.")
    compress_and_export(
        name_or_config,
        path,
        {"quantize.scheme": scheme, "quantize.skip": skip},
        learning_rate=learning_rate,
        output_dir=output_dir,
        suffix=scheme,
        set_=set_,
        json=json,
        epochs=epochs,
        batch_size=batch_size,
        precision=precision,
        resume=resume,
        seed=seed,
    )


def _refuse_training(*given: object, precision: str, resume: bool) -> None:
    """Raise `ConfigError` if one of the options was given that say how to train."""
    if any(option is not None for option in given) or precision != "auto" or not resume:
        raise ConfigError(
            "--post-training trains nothing: leave out --epochs, --batch-size, "
            "--learning-rate, --output-dir, --seed, --set, --precision and --no-resume."
        )


def _post_training(
    name: str, path: str, scheme: str, skip: list[str], limit: float | None, *, json: bool
) -> None:
    if name.endswith((".yaml", ".yml", ".keras")):
        raise ConfigError(
            f"--post-training takes published weights, which a model of the zoo has: give its "
            f"name. A .keras file goes with `kerazoo export FILE PATH --quantize int8 "
            f"--calibration FOLDER`. Received: {name!r}."
        )
    config, model = find_config(name), kerazoo.get(name)
    if limit is not None:
        if skip:
            raise ConfigError(
                "--skip and --max-accuracy-drop both choose what stays in float: give one of them."
            )
        export_and_report(model, path, json=json, quantize=scheme, max_accuracy_drop=limit)
        return
    inputs, _ = kerazoo.datasets.load_numpy(config.data.dataset, "train")
    quantized = kerazoo.compress.quantize_aware(model, scheme=scheme, skip=skip)
    if scheme != "int8_weights":  # which has no ranges
        spread = slice(None, None, max(arrays.count(inputs) // 512, 1))
        kerazoo.compress.calibrate(quantized, arrays.rows(inputs, spread))
    export_and_report(quantized, path, json=json)
