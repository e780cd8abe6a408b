#!/usr/bin/env python
"""The table of post-training helpers: mnist_cnn with weights of 4 bits, without any training.

    KERAZOO_DATA=FOLDER python tools/rounding_table.py [--bits 4] [--images 1000]

Each row is the published network as a .tflite file whose ranges have seen the first training
images; every accuracy is that of the file on the 10,000 test images, used once for each row.
Nothing is chosen: the helpers have their defaults.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from quantize_table import Data

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

SCHEMES = {4: "int4_weights", 8: "int8"}
Make = Callable[[Any, Any], Any]


def rows(bits: int) -> dict[str, Make]:
    """`make(model, images)`: the quantized model of each row."""
    from kerazoo.compress import adaround, calibrate, correct_bias, equalize, quantize_aware

    def plain(model: Any, images: Any) -> Any:
        return calibrate(quantize_aware(model, scheme=SCHEMES[bits]), images)

    def rounded(model: Any, images: Any) -> Any:
        return plain(adaround(model, images, bits=bits, progress=False), images)

    return {
        "to the nearest": plain,
        "`equalize`": lambda model, images: plain(equalize(model), images),
        "`correct_bias`": lambda model, images: correct_bias(plain(model, images), images),
        "`equalize`, `correct_bias`": lambda model, images: correct_bias(
            plain(equalize(model), images), images
        ),
        "`adaround`": rounded,
    }


def main() -> None:
    import kerazoo

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bits", type=int, choices=list(SCHEMES), default=4)
    parser.add_argument("--images", type=int, default=1000, help="for ranges, biases and rounding")
    options = parser.parse_args()
    data = Data.load("mnist")
    images = data.train[0][: options.images]
    with tempfile.TemporaryDirectory() as folder:
        for name, make in rows(options.bits).items():
            path = Path(folder) / "model.tflite"
            kerazoo.export(make(kerazoo.get("mnist_cnn"), images), path, verify=False)
            print(f"| {name} | {100 * accuracy(path, data.test):.2f} % |", flush=True)


def accuracy(path: Path, part: tuple[Any, Any]) -> float:
    import kerazoo

    x, y = part
    return float((kerazoo.load_tflite(path, threads=1).predict(x).argmax(1) == y).mean())


if __name__ == "__main__":
    main()
