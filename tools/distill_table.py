#!/usr/bin/env python
"""The table of docs/guides/distillation.md: a small student with and without a teacher.

    KERAZOO_DATA=FOLDER python tools/distill_table.py [--seeds 5] [--epochs 60] [--only NAME ...]

Teacher: the published mnist_cnn (it has seen all 60,000 training labels). Student: three small
convolutions with batch normalization, 6,386 weights, trained on 1,000 labelled images of MNIST's
training split. Learning rate, weights and temperatures are chosen on 5,000 other images of the
training split; the test split is used once, for the figures of the table. The 1,000 images are the
same in all runs; a seed sets the initial weights and the order of the images, for all losses alike.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

LABELLED, VALIDATION, BATCH = 1_000, 5_000, 50
RATES = (3e-3, 1e-2)  # at first, falling to 0 along a half cosine
MAPS = {"teacher_layer_name": ["pool_1", "pool_2"], "student_layer_name": ["pool_1", "pool_2"]}
LAST_MAP = {"teacher_layer_name": "pool_2", "student_layer_name": "pool_2"}
EMBEDDING = {"teacher_layer_name": "dense", "student_layer_name": "embedding"}
TEACHER_LAYERS = ["pool_1", "pool_2", "dense"]


@dataclass(frozen=True)
class Setting:
    """One choice for a loss: its arguments, its weight, and `student_loss_weight`."""

    arguments: dict[str, Any] = field(default_factory=dict)
    weight: float = 1.0
    student_loss_weight: float = 0.5

    def __str__(self) -> str:
        shown = {k: v for k, v in self.arguments.items() if not k.endswith("layer_name")}
        words = [f"{name} {value:g}" for name, value in shown.items()]
        return ", ".join([*words, f"weight {self.weight:g}, labels {self.student_loss_weight:g}"])


CHOICES: dict[str, list[Setting]] = {
    "logits": [Setting({"temperature": t}, 1.0, 0.1) for t in (4.0, 8.0, 16.0)],
    "decoupled": [
        Setting({"temperature": t, "beta": b}, 1.0, 0.1) for t in (4.0, 8.0) for b in (1.0, 4.0)
    ],
    "dist": [Setting({"temperature": t}, 1.0, 0.1) for t in (2.0, 4.0, 8.0)],
    "features": [Setting(EMBEDDING, w) for w in (1.0, 10.0, 100.0)],
    "attention": [Setting(MAPS, w) for w in (1.0, 10.0, 100.0)],
    "similarity": [Setting(LAST_MAP, w) for w in (10.0, 100.0, 1000.0)],
    "relational": [Setting(EMBEDDING, w) for w in (1.0, 10.0, 100.0)],
    "contrastive": [Setting({**EMBEDDING, "memory_size": 512}, w) for w in (0.005, 0.02, 0.1)],
}


def student(seed: int) -> Any:
    """Raw pixels 0..255 in, logits out; 6,386 weights."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(seed)
    inputs = keras.Input((28, 28, 1))
    x = layers.Rescaling(1 / 255)(inputs)
    for number, width in enumerate((8, 16, 32), start=1):
        x = layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))  # few steps
        if number < 3:
            x = layers.MaxPooling2D(name=f"pool_{number}")(x)
    x = layers.GlobalAveragePooling2D(name="embedding")(x)
    return keras.Model(inputs, layers.Dense(10, name="logits")(x), name="student")


class Data:
    """Training images with the teacher's outputs, and the two parts to measure on."""

    def __init__(self, teacher: Any):
        import numpy as np
        import tensorflow as tf

        import kerazoo

        x, y = kerazoo.datasets.load_numpy("mnist", "train")
        if len(x) < 60_000:
            sys.exit("The table needs MNIST's 60,000 training images: set KERAZOO_DATA.")
        order = np.random.default_rng(0).permutation(len(x))
        rows, rest = order[:LABELLED], order[LABELLED : LABELLED + VALIDATION]
        batches = tf.data.Dataset.from_tensor_slices((x[rows], y[rows])).batch(BATCH)
        self.plain = batches.unbatch().cache()
        cached = kerazoo.distill.cache_teacher(teacher, batches, layers=TEACHER_LAYERS)
        self.cached = cached.unbatch().cache()
        self.validation = x[rest], y[rest]
        self.test = kerazoo.datasets.load_numpy("mnist", "test")

    def epochs(self, samples: Any, seed: int) -> Any:
        return samples.shuffle(LABELLED, seed=seed).batch(BATCH)


class Trial:
    """A student and how it is trained; compiled once, started anew for each seed."""

    def __init__(self, model: Any, samples: Any, net: Any, rate: float, epochs: int):
        import keras

        self.model, self.samples, self.net, self.epochs = model, samples, net, epochs
        steps = epochs * LABELLED // BATCH
        model.compile(
            keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(rate, steps)),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        model.optimizer.build(model.trainable_variables)
        variables = [*model.variables, *model.optimizer.variables]
        self._start = [(variable, variable.numpy()) for variable in variables]

    def run(self, data: Data, seed: int) -> None:
        for variable, value in self._start:
            variable.assign(value)
        self.net.set_weights(student(seed).get_weights())
        self.model.fit(data.epochs(self.samples, seed), epochs=self.epochs, verbose=0)

    def accuracy(self, part: tuple[Any, Any]) -> float:
        """Percent."""
        logits = self.net.predict(part[0], batch_size=500, verbose=0)
        return 100 * float((logits.argmax(axis=1) == part[1]).mean())


def plain_trial(data: Data, rate: float, epochs: int) -> Trial:
    net = student(0)
    return Trial(net, data.plain, net, rate, epochs)


def distilled_trial(
    data: Data, teacher: Any, name: str, setting: Setting, rate: float, epochs: int
) -> Trial:
    from kerazoo import distill

    net = student(0)
    distiller = distill.Distiller(
        teacher,
        net,
        {"name": name, **setting.arguments},
        loss_weights=[setting.weight],
        student_loss_weight=setting.student_loss_weight,
    )
    return Trial(distiller, data.cached, net, rate, epochs)


def best_trial(data: Data, trials: Iterable[tuple[Any, Trial]]) -> tuple[Any, Trial]:
    """The choice whose student is best on the validation part, with a seed of its own."""
    scored = []
    for choice, trial in trials:
        trial.run(data, seed=100)
        scored.append((trial.accuracy(data.validation), choice, trial))
        print(f"... {choice}: validation {scored[-1][0]:.2f} %", file=sys.stderr, flush=True)
    _, choice, trial = max(scored, key=lambda item: item[0])
    return choice, trial


def test_accuracies(data: Data, trial: Trial, seeds: int) -> list[float]:
    values = []
    for seed in range(seeds):
        trial.run(data, seed)
        values.append(trial.accuracy(data.test))
    return values


def standard_error(values: list[float]) -> float:
    return statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")


def table_row(name: str, choice: Any, values: list[float], peers: list[float]) -> str:
    difference = statistics.mean(values) - statistics.mean(peers)
    error = (standard_error(values) ** 2 + standard_error(peers) ** 2) ** 0.5
    cells = [name, str(choice), f"{statistics.mean(values):.2f}", f"{standard_error(values):.2f}"]
    against = ["", ""] if values is peers else [f"{difference:+.2f}", f"{difference / error:.1f}"]
    return "| " + " | ".join(cells + against) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--only", nargs="*", choices=[*CHOICES], default=[*CHOICES])
    options = parser.parse_args()

    import kerazoo

    teacher = kerazoo.get("mnist_cnn")
    data = Data(teacher)
    choices = ((rate, plain_trial(data, rate, options.epochs)) for rate in RATES)
    rate, trial = best_trial(data, choices)
    peers = test_accuracies(data, trial, options.seeds)
    print("| loss | chosen on the validation part | test accuracy, % | s.e. | gain | gain / s.e. |")
    print("|---|---|--:|--:|--:|--:|")
    print(table_row("no teacher", f"learning rate {rate:g}", peers, peers), flush=True)
    for name in options.only:
        trials = (
            (setting, distilled_trial(data, teacher, name, setting, rate, options.epochs))
            for setting in CHOICES[name]
        )
        setting, trial = best_trial(data, trials)
        values = test_accuracies(data, trial, options.seeds)
        print(table_row(name, setting, values, peers), flush=True)


if __name__ == "__main__":
    main()
