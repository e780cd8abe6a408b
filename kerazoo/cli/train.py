"""`kerazoo train`: run a recipe."""

from __future__ import annotations

from typing import Annotated

import typer

import kerazoo
from kerazoo.cli import training_options as shared
from kerazoo.cli.agents import is_agent, not_auto, refuse
from kerazoo.cli.output import Json, Set, parse_overrides
from kerazoo.cli.readable import check_readable
from kerazoo.cli.startup import load_tensorflow


def train(
    name_or_config: shared.NameOrConfig,
    epochs: shared.Epochs = None,
    batch_size: shared.BatchSize = None,
    strategy: shared.Strategy = "auto",
    precision: shared.Precision = "auto",
    output_dir: Annotated[str | None, typer.Option(help="Run folder; runs/NAME if absent.")] = None,
    resume: shared.Resume = True,
    seed: shared.Seed = None,
    quantize: Annotated[
        str | None,
        typer.Option(help="Train with rounding: int8, int8_weights, int16x8, int4_weights."),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Of an agent, instead of the recipe's.")] = None,
    env: Annotated[
        str | None, typer.Option(help="Of an agent: another Gymnasium environment.")
    ] = None,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Train a model as its recipe says.

    Ctrl-C leaves a run that the same command continues.

    Example: kerazoo train mnist_cnn --epochs 3 --output-dir runs/quick --set data.augment=null
    """
    from kerazoo.training.recipe import resolve  # not for the other commands' start

    if not is_agent(name_or_config):
        check_readable(resolve(name_or_config, {}, parse_overrides(set_ or [])).data.dataset)
    load_tensorflow()
    if is_agent(name_or_config):
        chosen = {"--epochs": epochs, "--batch-size": batch_size, "--quantize": quantize}
        refuse("agents", {**chosen, **not_auto({"--strategy": strategy, "--precision": precision})})
        agent = kerazoo.rl.train(
            name_or_config,
            steps=steps,
            env=env,
            output_dir=output_dir,
            resume=resume,
            seed=seed,
            overrides=parse_overrides(set_ or []),
        )
        shared.print_result(agent, json=json)
        return
    refuse("models that learn from data", {"--steps": steps, "--env": env})
    result = kerazoo.train(
        name_or_config,
        epochs=epochs,
        batch_size=batch_size,
        strategy=strategy,
        precision=precision,
        output_dir=output_dir,
        resume=resume,
        seed=seed,
        overrides={
            **({} if quantize is None else {"quantize.scheme": quantize}),
            **parse_overrides(set_ or []),
        },
    )
    shared.print_result(result, json=json)
