"""The zoo's recipes on replicas and workers, and how far their numbers are from one device's.

    python tools/replica_numbers.py [RECIPE ...] [--steps 50] [--runs RUN ...] [--float64]

Each recipe trains from the same weights on the same global batches, the last of which is short by
five samples, without dropout and distortions: on one device, on two virtual CPUs (mirrored), and in
two and three local processes (multi_worker). `evaluate` and `predict` follow, on a length that
nothing divides. Named are the largest differences: of losses and metrics, relative where they are
above 1, of weights, and of predictions. Deep networks at a high rate multiply any rounding error in
each step, on one device as on many: so a control, one device that gets each batch in reverse order,
tells what rounding does by itself; a lower `--peak` of the learning rate, and double precision, in
which a rounding error is 1e-16, tell it from a fault.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

RUNS = {
    "control": ("reversed", 1),
    "mirrored x2": ("mirrored", 1),
    "workers x2": ("multi_worker", 2),
    "workers x3": ("multi_worker", 3),
}
RECIPES = ["linear_regression", "mnist_mlp", "mnist_cnn", "cifar10_mobile"]
EVALUATED = 101
CHANCE = ("dropout", "word_dropout", "drop_connect", "masks")
"""Arguments of builders that draw numbers in training."""


def train(recipe: str, strategy: str, options: argparse.Namespace, file: Path) -> None:
    """In a process of its own: train, and write what came out."""
    import kerazoo

    steps, peak = options.steps, options.peak

    devices = ["CPU:0", "CPU:1"] if strategy == "mirrored" else None
    kind = "default" if strategy == "reversed" else strategy
    chosen = kerazoo.distribute.strategy(kind, devices=devices)

    import keras
    import tensorflow as tf

    if options.float64:
        keras.config.set_floatx("float64")
        keras.config.set_dtype_policy("float64")
        keras.src.backend.tensorflow.image.resize = _resize_in_float64

    from kerazoo.datasets.arrays import count, rows
    from kerazoo.distribute.workers import Workers
    from kerazoo.training.loop import Loop
    from kerazoo.zoo.build import build_model
    from kerazoo.zoo.catalogue import find_config
    from kerazoo.zoo.compilation import compile_model
    from kerazoo.zoo.config_file import with_overrides
    from kerazoo.zoo.registry import find_builder

    config = find_config(recipe)
    if peak is not None:
        config = with_overrides(config, {"training.optimizer.learning_rate.peak": peak})
    inputs, targets = kerazoo.datasets.load_numpy(config.data.dataset, "train")
    size = config.data.batch_size
    part = slice(min(count(inputs), steps * size) - 5)
    batches = kerazoo.datasets.Batches(rows(inputs, part), rows(targets, part), batch_size=size)
    epochs = -(-steps // len(batches))
    keras.utils.set_random_seed(0)
    taken = inspect.signature(find_builder(config.model.builder)).parameters
    arguments = {name: 0 for name in CHANCE if name in taken}
    with chosen.scope():
        model = build_model(config, **arguments)
        if options.float64:  # a head asks for float32 whatever the policy
            model = keras.models.clone_model(model, clone_function=_in_float64)
        compile_model(model, config.training, steps_per_epoch=len(batches), jit_compile=False)
    source, length = batches, {}
    if strategy == "reversed":
        source = batches.starting_at().map(
            lambda *batch: tf.nest.map_structure(lambda tensor: tensor[::-1], batch)
        )
        length = {"steps_per_epoch": len(batches)}
    history = Loop(model).fit(source, epochs=epochs, progress=False, **length)
    held_out = rows(inputs, slice(EVALUATED)), rows(targets, slice(EVALUATED))
    evaluated = model.evaluate(*held_out, batch_size=32, verbose=0, return_dict=True)
    predicted = model.predict(held_out[0], batch_size=32, verbose=0)
    if Workers(chosen).is_chief:
        values = {f"values/{k}": v for k, v in {**history, **_named("val", evaluated)}.items()}
        weights = {f"weights/{n:04d}": w for n, w in enumerate(model.get_weights())}
        np.savez(file, predicted=predicted, **values, **weights)


def _in_float64(layer: Any) -> Any:
    return type(layer).from_config({**layer.get_config(), "dtype": "float64"})


def _resize_in_float64(images: Any, size: Any, interpolation: str, **_: Any) -> Any:
    """Keras's resize, which TensorFlow computes in float32, as two products of matrices."""
    import tensorflow as tf

    def matrix(length: int, wanted: int) -> Any:
        rows = tf.image.resize(np.eye(length)[None, ..., None], (wanted, length), interpolation)
        return tf.cast(rows[0, ..., 0], tf.float64)

    rows, columns = (matrix(*pair) for pair in zip(images.shape[1:3], size, strict=True))
    return tf.einsum("yh,bhwc,xw->byxc", rows, tf.cast(images, tf.float64), columns)


def _named(prefix: str, values: dict[str, Any]) -> dict[str, Any]:
    return {f"{prefix}_{name}": value for name, value in values.items()}


def run(
    recipe: str, strategy: str, workers: int, options: list[str], folder: Path
) -> dict[str, Any]:
    """What came out of a training in `workers` processes."""
    file = folder / f"{recipe}-{strategy}-{workers}.npz"
    command = [sys.executable, __file__, "--child", strategy, str(file), *options, recipe]
    addresses = [f"127.0.0.1:{port}" for port in _free_ports(workers)]
    processes = []
    for index in range(workers):
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        if workers > 1:
            task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
            environment["TF_CONFIG"] = json.dumps(task)
        processes.append(
            subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        )
    try:
        errors = [process.communicate()[1] for process in processes]
    finally:  # ended by hand, it takes them with it
        for process in processes:
            process.kill()
    if any(process.returncode for process in processes):
        sys.exit(f"{recipe} on {strategy}: " + "\n".join(error[-2000:] for error in errors))
    return dict(np.load(file))


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def differences(results: dict[str, Any], expected: dict[str, Any]) -> dict[str, float]:
    """The largest, of "values", "weights" and "predicted"."""
    largest = {"values": 0.0, "weights": 0.0, "predicted": 0.0}
    for name, wanted in expected.items():
        kind = name.split("/")[0]
        scale = np.maximum(1.0, np.abs(wanted)) if kind != "weights" else 1.0
        gap = float(np.max(np.abs(results[name] - wanted) / scale))
        largest[kind] = max(largest[kind], gap)
    return largest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipes", nargs="*", default=RECIPES)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--peak", type=float, help="of the learning rate; the recipe's if left out")
    parser.add_argument("--float64", action="store_true", help="double precision")
    parser.add_argument("--runs", nargs="+", choices=RUNS, default=[*RUNS])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        strategy, file = arguments.child
        train(arguments.recipes[0], strategy, arguments, Path(file))
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    peak = [] if arguments.peak is None else ["--peak", str(arguments.peak)]
    options = ["--steps", str(arguments.steps), *peak, *["--float64"] * arguments.float64]
    table = []
    print(
        "| recipe | steps | run | losses and metrics | weights | predictions |\n" + "|---" * 6 + "|"
    )
    with tempfile.TemporaryDirectory() as folder:
        for recipe in arguments.recipes:
            expected = run(recipe, "default", 1, options, Path(folder))
            for name in arguments.runs:
                strategy, workers = RUNS[name]
                results = run(recipe, strategy, workers, options, Path(folder))
                gaps = differences(results, expected)
                table.append({"recipe": recipe, "run": name, "steps": arguments.steps, **gaps})
                cells = [f"{gaps[kind]:.1e}" for kind in ("values", "weights", "predicted")]
                print(
                    "|", " | ".join([recipe, str(arguments.steps), name, *cells]), "|", flush=True
                )
    if arguments.json:
        arguments.json.write_text(json.dumps(table, indent=2))


if __name__ == "__main__":
    main()
