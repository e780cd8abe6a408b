"""The other process of `quantize_with_tfmot`: Keras 2 and tfmot, and nothing of kerazoo.

tfmot needs `TF_USE_LEGACY_KERAS=1` before TensorFlow is imported, which would take Keras 3 from
everybody else: so this file is run by a Python of its own, copied into a folder where it finds
`request.json`, `weights.npz`, `x*.npy` and `y*.npy`, and leaves `answer.json` and `model.tflite`.
"""

from __future__ import annotations

import inspect
import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PACKAGES = ("tensorflow", "tensorflow_model_optimization", "tf_keras")


class Refusal(Exception):
    """What cannot be done, in one line for the user."""


def main(folder: Path) -> None:
    missing = [package for package in PACKAGES if find_spec(package) is None]
    try:
        answer = {"missing": missing[0]} if missing else quantize(folder)
    except Refusal as error:
        answer = {"refusal": str(error)}
    (folder / "answer.json").write_text(json.dumps(answer))


def quantize(folder: Path) -> dict[str, Any]:
    """Rebuild, quantize, train, convert; the training's history."""
    import numpy as np
    import tensorflow as tf
    import tensorflow_model_optimization as tfmot
    import tf_keras

    request = json.loads((folder / "request.json").read_text())
    tf_keras.utils.set_random_seed(request["seed"])
    model = rebuild(request["model"])
    with np.load(folder / "weights.npz") as arrays:
        set_weights(model, arrays)
    quantized = apply_tfmot(tfmot.quantization.keras, model, request["skip"])
    quantized.compile(
        from_spec(tf_keras.optimizers, request["optimizer"]),
        from_spec(tf_keras.losses, request["loss"]),
        metrics=request["metrics"],
    )
    history = quantized.fit(
        *(read_arrays(folder, letter) for letter in "xy"), **request["fit"], verbose=0
    ).history
    converter = tf.lite.TFLiteConverter.from_keras_model(quantized)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    (folder / "model.tflite").write_bytes(converter.convert())
    return {"history": {name: [float(v) for v in values] for name, values in history.items()}}


def read_arrays(folder: Path, letter: str) -> Any:
    import numpy as np

    arrays = [np.load(path, mmap_mode="r") for path in sorted(folder.glob(f"{letter}*.npy"))]
    return arrays[0] if len(arrays) == 1 else arrays


def apply_tfmot(api: Any, model: Any, skip: list[str]) -> Any:
    """`quantize_model`, or all layers but those of `skip`; what tfmot says against it."""
    import tf_keras

    def annotate(layer: Any) -> Any:
        return layer if layer.name in skip else api.quantize_annotate_layer(layer)

    try:
        if not skip:
            return api.quantize_model(model)
        annotated = tf_keras.models.clone_model(model, clone_function=annotate)
        return api.quantize_apply(annotated)
    except (ValueError, RuntimeError, NotImplementedError) as error:
        raise Refusal(f"tfmot refuses the model: {' '.join(str(error).split())}") from error


def rebuild(spec: dict[str, Any]) -> Any:
    """A Keras 2 model from the serialized form of a Keras 3 functional or Sequential model."""
    import tf_keras

    config = spec["config"]
    if spec["class_name"] != "Sequential":
        return rebuild_functional(config)
    model = tf_keras.Sequential([rebuild_layer(one) for one in config["layers"]], config["name"])
    if not model.built:
        model.build(config["build_input_shape"])
    return model


def rebuild_functional(config: dict[str, Any]) -> Any:
    """Calls each layer when its inputs are there; a shared layer's calls keep their numbers."""
    import tensorflow as tf
    import tf_keras

    layers = {spec["config"]["name"]: rebuild_layer(spec) for spec in config["layers"]}
    tensors: dict[tuple[str, int, int], Any] = {}
    waiting = []
    for spec in config["layers"]:
        name = spec["config"]["name"]
        if spec["class_name"] == "InputLayer":
            tensors[name, 0, 0] = layers[name]
        waiting += [(name, number, node) for number, node in enumerate(spec["inbound_nodes"])]
    while waiting:
        ready = [call for call in waiting if tensors.keys() >= set(inputs_of(call[2]))]
        if not ready:
            raise Refusal("the calls of the model's layers have no order that can be rebuilt.")
        for name, number, node in ready:
            outputs = layers[name](*with_tensors(node["args"], tensors), **kwargs_of(node, tensors))
            for index, tensor in enumerate(tf.nest.flatten(outputs)):
                tensors[name, number, index] = tensor
        waiting = [call for call in waiting if call not in ready]
    ends = [end_tensors(config[f"{end}_layers"], tensors) for end in ("input", "output")]
    return tf_keras.Model(*ends, name=config["name"])


def end_tensors(places: Any, tensors: dict[tuple[str, int, int], Any]) -> Any:
    """The model's inputs or outputs, in their structure: one place, or a list or dict of them."""
    if isinstance(places, dict):
        return {name: end_tensors(place, tensors) for name, place in places.items()}
    if isinstance(places[0], str):
        return tensors[tuple(places)]
    return [end_tensors(place, tensors) for place in places]


def inputs_of(node: Any) -> list[tuple[str, int, int]]:
    """The places of all tensors that a call takes."""
    if isinstance(node, dict):
        if node.get("class_name") == "__keras_tensor__":
            return [tuple(node["config"]["keras_history"])]
        node = list(node.values())
    return [place for part in node for place in inputs_of(part)] if isinstance(node, list) else []


def with_tensors(part: Any, tensors: dict[tuple[str, int, int], Any]) -> Any:
    """A call's arguments with each tensor in its place."""
    if isinstance(part, list):
        return [with_tensors(one, tensors) for one in part]
    if not isinstance(part, dict):
        return part
    if part.get("class_name") == "__keras_tensor__":
        return tensors[tuple(part["config"]["keras_history"])]
    return {name: with_tensors(one, tensors) for name, one in part.items()}


def kwargs_of(node: dict[str, Any], tensors: dict[tuple[str, int, int], Any]) -> dict[str, Any]:
    """Those that were given; Keras 2 knows the others by other names."""
    given = {name: value for name, value in node["kwargs"].items() if value is not None}
    return with_tensors(given, tensors)


def rebuild_layer(spec: dict[str, Any]) -> Any:
    """One layer, or for an `InputLayer` its tensor, or a nested model."""
    import tf_keras

    config, kind = spec["config"], spec["class_name"]
    if kind in ("Functional", "Sequential", "Model"):
        return rebuild(spec)
    if kind == "InputLayer":
        return tf_keras.Input(
            batch_shape=config["batch_shape"], dtype=config["dtype"], name=config["name"]
        )
    return layer_class(spec).from_config(layer_config(spec))


def layer_class(spec: dict[str, Any]) -> Any:
    import tf_keras

    found = getattr(tf_keras.layers, spec["class_name"], None)
    if spec["module"] != "keras.layers" or found is None:
        raise Refusal(
            f"layer {spec['config'].get('name')!r} ({spec['class_name']} of {spec['module']}) does "
            "not exist in Keras 2, which tfmot needs. kerazoo.compress.quantize_aware takes it."
        )
    return found


def layer_config(spec: dict[str, Any]) -> dict[str, Any]:
    """The layer's arguments in Keras 2's form."""
    config = {name: old_form(value) for name, value in spec["config"].items()}
    return only_known(layer_class(spec), config, f"layer {config.get('name')!r}")


def old_form(value: Any) -> Any:
    """A serialized object as Keras 2 writes it. Initializers are of no use: weights are set."""
    if not isinstance(value, dict) or "class_name" not in value:
        return value
    module = value.get("module") or ""
    if value["class_name"] == "DTypePolicy":
        return value["config"]["name"]
    if module == "keras.initializers":
        return None
    if module == "keras.layers":
        return {"class_name": value["class_name"], "config": layer_config(value)}
    if module in ("keras.regularizers", "keras.constraints"):
        return {"class_name": value["class_name"], "config": value["config"]}
    raise Refusal(f"{module}.{value['class_name']} does not exist in Keras 2, which tfmot needs.")


def only_known(kind: Any, config: dict[str, Any], what: str) -> dict[str, Any]:
    """The arguments that `kind` knows; one that it does not know must have been left alone."""
    known = {"name", "trainable", "dtype", "batch_input_shape"}
    for base in kind.__mro__:
        known |= set(inspect.signature(base.__init__).parameters)
    unknown = [name for name, value in config.items() if name not in known and value]
    if unknown:
        raise Refusal(f"{what}: Keras 2 has no argument `{unknown[0]}`, which the model uses.")
    return {
        name: value
        for name, value in config.items()
        if name in known and not (value is None and name.endswith("_initializer"))
    }


def from_spec(module: Any, spec: Any) -> Any:
    """An optimizer or loss of Keras 2 from a name, or from Keras 3's class and arguments."""
    if isinstance(spec, str):
        return spec
    kind = getattr(module, spec["class_name"], None)
    if kind is None:
        raise Refusal(f"Keras 2 has no {spec['class_name']}. Choose another.")
    config = {
        name: from_spec(module.schedules, value) if isinstance(value, dict) else value
        for name, value in spec["config"].items()
        if name not in ("dtype", "loss_scale_factor", "gradient_accumulation_steps")
    }
    return kind.from_config(only_known(kind, config, spec["class_name"]))


def set_weights(model: Any, arrays: Any, path: str = "") -> None:
    """Each layer's arrays, by the names of the layer and of the models around it."""
    import tf_keras

    for layer in model.layers:
        place = f"{path}{layer.name}"
        if isinstance(layer, tf_keras.Model):
            set_weights(layer, arrays, f"{place}/")
            continue
        values = [arrays[f"{place}:{number}"] for number in range(int(arrays[f"{place}:count"]))]
        expected = [tuple(weight.shape) for weight in layer.weights]
        if [value.shape for value in values] != expected:
            raise Refusal(
                f"layer {place!r}: Keras 2 has weights of the shapes {expected}, the model of "
                f"{[value.shape for value in values]}."
            )
        layer.set_weights(values)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
