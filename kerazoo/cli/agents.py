"""Which arguments of a command mean an agent that learns by reinforcement, for `kerazoo.rl`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kerazoo
from kerazoo.errors import ConfigError
from kerazoo.zoo.agent_config import AgentConfig
from kerazoo.zoo.catalogue import find_any_config
from kerazoo.zoo.config_file import read_config


def is_agent(model: str) -> bool:
    """Whether `model` is an agent's name, config, run folder, or exported file."""
    if model.endswith(".tflite") and Path(model).is_file():
        model = str(kerazoo.load_tflite(model).metadata.get("name"))
        return model in kerazoo.list_models() and find_agent(model) is not None
    return find_agent(model) is not None


def find_agent(model: str) -> AgentConfig | None:
    """The config of an agent, by name, as a file, or in a run folder; None of what is no agent."""
    config, inside = None, Path(model) / "config.yaml"
    if model in kerazoo.list_models():
        config = find_any_config(model)
    elif model.endswith(".yaml"):
        config = read_config(Path(model))
    elif inside.is_file():
        config = read_config(inside)
    return config if isinstance(config, AgentConfig) else None


def refuse(kind: str, options: dict[str, Any]) -> None:
    """Raise `ConfigError` if one of the options, which are not for `kind`, was given."""
    for option, value in options.items():
        if value is not None:
            raise ConfigError(f"{option} is not for {kind}. Leave it out.")


def not_auto(options: dict[str, str]) -> dict[str, str | None]:
    """The same, None standing for "auto", which is what an option is that was not given."""
    return {option: None if value == "auto" else value for option, value in options.items()}
