"""Reading, overriding and writing zoo configs.

An unknown field is refused with the file, the field's path and the nearest valid name; a wrong type
or range with the file and the path, a wrong word with all that are right.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec
import yaml
from msgspec import inspect

from kerazoo.errors import ConfigError
from kerazoo.tasks.registry import misspelled
from kerazoo.zoo.agent_config import AgentConfig, AnyConfig
from kerazoo.zoo.config import ZooConfig
from kerazoo.zoo.config_fields import choices, right_name, unknown_fields
from kerazoo.zoo.yaml_reader import plain_scalar, read_yaml

Config = TypeVar("Config", bound=AnyConfig)


def read_config(path: Path) -> AnyConfig:
    """The config in a YAML file, checked.

    Raises:
        ConfigError: anything is wrong with it; the message names the file and the field.
    """
    return to_config(read_yaml(path), source=str(path))


def to_config(data: dict[str, Any], *, source: str) -> AnyConfig:
    """Plain data, checked and typed; `source` is what error messages call it."""
    kind: type[AgentConfig] | type[ZooConfig]
    kind = AgentConfig if "reinforcement" in data else ZooConfig
    fields = inspect.type_info(kind)
    for path, name, known in unknown_fields(data, fields):
        hint = right_name(str(name), known, fields)
        raise ConfigError(f"{source}: unknown field {path!r}. {hint}")
    try:
        config = msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        text, _, path = str(error).replace("`$.", "`").partition(" - at `")
        right = choices(fields, path.rstrip("`")) if text.startswith("Invalid enum value") else []
        where = f" at field `{path}" if path else ""
        hint = f" Known: {', '.join(right)}." if right else ""
        raise ConfigError(f"{source}: {text}{where}.{hint}") from error
    if close_task := misspelled(config.task):
        raise ConfigError(f"{source}: unknown task {config.task!r}. Did you mean {close_task!r}?")
    return config


def with_overrides(config: Config, overrides: Mapping[str, Any]) -> Config:
    """A changed copy of `config`.

    Args:
        overrides: dotted field path to new value, such as `{"training.optimizer.name": "sgd"}`.

    Raises:
        ConfigError: a path leads nowhere, or the new value breaks the schema.
    """
    data = copy.deepcopy(to_plain(config))
    for path, value in overrides.items():
        *parents, leaf = path.split(".")
        section: Any = data
        for depth, key in enumerate(parents):
            if not isinstance(section, dict) or key not in section:
                known = section if isinstance(section, dict) else ()
                hint = right_name(key, known, inspect.type_info(type(config)))
                where = ".".join(parents[: depth + 1])
                raise ConfigError(
                    f"{config.name}: cannot set {path!r}: no field {where!r}. {hint}".rstrip()
                )
            if section[key] is None:  # a section that was left out
                section[key] = {}
            section = section[key]
        if not isinstance(section, dict):
            raise ConfigError(
                f"{config.name}: cannot set {path!r}: {'.'.join(parents)!r} is the value "
                f"{section!r}, not a section. Set it as a whole."
            )
        section[leaf] = value.tolist() if hasattr(value, "tolist") else value  # NumPy's numbers
    changed = to_config(data, source=f"{config.name}, as changed")
    return cast(Config, changed)  # of the same kind: no override adds or takes `reinforcement`


def to_plain(config: AnyConfig) -> dict[str, Any]:
    """The config as nested dicts, lists and scalars, every default written out."""
    return msgspec.to_builtins(config)


def to_yaml(data: Mapping[str, Any]) -> str:
    """Plain data as YAML text in the order given; reads back to the same data."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


class _Dumper(yaml.SafeDumper):
    """Floats and texts so written that every YAML reader takes them for what they are."""


def _represent_float(dumper: yaml.SafeDumper, value: float) -> yaml.ScalarNode:
    text = repr(value)
    if "e" in text and "." not in text:
        text = text.replace("e", ".0e")
    return dumper.represent_scalar("tag:yaml.org,2002:float", text)


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """In quotes what would read as a number, and what PyYAML would fold ("1e3", a line feed)."""
    style = None if text.isprintable() and isinstance(plain_scalar(text), str) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(float, _represent_float)
_Dumper.add_representer(str, _represent_text)
_Dumper.ignore_aliases = lambda self, data: True  # type: ignore[method-assign]
