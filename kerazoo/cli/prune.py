"""`kerazoo prune`: a model with few weights other than zero, or with fewer channels, as a file."""

from __future__ import annotations

from typing import Annotated

import typer

from kerazoo.cli.fine_tuning import LearningRate, Skip, Target, compress_and_export
from kerazoo.cli.output import Json, Set
from kerazoo.cli.startup import load_tensorflow
from kerazoo.cli.training_options import BatchSize, Epochs, NameOrConfig, Precision, Resume, Seed
from kerazoo.errors import ConfigError


def prune(
    name_or_config: NameOrConfig,
    path: Target,
    sparsity: Annotated[
        float | None,
        typer.Option(help="Fraction of zeros, 0.8 if absent; or of channels gone, 0.5 if absent."),
    ] = None,
    pattern: Annotated[str, typer.Option(help="unstructured, 2:4, block, channel.")] = (
        "unstructured"
    ),
    flops: Annotated[
        float | None,
        typer.Option(help="With --pattern channel: share of the operations that may remain."),
    ] = None,
    multiple_of: Annotated[
        int | None,
        typer.Option(min=1, help="With --pattern channel: widths are rounded up to multiples."),
    ] = None,
    skip: Skip = None,
    learning_rate: LearningRate = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    precision: Precision = "auto",
    output_dir: Annotated[
        str | None, typer.Option(help="Run folder; runs/NAME-pruned if absent.")
    ] = None,
    resume: Resume = True,
    seed: Seed = None,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Fine-tune while small weights become zeros; write a file.

    Example: kerazoo prune mnist_cnn digits.tflite --sparsity 0.8 --epochs 4
    """
    _check_fraction("sparsity", sparsity)
    _check_fraction("flops", flops)
    load_tensorflow()
    if sparsity is not None:
        _check_pattern(pattern, sparsity)
    compress_and_export(
        name_or_config,
        path,
        {
            "prune.sparsity": sparsity,
            "prune.pattern": pattern,
            "prune.flops": flops,
            "prune.multiple_of": multiple_of,
            "prune.skip": skip,
        },
        learning_rate=learning_rate,
        output_dir=output_dir,
        suffix="pruned",
        set_=set_,
        json=json,
        epochs=epochs,
        batch_size=batch_size,
        precision=precision,
        resume=resume,
        seed=seed,
    )


def _check_fraction(field: str, value: float | None) -> None:
    if value is not None and not 0 < value < 1:
        raise ConfigError(
            f"--{field} (prune.{field}) is a fraction between 0 and 1, such as 0.8. "
            f"Received: {value:g}."
        )


def _check_pattern(pattern: str, sparsity: float) -> None:
    """Raise `ConfigError` if the pattern is one that leaves another share of the weights."""
    from kerazoo.compress._pruning_pattern import PruningPattern

    fixed = PruningPattern(pattern).sparsity if ":" in pattern else None
    if fixed is not None and abs(fixed - sparsity) > 1e-9:
        raise ConfigError(
            f"--pattern {pattern} makes the sparsity {fixed:g}. Received: --sparsity "
            f"{sparsity:g}. Leave it out."
        )
