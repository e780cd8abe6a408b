"""An agent that has learned: one of the zoo with its published weights, or the folder of a run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from kerazoo.errors import ConfigError, RunError
from kerazoo.rl import own_environment
from kerazoo.rl.make_environment import NameOrEnv
from kerazoo.rl.policy_model import policy_model
from kerazoo.training.run_folder import RunFolder
from kerazoo.zoo.agent_config import AgentConfig, AnyConfig
from kerazoo.zoo.build import build_with_weights, open_model
from kerazoo.zoo.catalogue import find_or_read, list_models
from kerazoo.zoo.config_file import read_config

if TYPE_CHECKING:
    import keras


def open_trained(
    name_or_run: str | os.PathLike[str], env: NameOrEnv | None = None
) -> tuple[AgentConfig, keras.Model]:
    """The config of an agent, and the model that gives the scores of its policy.

    Args:
        name_or_run: a name of the zoo or a config in a .yaml file, with published weights; or the
            folder of a complete run, of which the network of the best evaluation is taken.
        env: that the agent is to act in; None for the recipe's.

    Raises:
        UnknownNameError: no such agent.
        ConfigError: it is no agent, has no weights, or was trained in an environment of the user's
            own and `env` is None.
        RunError: the run is not complete.
    """
    name = os.fspath(name_or_run)
    folder = RunFolder(Path(name))
    if name not in list_models() and folder.config.is_file():
        config = as_agent(read_config(folder.config))
        network = _network_of_run(folder, env)
    else:
        config = as_agent(_find(name))
        network = build_with_weights(config, "default")
    return config, policy_model(config, network)


def as_agent(config: AnyConfig) -> AgentConfig:
    """`config`, if it is an agent's. Raises `ConfigError` otherwise."""
    if isinstance(config, AgentConfig):
        return config
    raise ConfigError(
        f"{config.name!r} learns from data, not in an environment: use kerazoo.train."
    )


def _find(name: str) -> AgentConfig:
    """The config of an agent with published weights."""
    if name.endswith(".keras"):
        raise ConfigError(
            f"{name!r} is a network without its environment: give the folder of its run."
        )
    config = as_agent(find_or_read(name))
    if not config.weights:
        raise ConfigError(
            f"{config.name!r} has no published weights. Train it, and give the folder of the run, "
            f"such as 'runs/{config.name}'."
        )
    return config


def _network_of_run(folder: RunFolder, env: NameOrEnv | None) -> keras.Model:
    path = str(folder.path)
    if not folder.is_complete:
        raise RunError(
            f"The run in {path!r} is not complete: go on with `kerazoo train {folder.config} "
            f"--output-dir {path}`."
        )
    trained_in = own_environment.recorded(folder)
    if env is None and trained_in is not None:
        raise ConfigError(
            f"The run in {path!r} was trained in {trained_in}, an environment of your own: pass it "
            f"as `env` to kerazoo.rl."
        )
    return open_model(folder.model)
