#!/usr/bin/env python
"""The tables of docs/guides/quantization.md: accuracy of trained networks as integer files.

    KERAZOO_DATA=FOLDER python tools/quantize_table.py cifar10 --weights FILE.keras
    KERAZOO_DATA=FOLDER python tools/quantize_table.py mnist --tfmot-python PYTHON
        [--only ROW ...] [--output-dir runs/quantize_table]

Every accuracy is that of the .tflite file on the 10,000 test images, used once, for the table; the
validation part is the recipe's own, and all choices (learning rate, epochs) were made on it.
"Same class" counts the test images that the file and the fake-quantized Keras model call alike.

cifar10: the small MobileNet after post-training quantization (1,000 training images to calibrate)
and after some epochs of quantization-aware training: SGD with momentum, the rate falling to 0 along
half a cosine, the recipe's own augmentation. "Float, trained on" is the same training without
quantization, since more training may help by itself.

mnist: the published mnist_cnn, trained on with kerazoo's and with tfmot's quantization: the same
weights, the same augmented images in the same order, Adam at the same rate. tfmot does not know the
network's first layer, the division by 255: its images are divided beforehand.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

SEED = 0
MNIST_EPOCHS, MNIST_RATE = 2, 1e-4


@dataclass(frozen=True)
class Training:
    """How long, and from which rate, a network is trained on; `scheme` None leaves it in float."""

    scheme: str | None
    epochs: int
    rate: float


CIFAR10: dict[str, Training | str | None] = {
    "float": None,
    "float, trained on": Training(None, 3, 0.02),
    "PTQ int8": "int8",
    "QAT int8": Training("int8", 3, 0.02),
    "QAT int4_weights": Training("int4_weights", 3, 0.02),
}
MNIST = ("float", "PTQ int8", "QAT int8", "tfmot QAT int8")


@dataclass(frozen=True)
class Data:
    """Training part, validation part, test split: images 0..255 and labels."""

    train: tuple[Any, Any]
    validation: tuple[Any, Any]
    test: tuple[Any, Any]

    @classmethod
    def load(cls, name: str, share: float = 0.1) -> Data:
        """The recipe's own parts (kerazoo/training/run.py)."""
        import numpy as np

        import kerazoo

        x, y = kerazoo.datasets.load_numpy(name, "train")
        order = np.random.RandomState(0).permutation(len(x))
        count = round(len(x) * share)
        held_out, kept = np.sort(order[:count]), np.sort(order[count:])
        return cls(
            (x[kept], y[kept]),
            (x[held_out], y[held_out]),
            kerazoo.datasets.load_numpy(name, "test"),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", choices=["cifar10", "mnist"])
    parser.add_argument("--weights", help="of cifar10_mobile: a .keras or .safetensors file")
    parser.add_argument("--only", nargs="*", help="rows of the table")
    parser.add_argument("--output-dir", default="runs/quantize_table")
    parser.add_argument("--tfmot-python", help="a Python in which tfmot is installed")
    parser.add_argument("--epochs", type=int, help="instead of the row's own")
    parser.add_argument("--rate", type=float, help="instead of the row's own")
    parser.add_argument("--no-test", action="store_true", help="the validation part alone")
    options = parser.parse_args()
    folder = Path(options.output_dir) / options.table
    folder.mkdir(parents=True, exist_ok=True)
    data = Data.load(options.table)
    row = cifar10_row if options.table == "cifar10" else mnist_row
    for name in options.only or (CIFAR10 if options.table == "cifar10" else MNIST):
        result = {"row": name, **row(name, data, folder, options)}
        with (folder / "rows.jsonl").open("a") as file:
            file.write(json.dumps(result) + "\n")
        print(table_line(result), flush=True)


def cifar10_row(name: str, data: Data, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    import keras

    import kerazoo

    keras.utils.set_random_seed(SEED)
    model = kerazoo.get("cifar10_mobile", weights=options.weights)
    path, how = folder / f"{name.replace(' ', '_').replace(',', '')}.tflite", CIFAR10[name]
    if not isinstance(how, Training):
        report = kerazoo.export(model, path, quantize=how, calibration=data.train[0][:1000])
        return measured(model, path, report, data, options)
    how = Training(how.scheme, options.epochs or how.epochs, options.rate or how.rate)
    trained = path.with_suffix(".keras")
    if trained.is_file():  # an earlier call's
        model = keras.saving.load_model(trained)
    else:
        if how.scheme is not None:
            model = kerazoo.compress.quantize_aware(model, scheme=how.scheme)
        fit(model, data, how)
        model.save(trained)
    report = kerazoo.export(model, path, verify=False)  # all test images are compared below
    return {"training": asdict(how), **measured(model, path, report, data, options)}


def fit(model: Any, data: Data, how: Training) -> None:
    import keras

    import kerazoo

    batches = kerazoo.datasets.Batches(
        *data.train, batch_size=128, seed=SEED, augment=kerazoo.datasets.info("cifar10").augment
    )
    steps = len(batches) * how.epochs
    model.compile(
        keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(how.rate, steps), 0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(batches.starting_at(), epochs=how.epochs, steps_per_epoch=len(batches), verbose=2)


def mnist_row(name: str, data: Data, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    import keras

    import kerazoo

    keras.utils.set_random_seed(SEED)
    model, path = kerazoo.get("mnist_cnn"), folder / f"{name.replace(' ', '_')}.tflite"
    if name in ("float", "PTQ int8"):
        quantize = None if name == "float" else "int8"
        report = kerazoo.export(model, path, quantize=quantize, calibration=data.train[0][:1000])
        return measured(model, path, report, data, options)
    x, y = augmented(data, options.epochs or MNIST_EPOCHS)
    steps = -(-len(x) // 128)
    schedule = keras.optimizers.schedules.CosineDecay(options.rate or MNIST_RATE, steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.Adam(schedule)
    if name == "tfmot QAT int8":
        return tfmot_row(model, x, y, optimizer, loss, path, data, options)
    quantized = kerazoo.compress.quantize_aware(model)
    quantized.compile(optimizer, loss, metrics=["accuracy"])
    quantized.fit(x, y, batch_size=128, shuffle=False, verbose=2)
    report = kerazoo.export(quantized, path, verify=False)  # all test images are compared below
    return measured(quantized, path, report, data, options)


def tfmot_row(
    model: Any,
    x: Any,
    y: Any,
    optimizer: Any,
    loss: Any,
    path: Path,
    data: Data,
    options: argparse.Namespace,
) -> dict[str, Any]:
    """The network without its first layer, on images from 0 to 1."""
    import keras

    import kerazoo
    from kerazoo.exporters import operators

    body = keras.Sequential([keras.Input((28, 28, 1)), *model.layers[2:]])
    result = kerazoo.compress.quantize_with_tfmot(
        body,
        (x / 255).astype("float32"),
        y,
        optimizer=optimizer,
        loss=loss,
        metrics=["accuracy"],
        batch_size=128,
        shuffle=False,
        python=options.tfmot_python,
    )
    path.write_bytes(result.tflite)
    found = operators.list_operators(result.tflite)
    return {
        **accuracies(path, data, options, scale=1 / 255),
        "bytes": len(result.tflite),
        "integer_only": not operators.float_operators(found),
    }


def augmented(data: Data, epochs: int) -> tuple[Any, Any]:
    """The training images of some epochs, one after the other, distorted as the recipe does."""
    import numpy as np

    import kerazoo

    batches = kerazoo.datasets.Batches(
        *data.train, batch_size=1000, seed=SEED, augment=kerazoo.datasets.info("mnist").augment
    )
    pairs = batches.starting_at().take(len(batches) * epochs).as_numpy_iterator()
    images, labels = zip(*((np.round(x).astype(np.uint8), y) for x, y in pairs), strict=True)
    return np.concatenate(images), np.concatenate(labels)


def measured(
    model: Any, path: Path, report: Any, data: Data, options: argparse.Namespace
) -> dict[str, Any]:
    """What the file holds and how often it is right, and how often its model calls it alike."""
    facts = accuracies(path, data, options)
    if not options.no_test:
        images = data.test[0]
        file_classes = load(path).predict(images).argmax(1)
        model_classes = model.predict(images, batch_size=500, verbose=0).argmax(1)
        facts["same_class"] = float((file_classes == model_classes).mean())
    return {**facts, "bytes": report.size_bytes, "integer_only": report.integer_only}


def accuracies(
    path: Path, data: Data, options: argparse.Namespace, *, scale: float = 1.0
) -> dict[str, float]:
    file = load(path)
    parts = {"validation": data.validation} if options.no_test else vars(data)
    return {
        part: float((file.predict(x * scale if scale != 1 else x).argmax(1) == y).mean())
        for part, (x, y) in parts.items()
        if part != "train"
    }


def load(path: Path) -> Any:
    """The file on one thread: TFLite's own kernels for 4 bits wait for each other on several."""
    import kerazoo

    return kerazoo.load_tflite(path, threads=1)


def table_line(result: dict[str, Any]) -> str:
    shown = [
        f"{100 * result[key]:.2f} %" if key in result else "-"
        for key in ("test", "validation", "same_class")
    ]
    size = f"{result['bytes'] / 1e3:.0f} kB"
    return f"| {' | '.join([result['row'], *shown, size, str(result['integer_only'])])} |"


if __name__ == "__main__":
    main()
