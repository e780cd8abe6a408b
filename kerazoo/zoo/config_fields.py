"""The fields that a config may have: which of the data's are none, where a name is one, and what a
field may be."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from typing import Any

from msgspec import inspect

from kerazoo.errors import nearest

_ALMOST = 0.8  # of `difflib`: a letter or two are wrong
_WORDS: dict[type[inspect.Type], list[str]] = {
    inspect.BoolType: ["true", "false"],
    inspect.IntType: ["a whole number"],
    inspect.FloatType: ["a number"],
    inspect.NoneType: ["null"],
}


def unknown_fields(
    data: Any, kind: inspect.Type, path: str = ""
) -> Iterator[tuple[str, str, list[str]]]:
    """(path, name, known names) of every field of `data` that `kind` does not have."""
    if isinstance(kind, inspect.UnionType):
        kind = _meant(data, kind)
    if isinstance(kind, inspect.DictType) and isinstance(data, dict):
        for key, value in data.items():
            yield from unknown_fields(value, kind.value_type, f"{path}{key}.")
    if isinstance(kind, inspect.ListType) and isinstance(data, list):
        for number, item in enumerate(data):
            yield from unknown_fields(item, kind.item_type, f"{path[:-1]}[{number}].")
    if isinstance(kind, inspect.StructType) and isinstance(data, dict):
        fields = {field.encode_name: field.type for field in kind.fields}
        known = [*fields, *([kind.tag_field] if kind.tag_field else [])]
        for key, value in data.items():
            if key not in known:
                yield f"{path}{key}", key, known
            elif key in fields:
                yield from unknown_fields(value, fields[key], f"{path}{key}.")


def right_name(name: str, known: Collection[str], kind: inspect.Type) -> str:
    """A sentence with the field that is meant: one of that name, or almost, in another section of
    `kind`, with its path; one of `known`, the section's own, that is like it; else all of `known`.
    """
    places: dict[str, list[str]] = {}
    for path in dict.fromkeys(_paths(kind, "")):
        places.setdefault(path.rpartition(".")[2], []).append(path)
    own = [[field] for field in nearest(name, known, count=1)]
    alike = difflib.get_close_matches(name, places, n=1, cutoff=_ALMOST)
    elsewhere = [places[field][:3] for field in alike]
    # Who names no section means any; who names one may be wrong in that only if all else is right.
    is_top = set(known) == {path for path in _paths(kind, "") if "." not in path}
    found = elsewhere + own if is_top or name in places else own + elsewhere
    if not found:
        return f"Known: {', '.join(sorted(known))}." if known else ""
    return f"Did you mean {' or '.join(map(repr, found[0]))}?"


def choices(kind: inspect.Type, path: str) -> list[str]:
    """What the field at `path`, such as "distribution.xla" or "losses[0].name", may be."""
    kinds = [kind]
    for part in path.split("."):
        name, *items = part.split("[")
        fields = [field for each in kinds for struct in _structs(each) for field in struct.fields]
        kinds = [field.type for field in fields if field.encode_name == name]
        for _ in items:
            kinds = [item for each in kinds for item in _items(each)]
    found: list[str] = []
    for option in (option for each in kinds for option in _options(each)):
        if isinstance(option, inspect.LiteralType):
            found += map(str, option.values)
        else:
            found += _WORDS.get(type(option), [])
    return found


def _paths(kind: inspect.Type, path: str) -> Iterator[str]:
    """Dotted paths of all fields that can be reached by names alone."""
    for struct in _structs(kind):
        for field in struct.fields:
            yield f"{path}{field.encode_name}"
            yield from _paths(field.type, f"{path}{field.encode_name}.")


def _options(kind: inspect.Type) -> tuple[inspect.Type, ...]:
    return kind.types if isinstance(kind, inspect.UnionType) else (kind,)


def _structs(kind: inspect.Type) -> list[inspect.StructType]:
    return [option for option in _options(kind) if isinstance(option, inspect.StructType)]


def _items(kind: inspect.Type) -> Iterator[inspect.Type]:
    for option in _options(kind):
        if isinstance(option, inspect.ListType):
            yield option.item_type
        if isinstance(option, inspect.DictType):
            yield option.value_type


def _meant(data: Any, union: inspect.UnionType) -> inspect.Type:
    """The struct of a union that `data` names by its tag; without one, the first struct."""
    structs = _structs(union)
    for struct in structs:
        if isinstance(data, dict) and struct.tag_field and data.get(struct.tag_field) == struct.tag:
            return struct
    return structs[0] if structs else union
