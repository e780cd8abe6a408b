"""`kerazoo info`: a model's card."""

from __future__ import annotations

from typing import Annotated

import typer

import kerazoo
from kerazoo.cli.output import Json, print_json, print_values


def info(
    name: Annotated[str, typer.Argument(help="A model of `kerazoo list`.")], json: Json = False
) -> None:
    """Show a model's card: task, data, measured figures, licence, limits.

    Example: kerazoo info mnist_cnn
    """
    card = kerazoo.info(name).to_dict()
    if json:
        print_json(card)
        return
    print_values(
        {
            key.replace("_", " "): _in_words(value)
            for key, value in card.items()
            if value not in (None, "", [], {})
        }
    )


def _in_words(value: object) -> object:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_in_words(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else value
