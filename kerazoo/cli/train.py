"""`kerazoo train`: run a recipe."""

from __future__ import annotations

from typing import Annotated

import typer

import kerazoo
from kerazoo.cli.output import Json, Set, parse_overrides, print_json, print_values
from kerazoo.cli.startup import load_tensorflow


def train(
    name_or_config: Annotated[str, typer.Argument(help="A model's name, or a YAML file.")],
    epochs: Annotated[int | None, typer.Option(help="Instead of the recipe's.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Instead of the recipe's.")] = None,
    strategy: Annotated[str, typer.Option(help="auto, default, cpu, gpu, mirrored.")] = "auto",
    precision: Annotated[
        str, typer.Option(help="auto, float32, mixed_bfloat16, mixed_float16.")
    ] = "auto",
    output_dir: Annotated[str | None, typer.Option(help="Run folder; runs/NAME if absent.")] = None,
    resume: Annotated[bool, typer.Option(help="Continue a stopped run in the folder.")] = True,
    seed: Annotated[int | None, typer.Option(help="Instead of the recipe's.")] = None,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Train a model as its recipe says; Ctrl-C leaves a run that the same command continues.

    Example: kerazoo train mnist_cnn --epochs 3 --output-dir runs/quick --set data.augment=null
    """
    load_tensorflow()
    result = kerazoo.train(
        name_or_config,
        epochs=epochs,
        batch_size=batch_size,
        strategy=strategy,
        precision=precision,
        output_dir=output_dir,
        resume=resume,
        seed=seed,
        overrides=parse_overrides(set_ or []),
    )
    if json:
        print_json(
            {
                "metrics": result.metrics,
                "run_dir": str(result.run_dir),
                "history": result.history,
            }
        )
        return
    print_values({**result.metrics, "run folder": result.run_dir})
