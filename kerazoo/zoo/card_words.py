"""A card in words: names and texts, the same for `kerazoo info` and for the pages of the models."""

from __future__ import annotations

from kerazoo.zoo.card import UNREADABLE, ModelCard

SHORT = 20
"""Labels that are all named; of more, only how many there are."""

NAMES = {
    "bleu": "BLEU",
    "error": "scaled error",
    "map": "mAP@50:95",
    "map_50": "mAP@50",
    "mean_absolute_scaled_error": "scaled error",
    "mean_iou": "mean IoU",
    "ndcg_10": "nDCG@10",
    "precision_10": "precision@10",
    "r2_score": "R²",
    # How weights were made.
    "beam_search_validation_bleu": "BLEU of beam search, validation",
    "by": "trained by",
    "compared_with": "compared with",
    "largest_difference_random": "largest difference, random pixels",
    "largest_difference_real": "largest difference, photographs",
}
SHARES = ("accuracy", "pixel_accuracy", "token_accuracy", "word_error_rate")
"""Told as percent."""
BESIDE = "_test_"
"""In `trained`, between the name of another method and the metric that it was measured by."""
_NOT_OF_THE_MAKING = ("cross_validation", "metrics_command", "minutes_of", "published_", "test_s")
"""Beginnings of what stands elsewhere on the card."""


def facts(card: ModelCard) -> dict[str, str]:
    """What the model is, takes and gives."""
    arguments = ", ".join(f"{key}={value}" for key, value in card.arguments.items())
    rows = {
        "task": card.task,
        "input": card.input,
        "output": card.output,
        "labels": _labels(card.labels),
        "data": card.dataset or f"{card.environment} (an environment)",
        "licence of the data": card.data_license,
        "weights": weights(card),
        "builder": f"{card.builder}({arguments})",
        "licence": card.license,
    }
    return {key: text for key, text in rows.items() if text}


def weights(card: ModelCard) -> str:
    """How many there are, or why that is not known."""
    if card.parameters:
        return f"{card.parameters:,}"
    return "in a pip package" if card.pretrained else "not published"


def measured(card: ModelCard) -> dict[str, str]:
    """Our figures, each with its standard error or the number of seeds; then those of others."""
    rows = {}
    for metric, value in card.metrics.items():
        if metric not in ("standard_error", "episodes"):
            rows[name_of(metric)] = f"{figure(card, metric)} ({_footing(card, metric, value)})"
    if "cross_validation" in card.trained:
        rows["cross-validation"] = ": ".join(
            filter(None, [card.cross_validation, str(card.trained["cross_validation"])])
        )
    for key, found in card.trained.items():
        if BESIDE in key:
            method, metric = key.split(BESIDE)
            rows[f"{name_of(metric)}, {name_of(method)}"] = rounded(metric, found)
    for number, other in enumerate(card.published):
        key = "published" if number == 0 else f"published, {number + 1}"
        rows[key] = f"{': '.join(filter(None, [other['figure'], other['of']]))} ({other['source']})"
    return rows


def figure(card: ModelCard, metric: str) -> str:
    """One of the card's metrics, with its standard error where that is known."""
    value, error = card.metrics[metric], card.standard_errors.get(metric)
    text = rounded(metric, value)
    if error is None:
        return text
    if metric in SHARES:
        return f"{text} ± {100 * error:.2f}"
    return f"{value:.2f} ± {error:.2f}"


def rounded(metric: str, value: object) -> str:
    """A metric's value as a person reads it: a share as percent, else four digits."""
    if not isinstance(value, float):
        return str(value)
    return f"{100 * value:.2f} %" if metric in SHARES else f"{value:.4g}"


def files(card: ModelCard) -> list[list[str]]:
    """Sizes, times and the figures of each kind of file, below a head; empty if never measured."""
    if not card.files:
        return []
    metrics = list(dict.fromkeys(name for file in card.files.values() for name in file["metrics"]))
    rows = [["file", "kilobytes", "microseconds", *map(name_of, metrics)]]
    for kind, file in card.files.items():
        found = file["metrics"]
        figures = [rounded(name, found[name]) if name in found else "" for name in metrics]
        rows.append(
            [kind, f"{file['size_bytes'] / 1000:,.0f}", f"{file['latency_us']:,.0f}", *figures]
        )
    return rows


def made(card: ModelCard) -> dict[str, str]:
    """How the published weights came about."""
    return {
        name_of("minutes of training" if key == "minutes" else key): _made(card, key)
        for key in card.trained
        if not key.startswith(_NOT_OF_THE_MAKING) and BESIDE not in key
    }


def use(card: ModelCard) -> list[str]:
    """Commands to begin with."""
    export = f"kerazoo export {card.name} model.tflite"
    if not card.pretrained:
        return [card.training_command]
    if card.dataset == UNREADABLE:
        return [f"kerazoo predict {card.name} photo.jpg", card.training_command, export]
    return [f"kerazoo evaluate {card.name}", export, card.training_command]


def name_of(key: str) -> str:
    """A field or a metric in words."""
    return NAMES.get(key, key.replace("_", " "))


def _labels(labels: list[str]) -> str:
    if len(labels) <= SHORT:
        return ", ".join(labels)
    return f"{len(labels):,}: {', '.join(labels[:3])} ... {labels[-1]}"


def _footing(card: ModelCard, metric: str, value: float) -> str:
    """What a figure is worth."""
    samples = card.trained.get("test_samples")
    if metric == "mean_return" and "episodes" in card.metrics:
        return f"standard error over {card.metrics['episodes']:.0f} episodes, one seed"
    if metric in card.standard_errors:
        return f"standard error over the {samples:,} test samples, one seed"
    if metric == "accuracy" and value == 1 and samples:
        return f"all of the {samples:,} test samples, which leaves no standard error; one seed"
    return "one seed"


def _made(card: ModelCard, key: str) -> str:
    value = card.trained[key]
    if key == "minutes":
        return f"{value}, {card.trained.get('minutes_of', 'on a machine of two cores')}"
    return f"{value:,}" if isinstance(value, int) and key != "seed" else str(value)
