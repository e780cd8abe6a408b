"""What the commands that train share: their options, and how they answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

import kerazoo
from kerazoo.cli.output import print_json, print_values

if TYPE_CHECKING:
    from kerazoo.rl import Result

NameOrConfig = Annotated[str, typer.Argument(help="A model's name, or a YAML file.")]
Epochs = Annotated[int | None, typer.Option(help="Instead of the recipe's.")]
BatchSize = Annotated[int | None, typer.Option(help="Instead of the recipe's.")]
Strategy = Annotated[
    str, typer.Option(help="auto, default, cpu, gpu, mirrored, multi_worker, tpu.")
]
Precision = Annotated[str, typer.Option(help="auto, float32, mixed_bfloat16, mixed_float16.")]
Resume = Annotated[bool, typer.Option(help="Continue a stopped run in the folder.")]
Seed = Annotated[int | None, typer.Option(help="Instead of the recipe's.")]


def print_result(
    result: kerazoo.TrainResult | Result, *, json: bool, export: kerazoo.ExportReport | None = None
) -> None:
    """The metrics and the run folder, and the report of a file made of it; `json`: history too."""
    if json:
        found = {
            "metrics": result.metrics,
            "run_dir": str(result.run_dir),
            "history": result.history,
        }
        print_json(found if export is None else {**found, "export": export.to_dict()})
        return
    print_values({**result.metrics, "run folder": result.run_dir})
    if export is not None:
        Console(highlight=False).print(export)
