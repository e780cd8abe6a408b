"""`kerazoo export`: a model as a checked file."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

import kerazoo
from kerazoo.cli.agents import find_agent, refuse
from kerazoo.cli.export_options import (
    Calibration,
    check_mode,
    check_own_data,
    find_files,
    read_samples,
)
from kerazoo.cli.output import Json, not_empty, print_json
from kerazoo.cli.startup import load_tensorflow
from kerazoo.labels_file import labels_beside


def export(
    model: Annotated[
        str, typer.Argument(help="A model's name, a .keras file, or an agent's run folder.")
    ],
    path: Annotated[
        str,
        typer.Argument(
            help=".tflite, .onnx, .keras, or a SavedModel's folder.", callback=not_empty
        ),
    ],
    quantize: Annotated[
        str | None,
        typer.Option(
            help="float16, dynamic, int8, int8_io, int16x8 or none; absent: as the card says."
        ),
    ] = None,
    calibration: Calibration = None,
    batch: Annotated[int, typer.Option(min=1, help="Samples per run of a .tflite file.")] = 1,
    verify: Annotated[bool, typer.Option(help="Run the file and compare it.")] = True,
    json: Json = False,
) -> None:
    """Export a model, run the file, and compare it with the model.

    Example: kerazoo export mnist_cnn digits.tflite --quantize int8
    """
    agent = find_agent(model)
    if agent is not None:
        refuse("agents", {"--calibration": calibration})
    if quantize is None and path.endswith(".tflite"):
        if agent is not None:
            quantize = agent.export.tflite.quantize
        elif model in kerazoo.list_models():
            quantize = kerazoo.info(model).export["tflite"]["quantize"]
    if quantize is not None:
        check_mode(quantize)
    if calibration is None:
        check_own_data(model, quantize)
    from kerazoo.zoo import open_model

    files = find_files(calibration)
    load_tensorflow()
    quantize = None if quantize == "none" else quantize
    if agent is not None:
        report = kerazoo.rl.export(model, path, quantize=quantize, batch=batch, verify=verify)
    else:
        opened = open_model(model) if files else model
        report = kerazoo.export(
            opened,
            path,
            quantize=quantize,
            calibration=read_samples(files, opened),
            batch=batch,
            labels=_labels(model, path) if files else None,
            verify=verify,
        )
    if json:
        print_json(report.to_dict())
    else:
        Console(highlight=False).print(report)


def _labels(model: str, path: str) -> list[str] | None:
    """What `kerazoo.export` finds beside a file, where it is given the model in it."""
    return labels_beside(model) if path.endswith(".tflite") else None
