"""`train`: run the recipe of a zoo config, from first line to trained model in a run folder."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo.notices import notice
from kerazoo.training.run_folder import RunFolder
from kerazoo.zoo.catalogue import find_or_read, of_data
from kerazoo.zoo.config import ZooConfig
from kerazoo.zoo.config_file import with_overrides

if TYPE_CHECKING:
    from kerazoo.training.run import TrainResult


def train(
    name_or_config: str | os.PathLike[str] | ZooConfig,
    *,
    epochs: int | None = None,
    batch_size: int | None = None,
    strategy: str = "auto",
    precision: str = "auto",
    output_dir: str | os.PathLike[str] | None = None,
    resume: bool = True,
    seed: int | None = None,
    overrides: Mapping[str, Any] | None = None,
    progress: bool = True,
) -> TrainResult:
    """Train a model as its recipe says: from scratch, or from the weights of `training.initial`.

    A run that was stopped continues when it is called again: after Ctrl-C or SIGTERM at the next
    step, after a crash at its last checkpoint (`training.checkpoint_every`, in steps; each epoch if
    None). It ends with the weights of the unbroken run. A complete run is loaded, not repeated.

    Args:
        name_or_config: a zoo model's name, a YAML file, or a config.
        epochs: instead of the recipe's, 1 or more.
        batch_size: instead of the recipe's, over all devices together.
        seed: instead of the recipe's, 0 to 2**31 - 1.
        strategy: a kind of `kerazoo.distribute.strategy`; "auto" leaves it to the recipe.
        precision: "float32", "mixed_bfloat16" or "mixed_float16"; "auto" leaves it to the recipe,
            whose own "auto" times a few steps of each and takes the fastest.
        output_dir: the run folder; "runs/NAME" if None.
        resume: False throws away what an earlier run left in the folder.
        overrides: dotted config field to value: `{"data.augment": None}`.
        progress: show a bar and a line per epoch on stderr.

    Returns: the trained model, its figures, the run folder and the history.

    Raises:
        UnknownNameError: no such model, dataset, builder, optimizer, strategy.
        ConfigError: a config or override is wrong.
        DataError: the data cannot be had or does not fit the model.
        RunError: the run folder cannot be written, holds another run, or another process trains in
            it.
        WorkerLostError: another worker of the training is gone; started again, all go on.
        WeightsError: the weights to begin with are missing or damaged, or no layer fits them.
        MissingDependencyError: the Keras backend is not TensorFlow.

    >>> import kerazoo
    >>> result = kerazoo.train("linear_regression", epochs=5, progress=False)
    >>> result.model.name, len(result.history["loss"]), result.run_dir.as_posix()
    ('linear_regression', 5, 'runs/linear_regression')
    """
    from kerazoo.training.run import Run

    config = resolve(
        name_or_config,
        {
            "training.epochs": epochs,
            "data.batch_size": batch_size,
            "training.seed": seed,
            "distribution.strategy": None if strategy == "auto" else strategy,
            "distribution.precision": None if precision == "auto" else precision,
        },
        overrides or {},
    )
    folder = RunFolder(Path(output_dir or Path("runs") / config.name))
    run = Run(config, folder)
    with folder.alone() if run.workers.is_chief else contextlib.nullcontext():
        if run.open(resume=resume):
            notice(
                f"{folder.path} is complete: loaded, not trained again (resume=False trains anew)."
            )
            return run.result()
        return run.train(show_progress=progress)


def resolve(
    name_or_config: str | os.PathLike[str] | ZooConfig,
    given: Mapping[str, Any],
    overrides: Mapping[str, Any],
) -> ZooConfig:
    """The config meant, with every argument that is not None and every override put in."""
    config = of_data(find_or_read(name_or_config))
    changes = {**{k: v for k, v in given.items() if v is not None}, **overrides}
    return with_overrides(config, changes) if changes else config
