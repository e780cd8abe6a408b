"""One function run three ways: operation by operation, as a graph, and compiled by XLA.

    python examples/eager_graph_xla.py

Eager execution is the one to debug in, a graph saves Python's time, XLA fuses operations.
"""

import statistics
import time

import numpy as np
import tensorflow as tf

rng = np.random.default_rng(0)
x = tf.constant(rng.normal(size=(64, 64)), tf.float32)
weights = [tf.constant(rng.normal(size=(64, 64)) / 8, tf.float32) for _ in range(20)]


def network(x: tf.Tensor) -> tf.Tensor:
    """Twenty small layers: little to compute, much to call."""
    for w in weights:
        x = tf.tanh(x @ w) + 0.1 * x
    return x


def microseconds(function, runs: int = 100) -> float:
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        function(x).numpy()
        times.append(time.perf_counter() - start)
    return 1e6 * statistics.median(times)


if __name__ == "__main__":
    ways = {
        "eager": network,
        "graph": tf.function(network),
        "graph, XLA": tf.function(network, jit_compile=True),
    }
    expected = network(x).numpy()
    for name, way in ways.items():
        way(x)  # traces and compiles
        difference = np.abs(way(x).numpy() - expected).max()
        print(f"{name:12} {microseconds(way):8,.0f} us   differs from eager by {difference:.1e}")

    @tf.function
    def traced(x):
        print("Python runs once for each shape and dtype:", x.shape, x.dtype.name)
        return x + 1

    for size in (2, 3, 2, 3):
        traced(tf.zeros([size]))
    print("four calls, two traces")
