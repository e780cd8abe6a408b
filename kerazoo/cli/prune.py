"""`kerazoo prune`: a model with most of its weights zero, or with channels removed, as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kerazoo.cli.fine_tuning import LearningRate, Skip, export_and_report, fine_tune
from kerazoo.cli.output import Json, Set, parse_overrides
from kerazoo.cli.startup import load_tensorflow
from kerazoo.cli.training_options import BatchSize, Epochs, Precision, Resume, Seed


def prune(
    name_or_config: Annotated[str, typer.Argument(help="A model's name, or a YAML file.")],
    path: Annotated[str, typer.Argument(help=".tflite, .onnx, .keras, or a SavedModel's folder.")],
    sparsity: Annotated[float, typer.Option(help="Fraction of zeros, or of channels gone.")] = 0.8,
    pattern: Annotated[str, typer.Option(help="unstructured, 2:4, block, channel.")] = (
        "unstructured"
    ),
    skip: Skip = None,
    learning_rate: LearningRate = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    precision: Precision = "auto",
    output_dir: Annotated[
        str | None, typer.Option(help="Run folder; runs/NAME-pruned if absent.")
    ] = None,
    resume: Resume = True,
    seed: Seed = None,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Fine-tune a model while its smallest weights become zeros, and write it as a file.

    Example: kerazoo prune mnist_cnn digits.tflite --sparsity 0.8 --epochs 4
    """
    load_tensorflow()
    result = fine_tune(
        name_or_config,
        learning_rate=learning_rate,
        overrides={
            "prune.sparsity": sparsity,
            "prune.pattern": pattern,
            "prune.skip": skip or [],
            **parse_overrides(set_ or []),
        },
        epochs=epochs,
        batch_size=batch_size,
        precision=precision,
        output_dir=output_dir or f"runs/{Path(name_or_config).stem}-pruned",
        resume=resume,
        seed=seed,
    )
    export_and_report(result.model, path, json=json)
