"""Every network of tf_keras.applications, there and back: for the tests, and for the guide's table.

    python -m tests.parity.keras2_networks [NAME ...] >> results.jsonl

prints a line for each: what docs/guides/from_keras2.md says of all. About a minute each.
"""

import gc
import inspect
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SMALL = ["MobileNetV3Small", "RegNetX002", "DenseNet121"]
DAMPED = {"ResNetRS": "batch_norm_3", "EfficientNetV2L": "project_bn"}
"""The end of each block's own branch."""


def names():
    import tf_keras

    applications = vars(tf_keras.applications)
    return [name for name, value in applications.items() if inspect.isfunction(value)]


def network(name, seed=0):
    """With random weights and statistics, at the smallest input it takes."""
    import tf_keras

    tf_keras.utils.set_random_seed(seed)
    builder = getattr(tf_keras.applications, name)
    for size in (32, 75, 224, 331):
        try:
            model = builder(weights=None, input_shape=(size, size, 3))
            break
        except ValueError as error:
            refusal = error
    else:
        raise refusal
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if type(layer).__name__ == "BatchNormalization":
            for variable in layer.weights:
                spread = rng.normal(0, 0.05, variable.shape)
                at_zero = "beta" in variable.name or "mean" in variable.name
                variable.assign(spread if at_zero else 1 + spread)
    for family, branch_end in DAMPED.items():
        if name.startswith(family):
            damp(model, branch_end)
    return model


def damp(model, branch_end):
    """Give what each block adds to its residual path a tenth of its weight.

    In the deepest networks, whose statistics are random too, activations else grow from block to
    block, gates and softmax saturate, and a rounding error becomes another class.
    """
    names = {layer.name for layer in model.layers}
    for layer in model.layers:
        block = layer.name.removesuffix(branch_end)
        if block != layer.name and {f"{block}add", f"{block}output_act"} & names:
            layer.gamma.assign(0.1 * layer.gamma)


def relative_difference(expected, actual):
    """Largest difference over the largest value."""
    expected, actual = np.asarray(expected), np.asarray(actual)
    return float(np.abs(expected - actual).max() / np.abs(expected).max())


def there_and_back(name):
    """Differences from the original, on two random images: from .h5 (proven layer by layer), from
    a SavedModel, and back in Keras 2."""
    import kerazoo

    original = network(name)
    size = original.input_shape[1]
    images = np.random.default_rng(1).normal(size=(2, size, size, 3)).astype("float32")
    expected = original(images, training=False)
    result = {"name": name, "size": size, "weights": original.count_params()}
    with tempfile.TemporaryDirectory() as folder:
        original.save(Path(folder) / "old.h5")
        new = kerazoo.convert.from_keras2(Path(folder) / "old.h5")
        result["h5"] = relative_difference(expected, new(images, training=False))
        back = kerazoo.convert.to_keras2(new, verify=False)
        result["back"] = relative_difference(expected, back(images, training=False))
        original.save(Path(folder) / "old", save_format="tf", save_traces=False)
        new = kerazoo.convert.from_keras2(Path(folder) / "old", verify=False)
        result["saved_model"] = relative_difference(expected, new(images, training=False))
    return result


def main():
    import keras
    import tf_keras

    for name in sys.argv[1:] or names():
        start = time.time()
        result = there_and_back(name)
        print(json.dumps({**result, "seconds": round(time.time() - start)}), flush=True)
        tf_keras.backend.clear_session()
        keras.backend.clear_session()
        gc.collect()


if __name__ == "__main__":
    main()
