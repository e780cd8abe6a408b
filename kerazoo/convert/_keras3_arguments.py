"""Arguments of layers as Keras 2 saved them, made those of Keras 3."""

from __future__ import annotations

import inspect
from typing import Any

import keras

from kerazoo.convert.keras2_hard_sigmoid import keras2_hard_sigmoid
from kerazoo.errors import ConversionError
from kerazoo.notices import notice

ANY = object()
# What Keras 3 does not take, with the values that mean nothing to it. Values that are empty or
# False mean nothing either.
MEANINGLESS = {
    "autocast": ANY,
    "batch_input_shape": ANY,  # read where inputs are made
    "fused": ANY,
    "groups": (1,),
    "implementation": ANY,
    "input_dim": ANY,
    "input_length": ANY,
    "kernel_initializer": ANY,  # Keras 2 saves it of separable convolutions too
    "key_shape": ANY,
    "query_shape": ANY,
    "renorm_clipping": ANY,
    "renorm_momentum": ANY,
    "rng_type": ANY,
    "trainable": ANY,  # set where layers are made
    "value_shape": ANY,
    "vocabulary_size": ANY,
}
ACTIVATIONS = {"activation", "recurrent_activation"}
OWN_ACTIVATIONS = {"hard_sigmoid": keras2_hard_sigmoid}


def keras3_arguments(kind: Any, config: dict[str, Any], name: str) -> dict[str, Any]:
    """The arguments with which to make a `kind`, a class of `keras.layers`.

    Raises:
        ConversionError: Keras 3 has no argument for what the saved model asks for.
    """
    known = _parameters(kind)
    arguments: dict[str, Any] = {}
    for argument, saved in config.items():
        if argument in known:
            arguments[argument] = _converted(argument, saved, name)
        elif saved and not _is_meaningless(argument, saved):
            raise ConversionError(
                f"Layer {name!r} ({kind.__name__}): Keras 3 has no argument `{argument}`, which "
                f"the model sets to {str(saved)[:80]}."
            )
    return {argument: value for argument, value in arguments.items() if value is not ANY}


def _parameters(kind: Any) -> set[str]:
    """All arguments that the class takes, its bases' too where it hands them on."""
    names: set[str] = set()
    for base in kind.__mro__:
        parameters = inspect.signature(base.__init__).parameters.values()
        names |= {one.name for one in parameters}
        if not any(one.kind is one.VAR_KEYWORD for one in parameters):
            break
    return names - {"self", "args", "kwargs"}


def _is_meaningless(argument: str, value: Any) -> bool:
    allowed = MEANINGLESS.get(argument, ())
    return allowed is ANY or value in allowed  # type: ignore[operator]


def _converted(argument: str, value: Any, name: str) -> Any:
    """One argument; `ANY` if Keras 3's default has to do."""
    if argument == "dtype":
        return _policy(value)
    if argument in ACTIVATIONS:
        return keras3_activation(value, name)
    if argument == "axis" and isinstance(value, list) and len(value) == 1:
        return value[0]
    if not isinstance(value, dict) or "class_name" not in value:
        return value
    for ending, package in (
        ("initializer", keras.initializers),
        ("regularizer", keras.regularizers),
        ("constraint", keras.constraints),
    ):
        if argument.endswith(ending):
            return _of_package(package, value, argument, name)
    raise ConversionError(
        f"Layer {name!r}: its argument `{argument}` is a {value['class_name']}, which is not "
        "taken from a file. Write the model in Keras 3 and pass it as `model=`."
    )


def _policy(value: Any) -> Any:
    """A dtype or policy by its name."""
    if isinstance(value, dict):
        value = value["config"]["name"]
    return ANY if value is None or str(value).startswith(("infer", "_infer")) else value


def keras3_activation(value: Any, name: str) -> Any:
    """An activation by name, or the registered function of that name."""
    if isinstance(value, dict):
        if not isinstance(value.get("config"), str):
            raise ConversionError(
                f"Layer {name!r}: its activation is a {value.get('class_name')}, which is not "
                "taken from a file. Write the model in Keras 3 and pass it as `model=`."
            )
        value = value["config"]
    if value is None or value in OWN_ACTIVATIONS:
        return value and OWN_ACTIVATIONS[value]
    found = keras.saving.get_registered_object(value)
    if found is None and not hasattr(keras.activations, value):
        raise ConversionError(
            f"Layer {name!r} has the activation {value!r}, which is the author's own: register it "
            f"with keras.saving.register_keras_serializable, or give it by "
            f"`with keras.saving.custom_object_scope({{{value!r}: function}}):`."
        )
    return found or value


def _of_package(package: Any, value: dict[str, Any], argument: str, name: str) -> Any:
    """An initializer, regularizer or constraint. Initial values are of no use, as the weights are
    set; a regularizer or constraint that Keras 3 does not know is left out, and that is said."""
    kind = getattr(package, value["class_name"], None)
    if not inspect.isclass(kind):
        if package is not keras.initializers:
            notice(
                f"Layer {name!r}: its `{argument}` {value['class_name']!r} does not exist in "
                "Keras 3 and is left out; outputs do not change, further training would."
            )
        return ANY if package is keras.initializers else None
    known = _parameters(kind)
    return kind(**{key: one for key, one in value["config"].items() if key in known})
