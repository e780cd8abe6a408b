"""What tfmot makes of given weights: run by a Python that has tfmot, in a process of its own.

    python tfmot_oracle.py WEIGHTS.npz CASES.json OUT.npz

Fake-quantized weights of layers without normalization, values of schedules, masks, and centroids.
"""

import json
import os
import sys

os.environ["TF_USE_LEGACY_KERAS"] = "1"  # before TensorFlow: tfmot knows Keras 2 only

import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot
import tf_keras
from tensorflow_model_optimization.python.core.clustering.keras import (
    cluster_config,
    clustering_centroids,
)
from tensorflow_model_optimization.python.core.sparsity.keras import pruning_impl

LAYERS = {
    "conv": lambda: tf_keras.layers.Conv2D(5, 3, name="conv"),
    "strided": lambda: tf_keras.layers.Conv2D(4, 3, strides=2, use_bias=False, name="strided"),
    "transpose": lambda: tf_keras.layers.Conv2DTranspose(3, 2, name="transpose"),
    "dense": lambda: tf_keras.layers.Dense(8, activation="relu", name="dense"),
}


def fake_quantized(name, kernel):
    """The kernel that tfmot's wrapper calls the layer with, in training."""
    shape = (kernel.shape[0],) if kernel.ndim == 2 else (8, 8, 3)
    model = tf_keras.Sequential([tf_keras.Input(shape), LAYERS[name]()])
    model.layers[0].kernel.assign(kernel)
    quantized = tfmot.quantization.keras.quantize_model(model)
    wrapper = quantized.layers[-1]
    ((weight, quantizer, variables),) = wrapper._weight_vars
    return quantizer(weight, True, weights=variables).numpy()


def schedule_values(kind, arguments, steps):
    """(steps, 2): whether masks are updated at a step, and the sparsity."""
    schedule = getattr(tfmot.sparsity.keras, kind)(**arguments)
    answers = [schedule(tf.constant(step, tf.int64)) for step in steps]
    return np.array([[float(update), float(sparsity)] for update, sparsity in answers])


def mask(weights, sparsity=0.5, block=(1, 1), pooling="AVG", m_by_n=None):
    pruning = pruning_impl.Pruning(
        lambda: tf.constant(1, tf.int64),
        [(tf.Variable(weights), None, None)],
        tfmot.sparsity.keras.ConstantSparsity(sparsity, 0),
        tuple(block),
        pooling,
        None if m_by_n is None else tuple(m_by_n),
    )
    return pruning._maybe_update_block_mask(tf.constant(weights))[1].numpy()


def centroids(weights, kind, clusters, preserve_sparsity=False):
    chosen = clustering_centroids.CentroidsInitializerFactory.get_centroid_initializer(
        getattr(cluster_config.CentroidInitialization, kind)
    )
    maker = chosen(tf.constant(weights), clusters, preserve_sparsity=preserve_sparsity)
    return maker.get_cluster_centroids().numpy()


def main(weights_file, cases_file, out_file):
    with open(cases_file) as file:
        cases = json.load(file)
    out = {}
    with np.load(weights_file) as weights:
        for name in LAYERS:
            out[f"fake_quantized/{name}"] = fake_quantized(name, weights[name])
        for key, (name, arguments) in cases["masks"].items():
            out[f"mask/{key}"] = mask(weights[name], **arguments)
        for key, (name, arguments) in cases["centroids"].items():
            out[f"centroids/{key}"] = centroids(weights[name], **arguments)
    for key, (kind, arguments) in cases["schedules"].items():
        out[f"schedule/{key}"] = schedule_values(kind, arguments, cases["steps"])
    np.savez(out_file, **out)


if __name__ == "__main__":
    main(*sys.argv[1:])
