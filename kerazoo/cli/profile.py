"""`kerazoo profile`: parameters, FLOPs and activation memory of a model, layer by layer."""

from __future__ import annotations

from typing import Annotated

import typer

import kerazoo
from kerazoo.cli.output import Json, print_json
from kerazoo.cli.startup import load_tensorflow


def profile(
    model: Annotated[str, typer.Argument(help="A model's name or a .keras file.")],
    batch_size: Annotated[int, typer.Option(min=1, help="Samples at once.")] = 1,
    json: Json = False,
) -> None:
    """Show parameters, FLOPs and activation memory of each layer.

    Example: kerazoo profile mnist_cnn --batch-size 32
    """
    load_tensorflow()
    found = kerazoo.inspect.profile(kerazoo.zoo.open_model(model), batch_size)
    if json:
        print_json(found.to_dict())
    else:
        typer.echo(str(found))
