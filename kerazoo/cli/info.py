"""`kerazoo info`: a model's card."""

from __future__ import annotations

from typing import Annotated

import typer

import kerazoo
from kerazoo.cli.output import Json, print_json, print_table, print_values
from kerazoo.zoo import card_words


def info(
    name: Annotated[str, typer.Argument(help="A model of `kerazoo list`.")], json: Json = False
) -> None:
    """Show a model's card: data, figures, licence, limits.

    Example: kerazoo info mnist_cnn
    """
    card = kerazoo.info(name)
    if json:
        print_json(card.to_dict())
        return
    print_values({"name": card.name, "summary": card.summary, **card_words.facts(card)})
    _print_part("figures", card_words.measured(card))
    files = card_words.files(card)
    if files:
        typer.echo("\nfiles")
        print_table(files[1:], columns=files[0])
    typer.echo("\nuse")
    for command in card_words.use(card):
        typer.echo(command)
    _print_part("how the weights were made", card_words.made(card))
    rest = {
        "limits": card.limits.strip(),
        "references": "; ".join(card.references),
        "picture": card.picture,
    }
    _print_part("also", {key: text for key, text in rest.items() if text})


def _print_part(title: str, rows: dict[str, str]) -> None:
    if rows:
        typer.echo(f"\n{title}")
        print_values(rows)
