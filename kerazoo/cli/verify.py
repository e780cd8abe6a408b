"""`kerazoo verify`: what in a file could do harm."""

from __future__ import annotations

from typing import Annotated

import typer

import kerazoo
from kerazoo.cli.output import Json, not_empty, print_json


def verify(
    file: Annotated[
        str,
        typer.Argument(help="A model file, an archive, or a folder of them.", callback=not_empty),
    ],
    json: Json = False,
) -> None:
    """Say what in a model file could do harm, without loading it.

    Exit code 0: nothing dangerous was found; 1: something was; 2: the file cannot be read.

    Example: kerazoo verify flowers.keras
    """
    report = kerazoo.verify(file)
    if json:
        print_json(report.to_dict())
    else:
        typer.echo(str(report))
    if not report.is_safe:
        raise typer.Exit(1)
