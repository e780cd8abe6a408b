"""`kerazoo cluster`: a model with few distinct weights, as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kerazoo.cli.fine_tuning import LearningRate, Skip, export_and_report, fine_tune
from kerazoo.cli.output import Json, Set, parse_overrides
from kerazoo.cli.startup import load_tensorflow
from kerazoo.cli.training_options import BatchSize, Epochs, Precision, Resume, Seed


def cluster(
    name_or_config: Annotated[str, typer.Argument(help="A model's name, or a YAML file.")],
    path: Annotated[str, typer.Argument(help=".tflite, .onnx, .keras, or a SavedModel's folder.")],
    clusters: Annotated[int, typer.Option(help="Distinct values in each kernel.")] = 16,
    init: Annotated[str, typer.Option(help="kmeans++, linear, density, random.")] = "kmeans++",
    skip: Skip = None,
    learning_rate: LearningRate = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    precision: Precision = "auto",
    output_dir: Annotated[
        str | None, typer.Option(help="Run folder; runs/NAME-clustered if absent.")
    ] = None,
    resume: Resume = True,
    seed: Seed = None,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Fine-tune a model whose kernels hold few distinct values, and write it as a file.

    Example: kerazoo cluster mnist_cnn digits.tflite --clusters 16 --epochs 2
    """
    load_tensorflow()
    result = fine_tune(
        name_or_config,
        learning_rate=learning_rate,
        overrides={
            "cluster.clusters": clusters,
            "cluster.init": init,
            "cluster.skip": skip or [],
            **parse_overrides(set_ or []),
        },
        epochs=epochs,
        batch_size=batch_size,
        precision=precision,
        output_dir=output_dir or f"runs/{Path(name_or_config).stem}-clustered",
        resume=resume,
        seed=seed,
    )
    export_and_report(result.model, path, json=json)
