"""What `kerazoo quantize`, `prune` and `cluster` share: fine-tune, export, report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console

import kerazoo
from kerazoo.cli.output import print_json

LearningRate = Annotated[
    float | None, typer.Option(help="Peak of the fine-tuning; absent: a tenth of the recipe's.")
]
Skip = Annotated[
    list[str] | None, typer.Option(help="A layer, or a pattern of names, to leave alone.")
]


def fine_tune(
    name_or_config: str, *, learning_rate: float | None, overrides: Mapping[str, Any], **given: Any
) -> kerazoo.TrainResult:
    """Run the recipe from the published weights, with a section that compresses.

    `given`: arguments of `kerazoo.train`; `overrides` win over the learning rate.
    """
    from kerazoo.training.recipe import resolve
    from kerazoo.zoo.config import WarmupCosine

    rate = resolve(name_or_config, {}, {}).training.optimizer.learning_rate
    field = "training.optimizer.learning_rate"
    if isinstance(rate, WarmupCosine):
        field, rate = f"{field}.peak", rate.peak
    slower = {field: rate / 10 if learning_rate is None else learning_rate}
    return kerazoo.train(name_or_config, overrides={**slower, **overrides}, **given)


def export_and_report(model: Any, path: str, *, json: bool, **arguments: Any) -> None:
    """Write the model as a file, and print the export report and what compression did."""
    report = kerazoo.export(model, path, **arguments)
    compression = kerazoo.compress.report(model)
    if json:
        print_json({"export": report.to_dict(), "compression": compression.to_dict()})
        return
    console = Console(highlight=False)
    console.print(report)
    console.print(compression)
