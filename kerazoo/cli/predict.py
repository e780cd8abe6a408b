"""`kerazoo predict`: what a model says to files, texts or arrays."""

from __future__ import annotations

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
    json: Json = False,
) -> None:
    """Predict from image files, .wav files, texts or .npy arrays, as the model takes them.

    Example: kerazoo predict mnist_cnn digit.png --invert
    """
    load_tensorflow()
    predictions = kerazoo.predict(model, files, top=top, invert=invert)
    if json:
        print_json([prediction.to_dict() for prediction in predictions])
        return
    rows = []
    for p in predictions:
        said = [f"{label} {score:.1%}" for label, score in p.scores.items()]
        rows.append([p.source, ", ".join(said or [f"{value:.6g}" for value in p.values])])
    print_table(rows)
