"""What `kerazoo quantize`, `prune` and `cluster` share: fine-tune, export, report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

import kerazoo
from kerazoo.cli.output import not_empty, parse_overrides, print_json

Target = Annotated[
    str,
    typer.Argument(
        metavar="PATH",
        help=".tflite, .onnx, .keras, or a SavedModel's folder.",
        callback=not_empty,
    ),
]
LearningRate = Annotated[
    float | None, typer.Option(help="Peak of the fine-tuning; absent: a tenth of the recipe's.")
]
Skip = Annotated[
    list[str] | None, typer.Option(help="A layer, or a pattern of names, to leave alone.")
]


def compress_and_export(
    name_or_config: str,
    path: str,
    section: Mapping[str, Any],
    *,
    learning_rate: float | None,
    output_dir: str | None,
    suffix: str,
    set_: Sequence[str] | None,
    json: bool,
    **given: Any,
) -> None:
    """Run the recipe from the published weights, with a section that compresses; write the file.

    `section`: the recipe's fields, of which those that are None stay as they are. The run folder
    is called after the model, with `suffix`. `set_` wins over both. `given`: arguments of
    `kerazoo.train`.
    """
    check_target(path)
    fields = {field: value for field, value in section.items() if value is not None}
    result = kerazoo.train(
        name_or_config,
        output_dir=output_dir or f"runs/{Path(name_or_config).stem}-{suffix}",
        overrides={
            **_learning_rate(name_or_config, learning_rate),
            **fields,
            **parse_overrides(set_ or []),
        },
        **given,
    )
    export_and_report(result.model, path, json=json)


def check_target(path: str, quantize: str | None = None) -> None:
    """Say before the training what `export` would say of its arguments after it."""
    from kerazoo.exporters import delivery, formats

    delivery.check_arguments(Path(path), formats.format_of(path), quantize, batch=1)


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


def _learning_rate(name_or_config: str, given: float | None) -> dict[str, float]:
    """The field of the recipe's rate, and the rate to fine-tune with."""
    from kerazoo.training.recipe import resolve
    from kerazoo.zoo.config import WarmupCosine

    rate = resolve(name_or_config, {}, {}).training.optimizer.learning_rate
    field = "training.optimizer.learning_rate"
    if isinstance(rate, WarmupCosine):
        field, rate = f"{field}.peak", rate.peak
    return {field: rate / 10 if given is None else given}
