"""Which samples an export calibrates and checks with: those given, else the zoo model's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kerazoo.errors import DataError
from kerazoo.exporters.modes import CALIBRATED_MODES

if TYPE_CHECKING:
    from kerazoo.exporters.calibration import Samples
    from kerazoo.exporters.checking import CheckData
    from kerazoo.exporters.interface import Interface

_END = "samples from the end of training data"
LABELLED_SAMPLES = 2048
HELD_OUT_SAMPLES = 200
CHECKED_CALIBRATION_SAMPLES = 100
"""Of both kinds enough to see a disagreement of one per cent, in a few seconds of running."""


def choose_samples(
    model: Any,
    interface: Interface,
    card: Any,
    calibration: Any,
    quantize: str | None,
    verify: bool,
) -> tuple[Samples | None, CheckData | None]:
    """Calibration samples if the mode needs them, and what to check with if that is wanted."""
    from kerazoo.exporters.calibration import CALIBRATION_SAMPLES, collect, join, split, take
    from kerazoo.exporters.checking import CheckData
    from kerazoo.exporters.samples import random_samples

    needed = quantize in CALIBRATED_MODES
    if not needed and not verify and calibration is None:
        return None, None
    _check_numbers(interface)
    if calibration is not None:
        most = CALIBRATION_SAMPLES + HELD_OUT_SAMPLES
        given = collect(calibration, interface.inputs, most=most)
        ranges, held_out = split(given, first=CALIBRATION_SAMPLES)
        words = "held-out samples"
    else:
        found = _zoo_samples(card, interface, needed)
        if found is None and needed:
            raise DataError(
                f"quantize={quantize!r} needs `calibration`: a few hundred typical inputs of the "
                "model, as one array per input or a tf.data.Dataset; in a command --calibration, a "
                "folder of images or a .npy file."
            )
        if found is None:
            samples = _examples(card, interface)
            if samples is not None:
                return None, CheckData(samples, f"examples of what {card.dataset} has")
            samples, words = random_samples(model, interface, HELD_OUT_SAMPLES)
            return None, CheckData(samples, f"{HELD_OUT_SAMPLES} {words}")
        ranges, held_out, words = found
    if not verify:
        return ranges, None
    checked = take(ranges, CHECKED_CALIBRATION_SAMPLES)
    counts = [len(next(iter(part.values()))) for part in (checked, held_out)]
    text = f"{counts[0]} calibration samples" + (f" and {counts[1]} {words}" if counts[1] else "")
    return ranges, CheckData(join([checked, held_out]), text)


def _check_numbers(interface: Interface) -> None:
    texts = [port.name for port in interface.inputs if port.dtype == "string"]
    if texts:
        raise DataError(
            f"The input {texts[0]!r} takes texts, and files are compared on numbers only: leave "
            "`calibration` out and pass verify=False (`--no-verify`)."
        )


def _zoo_samples(
    card: Any, interface: Interface, needed: bool
) -> tuple[Samples, Samples, str] | None:
    """Calibration and held-out samples of the card's data set; None when there are none that fit.

    Raises:
        DataError: the data set cannot be had, and the export cannot do without it.
    """
    from kerazoo import datasets
    from kerazoo.datasets import arrays
    from kerazoo.exporters.calibration import CALIBRATION_SAMPLES, collect
    from kerazoo.tasks import inputs_for

    if card is None or not card.dataset:
        return None
    try:
        names = [port.name for port in interface.inputs]
        train = inputs_for(names, datasets.load_numpy(card.dataset, "train")[0])
        try:
            unseen = inputs_for(names, datasets.load_numpy(card.dataset, "test")[0])
            words = "test samples"
        except DataError:
            cut = arrays.count(train) * 4 // 5
            unseen, words = arrays.rows(train, slice(cut, None)), _END
            train = arrays.rows(train, slice(cut))
        return (
            collect(train, interface.inputs, most=CALIBRATION_SAMPLES),
            collect(unseen, interface.inputs, most=HELD_OUT_SAMPLES),
            f"{words} of {card.dataset}",
        )
    except DataError as error:
        if needed:
            raise DataError(
                f"{error} To export, pass typical inputs as `calibration` (`--calibration`), or "
                "choose what needs none: quantize='float16' or quantize=None (`--quantize none`)."
            ) from error
        return None


def _examples(card: Any, interface: Interface) -> Samples | None:
    """Those of the card's data set, whose files are not here; None where it has none."""
    import numpy as np

    from kerazoo import datasets
    from kerazoo.exporters.calibration import collect

    data = datasets.info(card.dataset) if card is not None and card.dataset else None
    if data is None or data.parse is None or not data.examples:
        return None
    rows = np.stack([data.parse(example) for example in data.examples])
    return collect(rows, interface.inputs, most=len(rows))


def labelled_zoo_samples(card: Any) -> tuple[Any, Any]:
    """Inputs and targets of a zoo model's training data, spread evenly over all of it."""
    import numpy as np

    from kerazoo import datasets
    from kerazoo.datasets import arrays

    if card is None or not card.dataset:
        raise DataError(
            "`max_accuracy_drop` needs labelled data: pass `calibration` as (x, y), or a dataset "
            "of such batches."
        )
    inputs, targets = datasets.load_numpy(card.dataset, "train")
    last = arrays.count(inputs) - 1
    chosen = np.unique(np.linspace(0, last, LABELLED_SAMPLES).round().astype(int))
    return arrays.rows(inputs, chosen), arrays.rows(targets, chosen)
