"""Do the networks of keras.applications become integer files? A table, one network at a time.

    python tools/applications_table.py [--only MobileNetV2,ResNet50] [--output FOLDER] [--again]

Each network is built with random weights and without a classifier's softmax, its batch
normalization is calibrated, it goes through `quantize_aware`, `calibrate` and `export`, and its
file is compared with it: at the end, and operator by operator, each fed the file's own inputs.
Every network runs in a process of its own, so that its memory is given back, and leaves
FOLDER/NAME.json; those that are there are not run again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

NETWORKS = {
    "MobileNet": 96,
    "MobileNetV2": 96,
    "MobileNetV3Small": 96,
    "EfficientNetB0": 96,
    "EfficientNetV2B0": 96,
    "ResNet50": 96,
    "DenseNet121": 96,
    "NASNetMobile": 96,
    "InceptionV3": 96,
    "Xception": 96,
    "ConvNeXtTiny": 96,
}
"""Name -> side of the square input in pixels."""

IMAGES, COMPARED = 16, 4


def main() -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(NETWORKS))
    parser.add_argument("--output", type=Path, default=Path("build/applications"))
    parser.add_argument("--again", action="store_true", help="also run those that are there")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    if arguments.child:
        result = _examined(arguments.child)
        (arguments.output / f"{arguments.child}.json").write_text(json.dumps(result, indent=1))
        return
    names = arguments.only.split(",")
    for name in names:
        path = arguments.output / f"{name}.json"
        if arguments.again or not path.exists():
            command = [sys.executable, __file__, "--child", name, "--output", arguments.output]
            if subprocess.run(list(map(str, command)), check=False).returncode:
                path.write_text(json.dumps({"error": "the process was killed"}))
    print(
        table({name: json.loads((arguments.output / f"{name}.json").read_text()) for name in names})
    )


def table(results: dict[str, dict]) -> str:
    """The results as a table in Markdown."""
    head = (
        "| network | integer only | left in float | end to end, steps: most / mean | same class "
        "| operators compared | within 1 step | most steps | beyond the limits | seconds |"
    )
    lines = [head, "|" + "---|" * 10]
    for name, result in results.items():
        if "error" in result:
            lines.append(f"| {name} | no file: {result['error']} |" + " |" * 8)
            continue
        lines.append(
            f"| {name} | {'yes' if not result['float_operators'] else 'no'} "
            f"| {', '.join(result['left_in_float'] or result['float_operators']) or '-'} "
            f"| {result['most']:.0f} / {result['mean']:.1f} | {result['agreement']:.2f} "
            f"| {result['compared']} of {result['compared'] + result['uncompared']} "
            f"| {result['within_one']:.3%} | {result['most_per_operator']:.0f} "
            f"| {len(result['unsound'])} | {result['seconds']:.0f} |"
        )
    return "\n".join(lines)


def _examined(name: str) -> dict:
    started = time.perf_counter()
    try:
        result = _compare(name)
    except Exception as error:
        traceback.print_exc()
        return {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}
    return {**result, "seconds": time.perf_counter() - started}


def _compare(name: str) -> dict:
    import keras
    import numpy as np

    import kerazoo
    from kerazoo.compress import calibrate, quantize_aware
    from kerazoo.compress._composite_layers import is_composite
    from kerazoo.compress._graph import Graph
    from kerazoo.compress._plan import make_plan
    from kerazoo.compress.scheme import SchemeByLayer
    from kerazoo.exporters.interface import describe
    from kerazoo.exporters.operator_steps import compare_operators
    from kerazoo.exporters.operators import count, float_operators, list_operators

    keras.utils.set_random_seed(0)
    size = NETWORKS[name]
    images = _images(size)
    model = getattr(keras.applications, name)(
        weights=None, input_shape=(size, size, 3), classes=100, classifier_activation=None
    )
    _calibrate_normalization(model, images)
    plan = make_plan(Graph.from_model(model, expand=is_composite), model, SchemeByLayer("int8"))
    quantized = quantize_aware(model)
    calibrate(quantized, images)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        kerazoo.export(quantized, path, verify=False)
        content = path.read_bytes()
        file = kerazoo.load_tflite(path)
    operators = list_operators(content)
    got, want = np.asarray(file(images)), np.asarray(quantized(images))
    step = _output_step(content)
    difference = np.abs(got - want) / step
    interface = describe(quantized)
    samples = {interface.inputs[0].name: images[:COMPARED]}
    compared = compare_operators(quantized, interface, content, samples)
    return {
        "float_operators": list(float_operators(operators)),
        "left_in_float": plan.in_float,
        "operators": count(operators),
        "most": float(difference.max()),
        "mean": float(difference.mean()),
        "spread": float(want.std() / step),
        "agreement": float(np.mean(got.argmax(-1) == want.argmax(-1))),
        "compared": len(compared.layers),
        "uncompared": len(compared.uncompared),
        "within_one": compared.share_within_one,
        "most_per_operator": compared.max_steps,
        "unsound": [str(one) for one in compared.unsound],
    }


def _images(size: int):
    """Smooth coloured noise, 0..255: neighbouring pixels are alike, as in photographs."""
    import numpy as np

    rng = np.random.default_rng(0)
    coarse = rng.uniform(0, 255, (IMAGES, size // 8, size // 8, 3))
    smooth = np.repeat(np.repeat(coarse, 8, axis=1), 8, axis=2)
    return np.clip(smooth + rng.normal(0, 20, smooth.shape), 0, 255).astype("float32")


def _calibrate_normalization(model, images) -> None:
    """Moving statistics are those of `images`: of fresh ones every deep network is all but 0."""
    import keras

    layers = [x for x in model._flatten_layers() if isinstance(x, keras.layers.BatchNormalization)]
    before = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0
    model(images, training=True)
    for layer, momentum in zip(layers, before, strict=True):
        layer.momentum = momentum


def _output_step(content: bytes) -> float:
    from kerazoo.exporters.flatbuffer import unpack

    graph = unpack(content).subgraphs[0]
    last = next(op for op in graph.operators if int(op.outputs[0]) == int(graph.outputs[0]))
    scale = graph.tensors[int(last.inputs[0])].quantization.scale
    return float(scale[0]) if scale is not None and len(scale) else 1.0


if __name__ == "__main__":
    main()
