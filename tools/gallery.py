"""The gallery: docs/zoo/index.md and, for its filters and its plot, docs/zoo/models.json.

tools/cards.py writes both. The page is a plain table; docs/zoo/gallery.js adds the rest.
"""

from __future__ import annotations

import json
from typing import Any

from readme_models import HEADLINES, NOTE, figure

import kerazoo
from kerazoo.zoo.card_words import weights

INTRODUCTION = f"""---
hide: [toc]
---

# The models

One page each: what it is, how good, how large, how fast, and what it is not for. Figures are of the
official test splits, by `kerazoo evaluate`; a model without published weights is a recipe to train.
File and time are of the int8 `.tflite`, else of the smallest one that was measured: one run, one
thread, on a machine of two cores (`tools/measure_files.py`), not the same one for every
model. What was not measured is left empty, or said to be published by others. CIFAR-10 figures are
of JPEG copies of the pictures and do not compare with figures of the original pixels.
{NOTE}
<div id="gallery"></div>
"""
HEAD = ("model", "what it is", "task", "weights", "test figure", "file", "one run")


def index() -> str:
    """All models in a table."""
    cards = [kerazoo.info(name) for name in kerazoo.list_models()]
    rows = [HEAD, ("---",) * len(HEAD), *(_row(card) for card in cards)]
    return INTRODUCTION + "\n" + "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def models_json() -> str:
    """The figures of all models, for gallery.js."""
    return json.dumps([_figures(kerazoo.info(n)) for n in kerazoo.list_models()], indent=1) + "\n"


def _row(card: kerazoo.ModelCard) -> tuple[str, ...]:
    kind = _small_file(card)
    size = f"{kind} {card.files[kind]['size_bytes'] / 1000:,.0f} kB" if kind else ""
    time = f"{card.files[kind]['latency_us']:,.0f} µs" if kind else ""
    link = f"[{card.name}]({card.name}.md)"
    return link, card.summary, card.task, weights(card), figure(card), size, time


def _small_file(card: kerazoo.ModelCard) -> str:
    """The kind of file that is shown: int8, or the smallest; empty where none was measured."""
    if "int8" in card.files:
        return "int8"
    return min(card.files, key=lambda kind: card.files[kind]["size_bytes"], default="")


def _figures(card: kerazoo.ModelCard) -> dict[str, Any]:
    files = {
        kind: {
            "size": file["size_bytes"] / 1000,
            "time": file["latency_us"],
            "figures": _headlines(file["metrics"]),
        }
        for kind, file in card.files.items()
    }
    return {
        "name": card.name,
        "task": card.task,
        "words": f"{card.name} {card.summary} {card.task} {card.dataset}{card.environment}",
        "pretrained": card.pretrained,
        "weights": card.parameters,
        "file": _small_file(card),
        "files": files,
        "figures": _headlines(card.metrics),
    }


def _headlines(metrics: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if name in HEADLINES}
