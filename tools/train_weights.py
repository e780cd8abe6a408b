#!/usr/bin/env python
"""Train a zoo model from its config and publish the weights; a step of tools/publish.

    KERAZOO_DATA=... python tools/train_weights.py mnist_cnn

For an agent, in an environment with the extra `rl`; its "test split" are episodes of other seeds.

Runs the recipe (resumable: call again after an interruption), writes the weights in half precision
to kerazoo/weights/NAME.safetensors, evaluates them once on the test split exactly as `kerazoo
evaluate NAME` does, and writes file, hash, figures and how they came about into the config. All
choices in a recipe must have been made on the validation part before this runs.
"""

from __future__ import annotations

import argparse
import datetime
import json
import re
from pathlib import Path
from typing import Any

import msgspec

import kerazoo
from kerazoo.datasets import arrays
from kerazoo.zoo.agent_config import AgentConfig
from kerazoo.zoo.catalogue import configs_folder, find_any_config, find_config, weights_folder
from kerazoo.zoo.config_file import to_yaml
from kerazoo.zoo.weights import save_weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=kerazoo.list_models())
    parser.add_argument("--runs", type=Path, default=Path("runs/weights"), help="run folders")
    arguments = parser.parse_args()

    is_agent = isinstance(find_any_config(arguments.name), AgentConfig)
    train = kerazoo.rl.train if is_agent else kerazoo.train
    result = train(arguments.name, output_dir=arguments.runs / arguments.name)
    file = f"{arguments.name}.safetensors"
    published = {
        "file": file,
        "sha256": save_weights(result.model, weights_folder() / file),
        "metrics": {},
        "trained": (how_agent if is_agent else how)(arguments.name, result),
    }
    write_weights_section(arguments.name, published)
    published["metrics"] = measure(arguments.name)
    write_weights_section(arguments.name, published)
    print(json.dumps(published, indent=2))


def how(name: str, result: kerazoo.TrainResult) -> dict[str, Any]:
    """What a reader of the card needs to judge the figures and to repeat them."""
    config = find_config(name)
    environment = json.loads((result.run_dir / "environment.json").read_text())
    speeds = result.history["samples_per_second"]
    train, _ = kerazoo.datasets.load_numpy(config.data.dataset, "train")
    samples = round(arrays.count(train) * (1 - config.data.validation))
    validation = ", ".join(
        f"{metric.removeprefix('val_')} {value:.6g}"
        for metric, value in result.metrics.items()
        if metric.startswith("val_")
    )
    return {
        "command": f"python tools/train_weights.py {name}",
        "date": datetime.date.today().isoformat(),
        "seed": config.training.seed,
        "epochs": len(speeds),
        "precision": environment["precision"],
        "minutes": round(sum(samples / speed for speed in speeds) / 60, 1),
        **({"teacher": config.distillation.teacher} if config.distillation else {}),
        "metrics_command": f"kerazoo evaluate {name}",
        "test_samples": arrays.count(kerazoo.datasets.load_numpy(config.data.dataset, "test")[0]),
        **({"validation": validation} if validation else {}),
        "choices": (
            "made on validation data; test split evaluated once"
            if validation
            else "none: there is no validation part; test split evaluated once"
        ),
    }


def how_agent(name: str, result: kerazoo.rl.Result) -> dict[str, Any]:
    """The same for an agent, which has no data but environments."""
    best = f"return {result.metrics['mean_return']:.6g} at step {result.metrics['steps']:,}"
    return {
        "command": f"python tools/train_weights.py {name}",
        "date": datetime.date.today().isoformat(),
        "seed": find_any_config(name).reinforcement.seed,
        "steps": result.history["steps"][-1],
        "validation": best,
        "metrics_command": f"kerazoo evaluate {name}",
        "choices": "by the recipe's own evaluation episodes; those of the metrics have other seeds",
    }


def measure(name: str) -> dict[str, float]:
    """What `kerazoo evaluate NAME` prints, in a form that YAML keeps."""
    kerazoo.add_config(configs_folder() / f"{name}.yaml")  # read afresh: the file has changed
    is_agent = isinstance(find_any_config(name), AgentConfig)
    metrics = kerazoo.rl.evaluate(name) if is_agent else kerazoo.evaluate(name)
    return {metric: float(f"{value:.6g}") for metric, value in metrics.items()}


def add_facts(name: str, facts: dict[str, Any]) -> None:
    """Put what another tool found beside how the published weights were trained."""
    published = msgspec.to_builtins(find_config(name).weights["default"])
    if published["package"] is None:
        del published["package"]
    published["trained"] |= facts
    write_weights_section(name, published)


def write_weights_section(name: str, published: dict[str, Any]) -> None:
    """Put the section before `card`, in place of an earlier one; everything else stays as it is."""
    path = configs_folder() / f"{name}.yaml"
    text = re.sub(r"^weights:\n(?:[ \n].*\n?)*", "", path.read_text(), flags=re.MULTILINE)
    section = to_yaml({"weights": {"default": published}})
    before, card, after = re.split(r"^(card:)", text, maxsplit=1, flags=re.MULTILINE)
    path.write_text(f"{before}{section}{card}{after}")


if __name__ == "__main__":
    main()
