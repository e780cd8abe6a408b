"""GPU and TPU: what is here, what is not, and how a training takes whatever there is.

    python examples/gpu_and_tpu.py

The same lines run on a laptop, on GPUs and on a TPU VM; what is missing is said in a line.
"""

import keras
import numpy as np

import kerazoo

if __name__ == "__main__":
    found = kerazoo.inspect.environment()
    print(f"{found.cores} cores; TPU: {found.tpu}; cluster: {found.cluster}")

    for kind in ("gpu", "tpu"):
        try:
            print(kind, "->", type(kerazoo.distribute.strategy(kind)).__name__)
        except kerazoo.KerazooError as error:
            print(kind, "->", error)

    strategy = kerazoo.distribute.strategy("auto")  # the best there is; before anything else
    print("auto ->", type(strategy).__name__, "with", strategy.num_replicas_in_sync, "replica")

    with strategy.scope():
        model = keras.Sequential([keras.Input((10,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(0.1), "mse")
    x = np.random.default_rng(0).normal(size=(256, 10)).astype("float32")
    history = kerazoo.training.Loop(model).fit(
        kerazoo.datasets.Batches(x, x.sum(axis=1, keepdims=True), batch_size=64),
        epochs=10,
        progress=False,
    )
    print(f"loss {history['loss'][0]:.3f} to {history['loss'][-1]:.1e}")

    # Half precision pays on some processors and costs on others: recipes time it and choose.
    result = kerazoo.train("linear_regression", epochs=2, output_dir="runs/devices", progress=False)
    print("precision of the recipe:", result.model.dtype_policy.name)
