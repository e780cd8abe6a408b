"""Builders by name: kerazoo's own, a user's (`@kerazoo.register`), other packages' (entry points).

A builder takes plain arguments and returns an uncompiled `keras.Model`. Configs name builders; no
config ever names a module or a dotted path.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from importlib import metadata
from typing import TYPE_CHECKING, Any, TypeVar

from kerazoo.errors import ConfigError, unknown_name

if TYPE_CHECKING:
    import keras

ENTRY_POINT_GROUP = "kerazoo.models"

Builder = TypeVar("Builder", bound=Callable[..., Any])
_registered: dict[str, Callable[..., Any]] = {}


def register(name: str) -> Callable[[Builder], Builder]:
    """Make a builder known under `name`, for use in configs as `model: {builder: name}`.

    Args:
        name: what no builder is called yet.

    Returns: a decorator, which gives the builder back as it is: a function of plain arguments
        (numbers, texts, lists) that returns an uncompiled `keras.Model`.

    Raises:
        ConfigError: the name is taken; where the decorator is applied.

    >>> import keras, kerazoo
    >>> @kerazoo.register("one_dense")
    ... def one_dense(input_shape, num_classes):
    ...     inputs = keras.Input(input_shape)
    ...     return keras.Model(inputs, keras.layers.Dense(num_classes, name="logits")(inputs))
    """

    def add(builder: Builder) -> Builder:
        if name in _builders() or name in _entry_points():
            raise ConfigError(f"A builder named {name!r} exists already. Choose another name.")
        _registered[name] = builder
        return builder

    return add


def find_builder(name: str) -> Callable[..., keras.Model]:
    """The builder called `name`.

    Raises:
        UnknownNameError: nothing is registered under it; the message has the nearest names.
        ConfigError: the module of an installed package that brings it cannot be imported.
    """
    builders = _builders()
    if name in builders:
        return builders[name]
    points = _entry_points()
    if name in points:
        return _load(points[name])
    raise unknown_name("builder", name, [*builders, *points])


def _load(point: metadata.EntryPoint) -> Callable[..., Any]:
    """What an entry point names; a package that is broken may raise anything."""
    package = "unknown" if point.dist is None else point.dist.name
    where = f"The builder {point.name!r}, {point.value!r} of the package {package}"
    try:
        builder = point.load()
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise ConfigError(
            f"{where}, cannot be imported: {reason}. Repair or uninstall the package."
        ) from error
    if not callable(builder):
        kind = type(builder).__name__
        raise ConfigError(f"{where}, must be a function. Received: {kind}. Correct the package.")
    return builder


def check_arguments(builder: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    """Raise `UnknownNameError` if `builder` does not take one of `arguments`."""
    parameters = inspect.signature(builder).parameters
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        return
    for argument in arguments:
        if argument not in parameters:
            raise unknown_name(f"argument of {builder.__name__}", argument, parameters)


def _builders() -> Mapping[str, Callable[..., Any]]:
    from kerazoo import models

    return {**models.builders(), **_registered}


def _entry_points() -> dict[str, metadata.EntryPoint]:
    points: dict[str, metadata.EntryPoint] = {}
    for point in metadata.entry_points(group=ENTRY_POINT_GROUP):
        if point.name in points or point.name in _builders():
            raise ConfigError(
                f"Two builders are named {point.name!r}; one is {point.value} from an installed "
                f"package. Uninstall one of the packages."
            )
        points[point.name] = point
    return points
