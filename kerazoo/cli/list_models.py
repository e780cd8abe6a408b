"""`kerazoo list`: the models of the zoo."""

from __future__ import annotations

from typing import Annotated

import typer

import kerazoo
from kerazoo.cli.output import Json, print_json, print_table
from kerazoo.notices import notice


def list_models(
    pattern: Annotated[str, typer.Argument(help="Shell wildcards, such as 'mnist_*'.")] = "*",
    task: Annotated[str | None, typer.Option(help="Only models of this task.")] = None,
    pretrained: Annotated[
        bool | None, typer.Option(help="Only models with (or without) published weights.")
    ] = None,
    json: Json = False,
) -> None:
    """List the models of the zoo.

    Example: kerazoo list "mnist_*" --pretrained
    """
    cards = [
        kerazoo.info(name)
        for name in kerazoo.list_models(pattern, task=task, pretrained=pretrained)
    ]
    if json:
        print_json([card.to_dict() for card in cards])
        return
    if not cards:
        wider = (f"{pattern}*", f"*{pattern}*")
        found = [w for w in wider if kerazoo.list_models(w, task=task, pretrained=pretrained)]
        hint = f" Try {found[0]!r}." if found else ""
        filtered = "" if task is None and pretrained is None else " and the options"
        notice(f"No model matches {pattern!r}{filtered}.{hint}")
        return
    print_table(
        [(c.name, c.task, "yes" if c.pretrained else "no", c.summary) for c in cards],
        columns=["name", "task", "weights", "summary"],
    )
