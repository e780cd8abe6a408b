"""`kerazoo evaluate`: a model's metrics on a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import kerazoo
from kerazoo.cli.agents import is_agent, refuse
from kerazoo.cli.output import Json, print_json, print_values
from kerazoo.cli.readable import check_readable
from kerazoo.cli.startup import load_tensorflow


def evaluate(
    model: Annotated[
        str,
        typer.Argument(help="A model's name, a .keras or .tflite file, or an agent's run folder."),
    ],
    dataset: Annotated[
        str | None,
        typer.Option(help="Instead of the model's own; or a folder of images for each class."),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Of the dataset; its test split if absent.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Changes the speed only.")] = None,
    episodes: Annotated[int | None, typer.Option(help="Of an agent; 100 if absent.")] = None,
    json: Json = False,
) -> None:
    """Evaluate a model on a dataset, or an agent in its environment.

    Example: kerazoo evaluate mnist_cnn
    """
    if dataset is not None or model in kerazoo.list_models():
        check_readable(dataset or kerazoo.info(model).dataset, split or "test")
    load_tensorflow()
    if is_agent(model):
        refuse("agents", {"--dataset": dataset, "--split": split, "--batch-size": batch_size})
        metrics = kerazoo.rl.evaluate(model, episodes=100 if episodes is None else episodes)
    else:
        refuse("models that learn from data", {"--episodes": episodes})
        known = kerazoo.datasets.list_datasets()
        if dataset is not None and dataset not in known and Path(dataset).is_dir():
            refuse("a folder of images", {"--split": split})
        metrics = kerazoo.evaluate(model, dataset, split=split or "test", batch_size=batch_size)
    if json:
        print_json(metrics)
    else:
        print_values(metrics)
