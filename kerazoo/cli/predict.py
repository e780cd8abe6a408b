"""`kerazoo predict`: what a model says to files, texts or arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import kerazoo
from kerazoo.cli.output import Json, print_json, print_table
from kerazoo.cli.startup import load_tensorflow


def predict(
    model: Annotated[str, typer.Argument(help="A model's name, a .keras or a .tflite file.")],
    files: Annotated[
        list[str], typer.Argument(help="Image, .wav or .txt files, texts, or .npy arrays.")
    ],
    top: Annotated[int, typer.Option(min=1, help="How many labels to name.")] = 3,
    invert: Annotated[bool, typer.Option(help="Exchange light and dark in images.")] = False,
    beams: Annotated[
        int, typer.Option(min=1, help="Of a translation: beginnings that are kept in the search.")
    ] = 1,
    pictures: Annotated[
        Path | None, typer.Option(help="A folder to draw the answers into.")
    ] = None,
    json: Json = False,
) -> None:
    """Predict from images (PNG, JPEG, GIF, BMP, WebP), .wav files, texts or .npy arrays.

    Example: kerazoo predict mnist_cnn digit.png --invert
    """
    load_tensorflow()
    predictions = kerazoo.predict(
        model, files, top=top, invert=invert, beams=beams, pictures=pictures
    )
    if json:
        print_json([prediction.to_dict() for prediction in predictions])
        return
    print_table([p.source, said] for p in predictions for said in _said(p))


def _said(prediction: kerazoo.Prediction) -> list[str]:
    """A line for each box, of other answers one."""
    if prediction.boxes:
        return [
            f"{box.label} {box.score:.1%} at left {box.left:.0f}, top {box.top:.0f}, "
            f"right {box.right:.0f}, bottom {box.bottom:.0f}"
            for box in prediction.boxes
        ]
    scores = [f"{label} {score:.1%}" for label, score in prediction.scores.items()]
    values = [f"{value:.6g}" for value in prediction.values]
    return [prediction.text or ", ".join(scores or values) or "(nothing)"]
