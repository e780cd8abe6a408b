#!/usr/bin/env python
"""What simpler methods make of the test part of `ml100k_two_tower`. For maintainers.

    KERAZOO_DATA=... python tools/recommendation_baselines.py

Each knows the training and the validation part, and is judged as the model is: popularity, how many
rated a film; Jaccard, the sum of a film's similarities to those that the user rated (SAR of the
project `recommenders`, without its weights by rating and age); EASE, a linear model in closed form
(Steck 2019, arXiv:1905.03375), whose strength is chosen on the validation part. Their figures go
into the model's config, beside how it was trained.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from train_weights import add_facts

import kerazoo
from kerazoo.tasks import find_task
from kerazoo.zoo.catalogue import find_config

NAME = "ml100k_two_tower"
STRENGTHS = (50, 100, 200, 400, 800, 1600)


def main() -> None:
    """A line for each, and all into the config if its weights are published."""
    strength = max(STRENGTHS, key=lambda value: figures("validation", ease, value)["ndcg_10"])
    methods = {
        "popularity": figures("test", popularity),
        "jaccard": figures("test", jaccard),
        f"ease_{strength}": figures("test", ease, strength),
    }
    facts = {
        f"{name}_test_{measure}": float(f"{value:.6g}")
        for name, measured in methods.items()
        for measure, value in measured.items()
    }
    print("\n".join(f"{name}: {value}" for name, value in facts.items()))
    if "default" in find_config(NAME).weights:
        command = "python tools/recommendation_baselines.py"
        add_facts(NAME, {**facts, "baselines_command": command})


def popularity(histories: np.ndarray) -> np.ndarray:
    """How many users rated a film, the same for all users."""
    return np.tile(histories.sum(axis=0), (len(histories), 1))


def jaccard(histories: np.ndarray) -> np.ndarray:
    """Users who rated both films, as a share of those who rated one of them, added up."""
    both = histories.T @ histories
    raters = np.diag(both)
    return histories @ (both / np.maximum(raters[:, None] + raters - both, 1))


def ease(histories: np.ndarray, strength: float) -> np.ndarray:
    """Least squares of each film by all others, with the squares of the weights as a penalty."""
    inverse = np.linalg.inv(histories.T @ histories + strength * np.eye(histories.shape[1]))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return histories @ weights


def figures(split: str, method: Callable[..., np.ndarray], *arguments: float) -> dict[str, float]:
    """The task's figures of a method that sees the histories of all users, one row each."""
    inputs, targets = kerazoo.datasets.load_numpy("ml100k", split)
    _, first, users = np.unique(targets[:, 0], return_index=True, return_inverse=True)
    histories = inputs["history"][first].astype("float64")
    scores = np.where(histories > 0, -np.inf, method(histories, *arguments))
    task, data = find_task("recommendation"), kerazoo.datasets.info("ml100k")
    return task.score(scores[users.reshape(-1)].astype("float32"), targets, data)


if __name__ == "__main__":
    main()
