"""`kerazoo export`: a model as a checked file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

import kerazoo
from kerazoo.cli.agents import is_agent, refuse
from kerazoo.cli.output import Json, print_json
from kerazoo.cli.startup import load_tensorflow
from kerazoo.datasets import imagenet
from kerazoo.errors import DataError
from kerazoo.exporters.modes import CALIBRATED_MODES
from kerazoo.zoo import open_model

if TYPE_CHECKING:
    import numpy as np

_MOST_IMAGES = 400  # 300 for the ranges, the others to compare on


def export(
    model: Annotated[str, typer.Argument(help="A model's name, or a .keras file.")],
    path: Annotated[str, typer.Argument(help=".tflite, .onnx, .keras, or a SavedModel's folder.")],
    quantize: Annotated[
        str | None,
        typer.Option(
            help="float16, dynamic, int8, int8_io, int16x8 or none; absent: as the card says."
        ),
    ] = None,
    calibration: Annotated[
        str | None,
        typer.Option(
            help="Typical inputs, a folder of images or a .npy file; absent: the model's own data."
        ),
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Samples per run of a .tflite file.")] = 1,
    verify: Annotated[bool, typer.Option(help="Run the file and compare it.")] = True,
    json: Json = False,
) -> None:
    """Export a model, run the file, compare it with the model, and report.

    Example: kerazoo export mnist_cnn digits.tflite --quantize int8
    """
    if is_agent(model):
        refuse("agents", {"--calibration": calibration})
    if quantize is None and path.endswith(".tflite") and model in kerazoo.list_models():
        quantize = kerazoo.info(model).export["tflite"]["quantize"]
    if calibration is None and quantize in CALIBRATED_MODES:
        _check_own_data(model, quantize)
    files = [] if calibration is None else _files(calibration)
    load_tensorflow()
    quantize = None if quantize == "none" else quantize
    if is_agent(model):
        report = kerazoo.rl.export(model, path, quantize=quantize, batch=batch, verify=verify)
    else:
        opened = open_model(model) if files else model
        report = kerazoo.export(
            opened,
            path,
            quantize=quantize,
            calibration=_samples(files, opened) if files else None,
            batch=batch,
            verify=verify,
        )
    if json:
        print_json(report.to_dict())
    else:
        Console(highlight=False).print(report)


def _check_own_data(model: str, quantize: str | None) -> None:
    """Said before TensorFlow is loaded and the model is built, which take half a minute."""
    dataset = imagenet.DATASET.name
    if model in kerazoo.list_models() and kerazoo.info(model).dataset == dataset:
        raise DataError(
            f"--quantize {quantize} needs typical inputs, and {dataset}, which {model!r} learned "
            f"from, cannot be read by name. Add --calibration FOLDER with a few hundred "
            f"photographs, or use --quantize float16."
        )


def _files(calibration: str) -> list[Path]:
    """The .npy file, or images evenly spread over all those in the folder."""
    from kerazoo.training.labelled_data import SUFFIXES

    given = Path(calibration)
    if given.suffix == ".npy" and given.is_file():
        return [given]
    files = sorted(file for file in given.rglob("*") if file.suffix.lower() in SUFFIXES)
    if not files:
        raise DataError(
            f"--calibration must be a folder of images ({', '.join(SUFFIXES)}) or a .npy file. "
            f"Received: {calibration!r}."
        )
    return files[:: -(-len(files) // _MOST_IMAGES)]


def _samples(files: list[Path], model: Any) -> np.ndarray:
    """As the model takes them."""
    import numpy as np

    from kerazoo.datasets.images import read_array, read_image

    if files[0].suffix == ".npy":
        return read_array(files[0])
    shape = tuple(model.input_shape[1:])
    return np.stack([read_image(file, shape) for file in files])
