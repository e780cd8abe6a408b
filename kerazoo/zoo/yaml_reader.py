"""YAML text to plain Python data, with the traps closed.

Built from PyYAML's parse events, so no constructor and no tag ever runs. Scalars follow YAML 1.2's
core schema: `1e-3` is a float and `no` is text, where PyYAML says text and False. Repeated keys,
tags, anchors, aliases, deep nesting, several documents and large files are refused with their line.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from kerazoo.errors import ConfigError

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20
_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"

# The C parser is ten times faster and gives the same events.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_CONSTANTS = {
    **dict.fromkeys(["", "~", "null", "Null", "NULL"], None),
    **dict.fromkeys(["true", "True", "TRUE"], True),
    **dict.fromkeys(["false", "False", "FALSE"], False),
}


class TrapError(ConfigError):
    """Something that no honest config needs: a tag, an alias, nesting or size without end."""


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        ConfigError: the file is missing, too large, no valid YAML, or no mapping; the message has
            the file's name and the line.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"Cannot read the config {str(path)!r}: {error.strerror}.") from error
    if len(content) > MAX_BYTES:
        raise TrapError(
            f"{path}: a config holds at most {MAX_BYTES:,} bytes. Received: {len(content):,}."
        )
    try:
        return parse_yaml(content.decode("utf-8"), source=str(path))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (byte {error.start}).") from error


def parse_yaml(text: str, *, source: str = "<text>") -> dict[str, Any]:
    """The mapping in a YAML text; `source` is what error messages call it.

    >>> parse_yaml("{rate: 1e-3, answer: no}")
    {'rate': 0.001, 'answer': 'no'}
    """
    try:
        value = _Builder(yaml.parse(text, Loader=_Loader), source).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        hint = " Indent with spaces, not tabs." if mark and _has_tab(text, mark.line) else ""
        problem = error.problem or error.context
        if "nesting depth" in str(problem):  # PyYAML's own limit, from 6.0.4 on, reached first
            raise TrapError(f"{source}{line}: {_TOO_DEEP}.") from error
        raise ConfigError(f"{source}{line}: {problem}.{hint}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{source}: {' '.join(str(error).split())}") from error
    if not isinstance(value, dict):
        raise ConfigError(f"{source}: a config is a mapping of fields. Received: {value!r:.60}")
    return value


class _Builder:
    """Turns the flat stream of parse events into nested dicts, lists and scalars."""

    def __init__(self, events: Iterator[yaml.Event], source: str):
        self.events = events
        self.source = source

    def document(self) -> Any:
        value = None
        documents = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self.refusal(event, "a config is one document; remove the second '---'")
                value = self.node(next(self.events), depth=0)
        return value

    def node(self, event: yaml.Event, depth: int) -> Any:
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise self.trap(event, "anchors and aliases (&, *) are not allowed; repeat the value")
        if depth > MAX_DEPTH:
            raise self.trap(event, _TOO_DEEP)
        tag = getattr(event, "tag", None)
        if tag not in (None, "!"):
            raise self.trap(event, f"the tag {tag!r} is not allowed: a config is plain data")
        if isinstance(event, yaml.MappingStartEvent):
            return self.mapping(depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self.sequence(depth)
        return _scalar(event)

    def mapping(self, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self.node(event, depth + 1)
            if not isinstance(key, str):
                raise self.refusal(event, f"a field's name is text. Received: {key!r}")
            if key in result:
                raise self.refusal(event, f"the field {key!r} is given twice")
            result[key] = self.node(next(self.events), depth + 1)
        return result

    def sequence(self, depth: int) -> list[Any]:
        result = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            result.append(self.node(event, depth + 1))
        return result

    def refusal(self, event: Any, why: str) -> ConfigError:
        return ConfigError(f"{self.source}, line {event.start_mark.line + 1}: {why}.")

    def trap(self, event: Any, why: str) -> TrapError:
        return TrapError(f"{self.source}, line {event.start_mark.line + 1}: {why}.")


def _has_tab(text: str, line: int) -> bool:
    """Whether a line is indented with a tab; libyaml's own messages do not say so."""
    lines = text.splitlines()
    return line < len(lines) and lines[line].lstrip(" ").startswith("\t")


def _scalar(event: Any) -> str | int | float | bool | None:
    if event.style:
        return event.value  # quoted: text, whatever it looks like
    return plain_scalar(event.value)


def plain_scalar(text: str) -> str | int | float | bool | None:
    """What a scalar without quotes means in YAML 1.2's core schema.

    >>> plain_scalar("1e-3"), plain_scalar("no")
    (0.001, 'no')
    """
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INT.fullmatch(text):
        return int(text) if len(text) < 40 else text
    if _FLOAT.fullmatch(text) and math.isfinite(float(text)):  # 1e400 would be infinite
        return float(text)
    return text
