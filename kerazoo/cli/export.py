"""`kerazoo export`: a model as a checked file."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

import kerazoo
from kerazoo.cli.agents import is_agent
from kerazoo.cli.output import Json, print_json
from kerazoo.cli.startup import load_tensorflow


def export(
    model: Annotated[str, typer.Argument(help="A model's name, or a .keras file.")],
    path: Annotated[str, typer.Argument(help=".tflite, .onnx, .keras, or a SavedModel's folder.")],
    quantize: Annotated[
        str | None,
        typer.Option(
            help="float16, dynamic, int8, int8_io, int16x8 or none; absent: as the card says."
        ),
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Samples per run of a .tflite file.")] = 1,
    verify: Annotated[bool, typer.Option(help="Run the file and compare it.")] = True,
    json: Json = False,
) -> None:
    """Export a model, run the file, compare it with the model, and report.

    Example: kerazoo export mnist_cnn digits.tflite --quantize int8
    """
    load_tensorflow()
    if quantize is None and path.endswith(".tflite") and model in kerazoo.list_models():
        quantize = kerazoo.info(model).export["tflite"]["quantize"]
    write = kerazoo.rl.export if is_agent(model) else kerazoo.export
    report = write(
        model,
        path,
        quantize=None if quantize == "none" else quantize,
        batch=batch,
        verify=verify,
    )
    if json:
        print_json(report.to_dict())
    else:
        Console(highlight=False).print(report)
