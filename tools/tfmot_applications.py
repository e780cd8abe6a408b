#!/usr/bin/env python
"""What tfmot makes of keras.applications: which models it quantizes, converts, and makes integer.

    nice PYTHON-WITH-TFMOT tools/tfmot_applications.py [NAME ...] [--json FILE]

For each model of the list, in a process of its own: random weights, 96x96 pixels, no activation at
the top; `tfmot.quantization.keras.quantize_model`, three batches in training mode that give the
ranges their values, and the TFLite converter as tfmot's guide calls it. Where `quantize_model`
refuses the model, a second try quantizes only the layers that tfmot knows and leaves the others
(`quantize_annotate_layer` on each, `quantize_apply`). Integer-only is kerazoo's own count over the
file: no operator between the two ends touches a float.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

MODELS = (
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Small",
    "EfficientNetB0",
    "EfficientNetV2B0",
    "ResNet50",
    "DenseNet121",
    "NASNetMobile",
    "InceptionV3",
    "Xception",
    "ConvNeXtTiny",
)
WAYS = ("quantize_model", "known layers only")
SIDE, BATCH, MINUTES = 96, 4, 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=MODELS)
    parser.add_argument("--json", help="write the results there, after each model")
    parser.add_argument("--worker", nargs=2, metavar=("WAY", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(quantize(options.names[0], *options.worker)))
        return
    results = []
    for name in options.names:
        results.append(measure(name))
        print(table_line(results[-1]), flush=True)
        if options.json:
            Path(options.json).write_text(json.dumps(results, indent=2))
    converted = sum(result["way"] == WAYS[0] for result in results)
    integer = sum(result.get("integer_only", False) for result in results)
    print(f"quantize_model takes {converted} of {len(results)}; integer-only files: {integer}")


def measure(name: str) -> dict[str, Any]:
    """The first way that gives a file, and what the file holds; or why there is none."""
    errors = {}
    for way in WAYS:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.tflite"
            error = run_worker(name, way, path)
            if error is None:
                return {"model": name, "way": way, **operators(path), "errors": errors}
        errors[way] = error
    return {"model": name, "way": None, "errors": errors}


def run_worker(name: str, way: str, path: Path) -> str | None:
    """None if a file was written; else the reason, in one line."""
    command = [sys.executable, str(Path(__file__).resolve()), name, "--worker", way, str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60 * MINUTES)
    except subprocess.TimeoutExpired:
        return f"not done after {MINUTES} minutes"
    if done.returncode == 0 and path.is_file():
        return None
    lines = [line for line in done.stderr.splitlines() if "Error" in line] or ["crashed"]
    return lines[-1][:300]


def operators(path: Path) -> dict[str, Any]:
    from kerazoo.exporters import operators

    found = operators.list_operators(path.read_bytes())
    return {
        "operators": len(found),
        "float_operators": sum(operator.is_float for operator in found),
        "float_names": list(operators.float_operators(found)),
        "integer_only": not any(operator.is_float for operator in found),
    }


def table_line(result: dict[str, Any]) -> str:
    if result["way"] is None:
        return f"| {result['model']} | no | - | {list(result['errors'].values())[-1]} |"
    names = ", ".join(result["float_names"][:6]) or "none"
    floats = f"{result['float_operators']} of {result['operators']}"
    return f"| {result['model']} | {result['way']} | {floats} | {names} |"


def quantize(name: str, way: str, path: str) -> dict[str, Any]:
    """In the worker: Keras 2 throughout, which tfmot asks for before TensorFlow is imported."""
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import numpy as np
    import tensorflow as tf
    import tf_keras

    tf_keras.utils.set_random_seed(0)
    model = build(name)
    quantized = annotated(model, way)
    images = np.random.default_rng(0).uniform(0, 255, (BATCH, SIDE, SIDE, 3)).astype("float32")
    for _ in range(3):
        quantized(images, training=True)
    converter = tf.lite.TFLiteConverter.from_keras_model(quantized)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    Path(path).write_bytes(converter.convert())
    return {"layers": len(quantized.layers)}


def build(name: str) -> Any:
    import tf_keras

    return getattr(tf_keras.applications, name)(
        weights=None, input_shape=(SIDE, SIDE, 3), classifier_activation=None
    )


def annotated(model: Any, way: str) -> Any:
    import tensorflow_model_optimization as tfmot
    import tf_keras
    from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import (
        default_8bit_quantize_registry as registry,
    )

    api = tfmot.quantization.keras
    if way == "quantize_model":
        return api.quantize_model(model)
    known = registry.Default8BitQuantizeRegistry()
    return api.quantize_apply(
        tf_keras.models.clone_model(
            model,
            clone_function=lambda layer: (
                api.quantize_annotate_layer(layer) if known.supports(layer) else layer
            ),
        )
    )


if __name__ == "__main__":
    main()
