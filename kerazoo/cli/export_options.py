"""What `kerazoo export` and `benchmark` share: the modes by name, and typical inputs from files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import kerazoo
from kerazoo.datasets import imagenet
from kerazoo.errors import DataError, unknown_name
from kerazoo.exporters.modes import CALIBRATED_MODES, CARRIED_MODES, QUANTIZE_MODES

if TYPE_CHECKING:
    import numpy as np

MODES = [*QUANTIZE_MODES, "none"]
_MOST_IMAGES = 400  # 300 for the ranges, the others to compare on

Calibration = Annotated[
    str | None,
    typer.Option(
        help="Typical inputs, a folder of images or a .npy file; absent: the model's own data."
    ),
]


def check_mode(mode: str) -> None:
    """Raise `UnknownNameError`, with the modes of `--help`, unless it is one, or one that only a
    model carries."""
    if mode not in MODES and mode not in CARRIED_MODES:
        raise unknown_name("quantize mode", mode, MODES)


def check_own_data(model: str, mode: str | None) -> None:
    """Said before TensorFlow is loaded and the model is built, which take half a minute.

    Raises:
        DataError: the mode needs typical inputs, and the model's own cannot be read.
    """
    dataset, names = imagenet.DATASET.name, kerazoo.list_models()
    if mode in CALIBRATED_MODES and model in names and kerazoo.info(model).dataset == dataset:
        raise DataError(
            f"--quantize {mode} needs typical inputs, and {dataset}, which {model!r} learned "
            f"from, cannot be read by name. Add --calibration FOLDER with a few hundred "
            f"photographs, or use --quantize float16."
        )


def find_files(calibration: str | None) -> list[Path]:
    """The .npy file, or images evenly spread over all those in the folder; none if it is None."""
    if calibration is None:
        return []
    from kerazoo.datasets.images import SUFFIXES

    given = Path(calibration)
    if given.suffix == ".npy" and given.is_file():
        return [given]
    files = sorted(file for file in given.rglob("*") if file.suffix.lower() in SUFFIXES)
    if not files:
        raise DataError(
            f"--calibration must be a folder of images ({', '.join(SUFFIXES)}) or a .npy file. "
            f"Received: {calibration!r}."
        )
    count = min(len(files), _MOST_IMAGES)
    return [files[number * len(files) // count] for number in range(count)]


def read_samples(files: list[Path], model: Any) -> np.ndarray | None:
    """As the model takes them; None where there are no files."""
    import numpy as np

    from kerazoo.datasets.images import read_array, read_image

    if not files:
        return None
    if files[0].suffix == ".npy":
        return read_array(files[0])
    shape = tuple(model.input_shape[1:])
    images = np.stack([read_image(file, shape) for file in files])
    dtype = model.inputs[0].dtype
    return np.rint(images).astype(dtype) if "int" in dtype else images
