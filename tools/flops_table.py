"""Does `kerazoo.inspect.profile` count the FLOPs that TensorFlow's profiler counts? A table.

    python tools/flops_table.py [--only VGG16,ResNet50] [--output FOLDER] [--again]

Every network of keras.applications with random weights, at the smallest input that it takes. The
profiler reads the frozen graph (networks of more than 10 million weights are not frozen: their
graphs hold them all) and, since it does not look into functions, the traced graph with every
function in it as well. Each network runs in a process of its own and leaves FOLDER/NAME.json; those
that are there are not run again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

LARGER = {"Xception": 71, "InceptionV3": 75, "InceptionResNetV2": 75}
"""Side of the square input in pixels, where 32 is too small."""
FROZEN_UP_TO = 10_000_000


def main() -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only")
    parser.add_argument("--output", type=Path, default=Path("build/flops"))
    parser.add_argument("--again", action="store_true", help="also run those that are there")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    if arguments.child:
        found = compared(arguments.child)
        (arguments.output / f"{arguments.child}.json").write_text(json.dumps(found))
        return
    names = arguments.only.split(",") if arguments.only else networks()
    for name in names:
        path = arguments.output / f"{name}.json"
        if arguments.again or not path.exists():
            command = [sys.executable, __file__, "--child", name, "--output", arguments.output]
            subprocess.run(list(map(str, command)), check=False)
    print(table([arguments.output / f"{name}.json" for name in names]))


def networks() -> list[str]:
    """All of keras.applications."""
    import keras

    members = vars(keras.applications).items()
    return sorted(name for name, member in members if callable(member))


def compared(name: str) -> dict[str, Any]:
    """One network's figures by both."""
    import keras

    from kerazoo.inspect import profile

    side = LARGER.get(name, 32)
    model = getattr(keras.applications, name)(weights=None, input_shape=(side, side, 3))
    start = time.perf_counter()
    found = profile(model)
    seconds = time.perf_counter() - start
    function = traced(model)
    is_small = found.parameters < FROZEN_UP_TO
    return {
        "name": name,
        "side": side,
        "parameters": found.parameters,
        "flops": found.flops,
        "frozen": flops_of_frozen(function) if is_small else None,
        "functions": flops_with_functions(function.graph),
        "seconds": round(seconds, 1),
    }


def traced(model: Any) -> Any:
    """The model's inference for one sample as a concrete function, made without kerazoo."""
    import tensorflow as tf

    specs = [tf.TensorSpec((1, *x.shape[1:]), x.dtype) for x in model.inputs]

    def call(*inputs):
        return model(inputs[0] if len(inputs) == 1 else list(inputs), training=False)

    return tf.function(call, autograph=False).get_concrete_function(*specs)


def flops_of_frozen(function: Any) -> int:
    """What TensorFlow's profiler counts on the frozen graph of a concrete function."""
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    return _of_graph(convert_variables_to_constants_v2(function).graph)


def flops_with_functions(graph: Any) -> int:
    """What it counts on a graph and, for each call of a function, on that function's graph."""
    total = _of_graph(graph)
    for operation in graph.get_operations():
        for value in operation.node_def.attr.values():
            if value.func.name:
                total += flops_with_functions(graph._get_function(value.func.name).graph)
    return total


def _of_graph(graph: Any) -> int:
    import tensorflow as tf

    builder = tf.compat.v1.profiler.ProfileOptionBuilder
    options = builder(builder.float_operation()).with_empty_output().build()
    return tf.compat.v1.profiler.profile(graph, options=options).total_float_ops


def table(paths: list[Path]) -> str:
    """The figures as Markdown; a network whose process died is left out, and named."""
    lines = [
        "| network | input | weights | FLOPs | frozen graph | with functions |",
        "|---|---|---|---|---|---|",
    ]
    for path in paths:
        if not path.exists():
            lines.append(f"| `{path.stem}` | not measured | | | | |")
            continue
        found = json.loads(path.read_text())
        ratios = [
            f"{found['flops'] / found[key] - 1:+.3%}" if found[key] else "not frozen"
            for key in ("frozen", "functions")
        ]
        lines.append(
            f"| `{found['name']}` | {found['side']} | {found['parameters']:,} | "
            f"{found['flops']:,} | {' | '.join(ratios)} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
