"""Keras 2 files for tests: those in keras2_models/, and small ones written by hand."""

import json
from pathlib import Path

import h5py
import numpy as np

MODELS = Path(__file__).parent / "keras2_models"


def mixed_data():
    """Inputs of the mixed model, and its outputs as tf_keras computed them."""
    with np.load(MODELS / "mixed.npz") as file:
        inputs = [file["image"].astype("float32"), file["words"]]
        return inputs, {name: file[name] for name in ("logits", "share")}


def layer(kind, calls, name=None, **config):
    """A layer of a functional model's config, as .h5 files have it."""
    name = name or kind.lower()
    return {
        "class_name": kind,
        "name": name,
        "config": {"name": name, **config},
        "inbound_nodes": [[[before, 0, 0, {}] for before in calls]] if calls else [],
    }


def functional(*layers):
    """The config of a model of an input of 4 numbers and these layers."""
    entry = layer("InputLayer", [], "x", batch_input_shape=[None, 4], dtype="float32")
    return {
        "class_name": "Functional",
        "config": {
            "name": "old",
            "layers": [entry, *layers],
            "input_layers": [["x", 0, 0]],
            "output_layers": [[layers[-1]["name"], 0, 0]],
        },
    }


def dense(calls, name="dense", units=2, **config):
    return layer("Dense", calls, name, units=units, activation="linear", **config)


def write_h5(path, config, weights):
    """A whole-model .h5 file; `weights`: layer -> {variable: array}."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = config if isinstance(config, str) else json.dumps(config)
        file.attrs["keras_version"] = "2.15.0"
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [name.encode() for name in weights]
        for name, arrays in weights.items():
            of_layer = group.create_group(name)
            of_layer.attrs["weight_names"] = [f"{name}/{key}:0".encode() for key in arrays]
            for key, array in arrays.items():
                of_layer[f"{name}/{key}:0"] = array
    return path


def dense_weights(rows=4, units=2, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "kernel": rng.normal(size=(rows, units)).astype("float32"),
        "bias": rng.normal(size=units).astype("float32"),
    }
