"""`kerazoo cluster`: a model with few distinct weights, as a file."""

from __future__ import annotations

from typing import Annotated

import typer

from kerazoo.cli.fine_tuning import LearningRate, Skip, Target, compress_and_export
from kerazoo.cli.output import Json, Set
from kerazoo.cli.startup import load_tensorflow
from kerazoo.cli.training_options import BatchSize, Epochs, NameOrConfig, Precision, Resume, Seed


def cluster(
    name_or_config: NameOrConfig,
    path: Target,
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
    """Fine-tune with few distinct weights; write a file.

    Example: kerazoo cluster mnist_cnn digits.tflite --clusters 16 --epochs 2
    """
    load_tensorflow()
    compress_and_export(
        name_or_config,
        path,
        {"cluster.clusters": clusters, "cluster.init": init, "cluster.skip": skip},
        learning_rate=learning_rate,
        output_dir=output_dir,
        suffix="clustered",
        set_=set_,
        json=json,
        epochs=epochs,
        batch_size=batch_size,
        precision=precision,
        resume=resume,
        seed=seed,
    )
