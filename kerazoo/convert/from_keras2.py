"""A Keras 3 model from one of Keras 2, with none of the file's code executed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import keras

from kerazoo.convert._assign_arrays import assign_arrays
from kerazoo.convert._keras2_config import read_keras2_config
from kerazoo.convert._keras2_original import has_keras2
from kerazoo.convert._keras3_build import build_keras3
from kerazoo.convert._proof import prove_equal
from kerazoo.convert._source import Source, open_source
from kerazoo.convert._spec import ModelSpec
from kerazoo.convert._weights_only import take_weights
from kerazoo.errors import ConversionError
from kerazoo.notices import notice

if TYPE_CHECKING:
    import tf_keras


def from_keras2(
    path_or_model: str | os.PathLike[str] | tf_keras.Model,
    *,
    model: keras.Model | None = None,
    verify: bool = True,
) -> keras.Model:
    """The same model in Keras 3, uncompiled, with the same layer names and the same outputs.

    The saved config is read as data and written anew in Keras 3: classes, arguments that changed
    (`hard_sigmoid`, `axis`, dtype policies, ...), TensorFlow functions between layers as
    operations of `keras.ops`, models in models, shared layers. The weights are copied layer by
    layer, each checked for shape and name. No code of the file is executed: `Lambda` layers
    and classes that this program does not know are refused by name. tf_keras is not needed, but
    for the proof.

    **Proof.** With tf_keras installed (`pip install "kerazoo[hub]"`), the original is built by
    tf_keras from the file and both run on the same random inputs, `training=False`: outputs must
    agree to 1e-5 of their largest value (1e-2 where layers compute in 16 bits), or the first
    layer that differs is named. Of a SavedModel, the Keras model in it is compared, not its
    program, which is never loaded. Training is not compared. Without tf_keras, or where the model
    has classes of its author or cannot run on made-up inputs, nothing can be compared, which is
    said once.

    Args:
        path_or_model: a whole-model .h5 file, a Keras 2 `.keras` file, a SavedModel's folder that
            Keras 2 wrote, or a tf_keras model.
        model: your own Keras 3 model, built, for a file of weights or one whose model cannot be
            converted: it takes the weights, by layer name, or in order where the file has none of
            its names. Shapes and names are checked; there is no original to compare with.
        verify: prove the outputs equal, as said above.

    Returns: the new model; with `model`, that.

    Raises:
        ConversionError: the file is not Keras 2's, is damaged or hostile, holds what cannot be
            converted, or the outputs differ. The line names the layer.

    >>> import kerazoo
    >>> model = kerazoo.convert.from_keras2("old_model.h5")  # doctest: +SKIP
    >>> model.save("new_model.keras")  # doctest: +SKIP
    """
    source = open_source(path_or_model)
    if model is not None:
        return take_weights(source, model)
    if source.config is None:
        raise ConversionError(
            f"{source.name} holds weights and no model. Write the model in Keras 3 and pass it as "
            "`model=`: the weights are taken over."
        )
    spec = read_keras2_config(source.config)
    try:
        converted = build_keras3(spec)
    except ConversionError:
        raise
    except Exception as error:  # a config can ask for anything, and Keras and TensorFlow say so
        problem = " ".join(str(error).split())[:300]
        raise ConversionError(f"{source.name} cannot be made in Keras 3: {problem}") from error
    if not converted.built:
        raise ConversionError(
            f"The model {spec.name!r} was saved without the shape of its input. Write it in "
            "Keras 3 with a `keras.Input` and pass it as `model=`."
        )
    assign_arrays(converted, source.arrays(spec), _saved_names(spec))
    if verify:
        _prove(source, spec, converted)
    return converted


def _saved_names(spec: ModelSpec, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], str]:
    names: dict[tuple[str, ...], str] = {}
    for layer in spec.layers:
        names[(*path, layer.name)] = layer.saved_name
        if layer.model:
            names |= _saved_names(layer.model, (*path, layer.name))
    return names


def _prove(source: Source, spec: ModelSpec, converted: keras.Model) -> None:
    own = _classes_of_the_author(spec)
    if not has_keras2():
        notice(
            f"{source.name} was converted, but not compared with its original: that needs "
            'tf_keras, pip install "kerazoo[hub]".'
        )
    elif own:
        notice(
            f"{source.name} was converted, but not compared with its original: tf_keras does not "
            f"know the class {own[0]}."
        )
    else:
        prove_equal(source.original(), converted, name=source.name)


def _classes_of_the_author(spec: ModelSpec) -> list[str]:
    found: list[str] = []
    for layer in spec.layers:
        if layer.model:
            found += _classes_of_the_author(layer.model)
        elif _is_registered(layer.kind):
            found.append(layer.kind)
    return found


def _is_registered(kind: str) -> Any:
    registered = keras.saving.get_registered_object(kind)
    return registered is not None and not registered.__module__.startswith(("keras.", "kerazoo."))
