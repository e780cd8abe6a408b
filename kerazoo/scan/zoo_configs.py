"""Zoo configs: YAML that kerazoo's own reader takes, or says why not."""

from __future__ import annotations

from collections.abc import Iterator

from kerazoo.errors import ConfigError
from kerazoo.scan.place import Place
from kerazoo.scan.scan_report import Finding
from kerazoo.zoo.config_file import to_config
from kerazoo.zoo.yaml_reader import TrapError, read_yaml


def scan(place: Place) -> Iterator[Finding]:
    """Tags, aliases, nesting and size without end; else, whether it is a zoo config.

    Raises:
        ConfigError: it is no YAML.
        HubError: those of all archives around it are too large together.
    """
    place.budget.take(place.name, parts=place.path.stat().st_size)
    try:
        data = read_yaml(place.path)
    except TrapError as error:
        yield place.told(error)
        return
    try:
        to_config(data, source=place.name)
    except ConfigError as error:
        yield place.notice(f"kerazoo would not take it: {place.told(error).what}")
