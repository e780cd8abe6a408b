#!/usr/bin/env python
"""Measure the .tflite files of published zoo models and put the figures into their configs.

    KERAZOO_DATA=... python tools/measure_files.py [NAME ...]    # all with weights if none is named

Each kind of file is exported as `kerazoo export NAME --quantize KIND` does, and judged on the test
split as `kerazoo evaluate FILE` does: size, median time of one run with one thread on this machine,
metrics. A kind that cannot be had, or that disagrees with the model, is left out, and said.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import msgspec
from train_weights import write_weights_section

import kerazoo
from kerazoo.zoo.agent_config import AgentConfig
from kerazoo.zoo.catalogue import find_any_config

KINDS = {"float32": None, "float16": "float16", "dynamic": "dynamic", "int8": "int8"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="models of `kerazoo list`")
    names = parser.parse_args().names or kerazoo.list_models(pretrained=True)
    for name in names:
        config = find_any_config(name)
        if config.weights["default"].package is not None:
            print(f"{name}: its weights are not ours")
            continue
        files = {kind: figures for kind in KINDS if (figures := measure(config, kind))}
        published = msgspec.to_builtins(config.weights["default"])
        del published["package"]
        write_weights_section(name, {**published, "files": files})


def measure(config: Any, kind: str) -> dict[str, Any] | None:
    """Size, time and metrics of one kind of file; None if it cannot be had."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        try:
            report = kerazoo.export(config.name, path, quantize=KINDS[kind])
        except kerazoo.KerazooError as error:
            print(f"{config.name}: no {kind} file: {error}")
            return None
        evaluate = kerazoo.rl.evaluate if isinstance(config, AgentConfig) else kerazoo.evaluate
        metrics = {name: float(f"{value:.6g}") for name, value in evaluate(path).items()}
    print(f"{config.name}: {kind}, {report.size_bytes:,} bytes, {report.latency_us}, {metrics}")
    median = float(f"{report.latency_us.median:.3g}")
    return {"size_bytes": report.size_bytes, "latency_us": median, "metrics": metrics}


if __name__ == "__main__":
    main()
