"""The suite "zoo": every published model on its official test split, against its bar.

Agents, whose figures are of episodes and not of a data set, are in the suite "rl".
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import kerazoo
from benchmarks.table import Row, fact, progress, row, unmeasured
from kerazoo.datasets import arrays
from kerazoo.errors import DataError, MissingDependencyError
from kerazoo.zoo.catalogue import find_any_config
from kerazoo.zoo.config import ZooConfig

# Model -> figure -> bar. BLEU is from 0 to 1; mAP at an overlap of 0.5.
BARS = {
    "bccd_detector": {"map_50": ">= 0.85"},
    "camvid_segmenter": {"mean_iou": ">= 0.52"},
    "cifar10_mobile": {"accuracy": ">= 0.88"},
    "cifar10_resnet20": {"accuracy": ">= 0.905"},
    "fsdd_ctc": {"word_error_rate": "<= 0.05"},
    "fsdd_keyword": {"accuracy": ">= 0.985"},
    "ml100k_two_tower": {"ndcg_10": ">= 0.44", "precision_10": ">= 0.39"},
    "mnist1d_cnn": {"accuracy": ">= 0.94"},
    "mnist1d_gru": {"accuracy": ">= 0.91"},
    "mnist_cnn": {"accuracy": ">= 0.995"},
    "mnist_mlp": {"accuracy": ">= 0.98"},
    "mr_text_cnn": {"accuracy": ">= 0.761"},
    "mr_text_lstm": {"accuracy": ">= 0.75"},
    "multi30k_translator": {"bleu": ">= 0.35"},
    "timeseries_forecaster": {"mean_absolute_scaled_error": "<= 1.0"},
}
FORECASTER, SEASON = "timeseries_forecaster", 12  # months
"""Its bar is for the ratio to a forecast that repeats the year before."""


def suite_zoo(options: argparse.Namespace) -> list[Row]:
    """Figures of `kerazoo.evaluate`; without a bar those of models that none was set for."""
    names = options.sizes.zoo_models or sorted({*BARS, *_published()})
    rows: list[Row] = []
    for name in names:
        progress(f"zoo: {name}")
        rows += _rows_of(name, options.sizes.zoo_samples)
    return rows


def _published() -> Iterator[str]:
    """Models with weights and a figure of a data set's test split."""
    for name in kerazoo.list_models(pretrained=True):
        config = find_any_config(name)
        if isinstance(config, ZooConfig) and config.weights["default"].metrics:
            yield name


def _rows_of(name: str, samples: int | None) -> list[Row]:
    """On the first `samples` of the split, or on all."""
    config = find_any_config(name)
    bars = BARS.get(name)
    if not config.weights:
        return _unmeasured(name, "weights not published", bars)
    if bars is None:
        bars = {figure: "" for figure in config.weights["default"].metrics if figure != "loss"}
    try:
        inputs, targets = kerazoo.datasets.load_numpy(config.data.dataset, "test")
    except (DataError, MissingDependencyError) as error:
        return _unmeasured(name, _first_sentence(error), bars)
    data = arrays.rows(inputs, slice(samples)), arrays.rows(targets, slice(samples))
    found = kerazoo.evaluate(name, data)
    if name == FORECASTER:
        return [_against_last_year(found, *data, config)]
    return [fact(f"{name}, {figure}", float(found[figure]), bar) for figure, bar in bars.items()]


def _unmeasured(name: str, reason: str, bars: dict[str, str]) -> list[Row]:
    return [unmeasured(f"{name}, {figure}", reason, bar) for figure, bar in bars.items()]


def _first_sentence(error: Exception) -> str:
    return str(error).split(". ")[0].rstrip(".")


def _against_last_year(found: dict[str, float], inputs: Any, targets: Any, config: Any) -> Row:
    """Both errors in units of the recipe's scale."""
    import numpy as np

    ((figure, bar),) = BARS[FORECASTER].items()
    (metric,) = config.training.metrics
    errors = np.abs(inputs[:, -SEASON:].reshape(targets.shape) - targets)
    peer = float(errors.mean()) / metric.arguments["scale"]
    ours = float(found[figure])
    return row(f"{FORECASTER}, {figure}", ours, "seasonal naive", peer, ours / peer, bar)
