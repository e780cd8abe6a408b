"""The config of a Keras model: which objects it names, and what they would do when they are made.

Keras makes whatever a config names. Its safe mode refuses what was found to be abused, version by
version; here, only what a model is made of passes.
"""

from __future__ import annotations

import builtins
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from kerazoo.errors import DataError
from kerazoo.registration import MODULES, PACKAGES
from kerazoo.scan.config_sizes import least_numbers
from kerazoo.scan.place import Place
from kerazoo.scan.scan_report import Finding
from kerazoo.scan.tensorflow_functions import harm_of_layer

LARGEST = 1 << 25
"""Bytes of a config. The largest of `keras.applications`, NASNetLarge's, has a million."""
MOST_PARTS = 1 << 20
"""Lists, objects and members of a config (NASNetLarge's: 64,000). Each takes memory and time."""
SLACK = 1 << 24
"""Numbers that a config may declare beyond four times those that are stored."""
SLACK_OF_UNKNOWN = 1 << 15
"""The same for layers without an input shape, two of which may need the square of this."""

_KERAS_ROOMS = {
    "activations",
    "constraints",
    "distillation",
    "dtype_policies",
    "engine",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "ops",
    "optimizers",
    "quantizers",
    "random",
    "regularizers",
}
"""Rooms of Keras 2 and 3 that only compute; not `utils`, `saving`, `config`, `applications`, ..."""
_KERAS_ACTIONS = re.compile(r"load|save|clone|from_json|from_config|deserialize|get_file|enable_")
_OUTSIDE_PACKAGES = ("keras_hub", "keras_cv", "keras_nlp")
_LOADERS = {
    "__lambda__": "carries Python code (a lambda), which runs with the model",
    "TFSMLayer": "a TFSMLayer, which loads and runs a SavedModel from a folder that it names",
    "TorchModuleWrapper": "a TorchModuleWrapper, which loads a pickle, that is, a program",
}
_BUILT_BY = {"batch_shape", "batch_input_shape", "input_shape", "build_input_shape", "build_config"}
_ADDRESS = re.compile(r"(?i)(https?|ftps?|file|gs|s3|hdfs)://")


def parse(text: str | bytes, place: Place, at: str) -> Any:
    """The JSON of a config.

    Raises:
        DataError: it is none, or too large.
        HubError: those of all archives around it are too large together.
    """
    where = f"{place.name}: {at}" if at else place.name
    content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if not 0 < len(content) <= LARGEST:
        raise DataError(f"{where} is empty or has more than {LARGEST:,} bytes.")
    parts = sum(map(content.count, (b"[", b"{", b",")))
    if parts > MOST_PARTS:
        raise DataError(f"{where} has {parts:,} parts, more than {MOST_PARTS:,}.")
    place.budget.take(place.name, parts=parts)
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{where} is no JSON: {reason}.") from error


def scan(config: Any, place: Place, at: str) -> Iterator[Finding]:
    """Every object that the config names, however deep."""
    for found, layer in _objects(config):
        here = f"{at}, {layer!r}".removeprefix(", ") if layer else at
        for severity, what in _of_object(found):
            yield place.danger(what, here) if severity == "danger" else place.notice(what, here)


def scan_sizes(config: Any, stored: int, place: Place, at: str) -> Iterator[Finding]:
    """What the config declares, against the count of numbers that are stored beside it."""
    objects = [found for found, _ in _objects(config)]
    least, unknown = least_numbers(objects)
    if not any(map(_says_what_comes_in, objects)):
        unknown = 0  # such a model has no weights before it is called
    if least > 4 * stored + SLACK or unknown > 4 * stored + SLACK_OF_UNKNOWN:
        yield place.danger(
            f"declares layers of at least {least:,} numbers, and {stored:,} are stored: making "
            "them would exhaust memory",
            at,
        )


def _says_what_comes_in(found: dict[str, Any]) -> bool:
    config = found.get("config")
    named = {*found, *config} if isinstance(config, dict) else {*found}
    return found["class_name"] == "InputLayer" or not named.isdisjoint(_BUILT_BY)


def _objects(config: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """Every `{"class_name": ...}`, and the name of the layer that it is or is part of."""
    waiting: list[tuple[Any, str]] = [([config], "")]
    while waiting:
        value, layer = waiting.pop()
        if isinstance(value, dict):
            inner = value.get("config")
            if "class_name" in value:
                name = inner.get("name") if isinstance(inner, dict) else None
                layer = name if isinstance(name, str) else layer
                yield value, layer
            value = list(value.values())
        waiting += [(part, layer) for part in reversed(value) if isinstance(part, dict | list)]


def _of_object(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    name, module = found["class_name"], found.get("module")
    if not isinstance(name, str):
        yield "danger", f"names an object by {name!r:.60}, which is no text"
        return
    inner = found.get("config")
    config = inner if isinstance(inner, dict) else {}
    kind = name.rpartition(">")[2]
    if kind == "Lambda":
        yield from _of_lambda(config)
    elif kind == "Distiller":
        yield from _of_teacher(config.get("teacher"), str(module))
    elif harm := harm_of_layer(kind, config) or _LOADERS.get(kind):
        yield "danger", harm
    if name == "function":
        yield from _of_name(str(inner), module, found.get("registered_name"))
    elif name == "__typespec__":
        yield from _of_name(str(found.get("spec_name")), module, None)
    else:  # Keras's own notation, __tuple__ and the like, names no module
        yield from _of_name(name, module, found.get("registered_name"))
    if isinstance(vocabulary := config.get("vocabulary"), str):
        yield "danger", f"{name} reads its vocabulary from the file {vocabulary!r:.200}"
    for key, value in config.items():
        if key != "vocabulary" and isinstance(value, str) and _ADDRESS.match(value):
            yield "notice", f"{name} names the address {value!r:.200} as {key!r}"


def _of_lambda(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Keras 2 keeps [code, defaults, closure] or a function's name; Keras 3 an object of its own,
    which is met by itself. Two of the three may be plain values: a shape, a mask."""
    for key, module in (
        ("function", "module"),
        ("output_shape", "output_shape_module"),
        ("mask", "mask_module"),
    ):
        value, items = config.get(key), _items(config.get(key))
        is_code = items is not None and (key == "function" or isinstance(items[0], str))
        if is_code or config.get(f"{key}_type") == "lambda":
            yield "danger", "a Lambda layer that carries Python code, which runs with the model"
        elif isinstance(value, str):
            yield from _of_name(value, config.get(module), None)
            yield "notice", f"a Lambda layer that calls the function {value!r} of your program"
        elif key == "function" and not isinstance(value, dict):
            yield "danger", f"a Lambda layer with the function {value!r:.60}"


def _items(value: Any) -> list[Any] | None:
    """What stands in a list, or in Keras 2's notation of a tuple, if only None."""
    if isinstance(value, dict) and value.get("class_name") == "__tuple__":
        value = value.get("items", [])
    return (value or [None]) if isinstance(value, list) else None


def _of_teacher(teacher: Any, module: str) -> Iterator[tuple[str, str]]:
    """Keras's own Distiller keeps its teacher's config, which is met by itself; kerazoo's none."""
    is_keras_model = isinstance(teacher, dict) and module.split(".")[0] == "keras"
    if teacher is not None and not is_keras_model:
        yield "danger", f"a Distiller with the teacher {teacher!r:.100}, a model that it would open"


def _of_name(name: str, module: Any, registered: Any) -> Iterator[tuple[str, str]]:
    """A class or function by its name and the module that it is in."""
    is_own = isinstance(registered, str) and ">" in registered
    if module in (None, "", "builtins"):
        if module == "builtins" and hasattr(builtins, name):
            yield "danger", f"names Python's own {name!r}"
        elif is_own and not str(registered).startswith(("kerazoo", "Keras>", "keras")):
            yield "notice", f"needs {registered!r}, which your program must register"
        return
    top = str(module).split(".")[0]
    if top in ("keras", "tf_keras"):
        if not _is_part_of_models(name, str(module)):
            yield "danger", f"names {module}.{name} of Keras, which is no part of a model"
    elif top == "kerazoo":
        if not str(module).startswith(tuple(f"kerazoo.{room}" for room in (*PACKAGES, *MODULES))):
            yield "danger", f"names {module}.{name} of kerazoo, which is no part of a model"
    elif top in _OUTSIDE_PACKAGES and name[:1].isupper():
        yield "notice", f"needs {name} of the package {top}"
    elif module == "__main__":
        yield "notice", f"needs {name!r}, which your program must define and register"
    elif str(module).startswith("tensorflow.python.") and name.endswith("Spec"):
        return
    else:
        yield (
            "danger",
            f"names {name!r} of the module {str(module)!r}, which is neither Keras nor kerazoo: "
            "Keras before 3.11 imports it. If it is a class of your own, load the weights alone",
        )


def _is_part_of_models(name: str, module: str) -> bool:
    rooms = [room for room in module.split(".")[1:] if room != "src"]
    if _KERAS_ACTIONS.search(name):
        return False
    if not rooms:
        return name[:1].isupper()
    return rooms[0] in _KERAS_ROOMS
