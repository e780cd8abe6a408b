"""`kerazoo predict`: what a model says to files, texts or arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import kerazoo
from kerazoo.cli.output import Json, print_json, print_table
from kerazoo.cli.startup import load_tensorflow


def predict(
    model: Annotated[str, typer.Argument(help="A model's name, or a .keras file.")],
    files: Annotated[list[str], typer.Argument(help="Image or .wav files, texts, or .npy arrays.")],
    top: Annotated[int, typer.Option(min=1, help="How many labels to name.")] = 3,
    invert: Annotated[bool, typer.Option(help="Exchange light and dark in images.")] = False,
    pictures: Annotated[
        Path | None, typer.Option(help="A folder to draw the answers into.")
    ] = None,
    json: Json = False,
) -> None:
    """Predict from image files, .wav files, texts or .npy arrays, as the model takes them.

    Example: kerazoo predict mnist_cnn digit.png --invert
    """
    load_tensorflow()
    predictions = kerazoo.predict(model, files, top=top, invert=invert, pictures=pictures)
    if json:
        print_json([prediction.to_dict() for prediction in predictions])
        return
    rows = []
    for p in predictions:
        rows.append([p.source, p.text or ", ".join(_said(p))])
    print_table(rows)


def _said(prediction: kerazoo.Prediction) -> list[str]:
    if prediction.boxes:
        return [f"{b.label} {b.score:.1%} at {b.left:.0f}, {b.top:.0f}" for b in prediction.boxes]
    if prediction.scores:
        return [f"{label} {score:.1%}" for label, score in prediction.scores.items()]
    return [f"{value:.6g}" for value in prediction.values]
