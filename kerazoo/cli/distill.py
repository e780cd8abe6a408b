"""`kerazoo distill`: run a recipe with a teacher beside the labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import kerazoo
from kerazoo.cli.output import Json, Set, parse_overrides
from kerazoo.cli.startup import load_tensorflow
from kerazoo.cli.training_options import (
    BatchSize,
    Epochs,
    NameOrConfig,
    Precision,
    Resume,
    Seed,
    Strategy,
    print_result,
)


def distill(
    student: NameOrConfig,
    teacher: Annotated[
        str,
        typer.Option(help="A model's name, a .keras or .tflite file, or a SavedModel's folder."),
    ],
    loss: Annotated[
        list[str],
        typer.Option(
            help="logits, decoupled, dist, similarity, relational ...; repeatable. Arguments and "
            "weights: --set distillation.losses='[{name: logits, arguments: {temperature: 2}}]'"
        ),
    ] = [],  # noqa: B006  typer copies it
    student_loss_weight: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of the labels' loss.")
    ] = None,
    cached: Annotated[
        bool | None,
        typer.Option(
            "--cached/--in-steps",
            help="Ask the teacher once, about undistorted samples; or in each step. As the recipe "
            "says if absent; in each step if it says nothing.",
        ),
    ] = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    strategy: Strategy = "auto",
    precision: Precision = "auto",
    output_dir: Annotated[
        str | None, typer.Option(help="Run folder; runs/STUDENT-from-TEACHER if absent.")
    ] = None,
    resume: Resume = True,
    seed: Seed = None,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Train a student as its recipe says, on the labels and on a teacher's outputs.

    Example: kerazoo distill mnist_mlp --teacher mnist_cnn --epochs 10
    """
    load_tensorflow()
    given = {
        "distillation.teacher": teacher,
        "distillation.losses": [{"name": name} for name in loss] or None,
        "distillation.student_loss_weight": student_loss_weight,
        "distillation.cached": cached,
    }
    result = kerazoo.train(
        student,
        epochs=epochs,
        batch_size=batch_size,
        strategy=strategy,
        precision=precision,
        output_dir=output_dir or f"runs/{Path(student).stem}-from-{Path(teacher).stem}",
        resume=resume,
        seed=seed,
        overrides={
            **{field: value for field, value in given.items() if value is not None},
            **parse_overrides(set_ or []),
        },
    )
    print_result(result, json=json)
