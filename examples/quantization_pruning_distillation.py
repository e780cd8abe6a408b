"""Small models: quantization, pruning and distillation of one network, in a table.

    python examples/quantization_pruning_distillation.py

Trained on 4,000 images of MNIST, judged on 1,000 others, where differences below one percent are
chance. The teacher, the zoo's network, learned from all of MNIST, these 1,000 too. Size is that of
the .tflite file, compressed as a phone's store does. How long one takes depends on the processor:
`kerazoo benchmark` says it of yours.
"""

import gzip
from pathlib import Path

import keras
import numpy as np

import kerazoo
from kerazoo import compress

images, labels = kerazoo.datasets.load_numpy("mnist", "train")
few = slice(None, None, len(images) // 5000)
images, labels = images[few], labels[few]
held_out = np.arange(len(images)) % 5 == 0  # a fifth of each digit, as they may come in order
test = images[held_out], labels[held_out]
images, labels = images[~held_out], labels[~held_out]


def fit(model: keras.Model, epochs: int, rate: float = 2e-3) -> keras.Model:
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
    augment = kerazoo.datasets.Augment(shift=0.1, rotate=10, zoom=0.1)
    batches = kerazoo.datasets.Batches(images, labels, batch_size=64, augment=augment)
    kerazoo.training.Loop(model).fit(batches, epochs=epochs, progress=False)
    return model


def small() -> keras.Model:
    keras.utils.set_random_seed(0)
    return kerazoo.get("mnist_cnn", weights=None, filters=[8, 16], dense_units=64)


def row(name: str, model: keras.Model, quantize: str | None = None) -> None:
    kerazoo.export(model, "small.tflite", quantize=quantize, calibration=images[::20])
    kilobytes = len(gzip.compress(Path("small.tflite").read_bytes())) / 1000
    file = kerazoo.load_tflite("small.tflite")
    accuracy = (file(test[0]).argmax(-1) == test[1]).mean()
    print(f"{name:28} {kilobytes:6.1f} kB {accuracy:7.1%}")


if __name__ == "__main__":
    plain = fit(small(), epochs=10)
    row("float32", plain)
    row("int8 after training", plain, "int8")
    row("int8 in training", fit(compress.quantize_aware(plain), 1, 3e-4))
    steps = 4 * -(-len(images) // 64)
    schedule = compress.PolynomialDecay(0.0, 0.8, begin_step=0, end_step=steps // 2, frequency=10)
    pruned = fit(compress.prune(plain, schedule=schedule), 4, 1e-3)
    row("80 % of weights pruned", compress.strip(pruned))
    row("pruned, then int8", compress.strip(pruned), "int8")

    student = small()
    loss = kerazoo.distill.LogitsDistillation(temperature=4.0)
    distiller = kerazoo.distill.Distiller(kerazoo.get("mnist_cnn"), student, loss)
    fit(distiller, epochs=10)
    row("distilled from the zoo's", student)
    row("distilled, int8", student, "int8")
