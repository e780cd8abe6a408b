"""`kerazoo distill`: run a recipe with a teacher beside the labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import kerazoo
from kerazoo.cli import training_options as shared
from kerazoo.cli.output import Json, Set, parse_overrides
from kerazoo.cli.startup import load_tensorflow

Teacher = Annotated[
    str, typer.Option(help="A model's name, a .keras or .tflite file, or a SavedModel's folder.")
]
Losses = Annotated[
    list[str],
    typer.Option(
        help="logits, decoupled, dist, similarity, relational ...; repeatable. Arguments and "
        "weights: --set distillation.losses='[{name: logits, arguments: {temperature: 2}}]'"
    ),
]
StudentLossWeight = Annotated[
    float | None, typer.Option(min=0, max=1, help="Share of the labels' loss.")
]
Cached = Annotated[
    bool | None,
    typer.Option(
        "--cached/--in-steps",
        help="Ask the teacher once, about undistorted samples; or in each step. As the recipe "
        "says if absent; in each step if it says nothing.",
    ),
]
OutputDir = Annotated[
    str | None, typer.Option(help="Run folder; runs/STUDENT-from-TEACHER if absent.")
]


def distill(
    student: shared.NameOrConfig,
    teacher: Teacher,
    loss: Losses = [],  # noqa: B006  typer copies it
    student_loss_weight: StudentLossWeight = None,
    cached: Cached = None,
    epochs: shared.Epochs = None,
    batch_size: shared.BatchSize = None,
    strategy: shared.Strategy = "auto",
    precision: shared.Precision = "auto",
    output_dir: OutputDir = None,
    resume: shared.Resume = True,
    seed: shared.Seed = None,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Train a student on the labels and a teacher's outputs.

    Example: kerazoo distill mnist_mlp --teacher mnist_cnn --epochs 10
    """
    load_tensorflow()
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
            **_distillation(teacher, loss, student_loss_weight, cached),
            **parse_overrides(set_ or []),
        },
    )
    shared.print_result(result, json=json)


def _distillation(
    teacher: str, losses: list[str], student_loss_weight: float | None, cached: bool | None
) -> dict[str, Any]:
    """The recipe's fields that were given; the others stay as they are."""
    fields = {
        "teacher": teacher,
        "losses": [{"name": name} for name in losses] or None,
        "student_loss_weight": student_loss_weight,
        "cached": cached,
    }
    return {f"distillation.{name}": value for name, value in fields.items() if value is not None}
