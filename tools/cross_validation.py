#!/usr/bin/env python
"""Train a zoo model's recipe once for each part of its data that is left out. For maintainers.

    KERAZOO_DATA=... python tools/cross_validation.py mr_text_cnn    # ten random parts
    KERAZOO_DATA=... python tools/cross_validation.py fsdd_keyword   # one part for each speaker

Whatever is fitted, the list of words too, is fitted to the training parts alone, of which the
recipe's share is held out to choose the epoch on. Accuracies go to runs/cross_validation/NAME.json
as they come (call again after an interruption); at the end their mean and standard error go into
the config of a published model, as `cross_validation`. The last line says how the model did.
"""

from __future__ import annotations

import argparse
import inspect
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
from train_weights import add_facts

import kerazoo
from kerazoo.datasets import fsdd, rt_polarity
from kerazoo.datasets.text import Vocabulary
from kerazoo.models import builders
from kerazoo.training import callbacks, checkpoint
from kerazoo.training.fused_normalization import fuse_normalization
from kerazoo.training.monitor import monitor_of
from kerazoo.zoo.build import build_model
from kerazoo.zoo.catalogue import find_config
from kerazoo.zoo.compilation import compile_model
from kerazoo.zoo.config import ZooConfig

Fold = tuple[str, dict[str, Any], tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Its name, the builder's arguments that depend on it, training samples and those left out."""


def main() -> None:
    """Fold by fold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=kerazoo.list_models())
    parser.add_argument("--only", type=int, help="the first so many folds, to try a recipe")
    arguments = parser.parse_args()

    config = find_config(arguments.name)
    path = Path("runs/cross_validation") / f"{config.name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    known = json.loads(path.read_text()) if path.exists() else {}
    folds = {"rt_polarity": ten_folds, "fsdd": folds_by_speaker}[config.data.dataset]
    for number, (fold, sizes, train, left_out) in enumerate(folds()):
        if number == arguments.only:
            break
        if fold not in known:
            known[fold] = accuracy(config, sizes, train, left_out)
            path.write_text(json.dumps(known, indent=2))
        print(f"{fold}: {known[fold]:.4f}", flush=True)
    text = summary(list(known.values()))
    print(text)
    if arguments.only is None and "default" in config.weights:
        command = f"python tools/cross_validation.py {config.name}"
        add_facts(config.name, {"cross_validation": text, "cross_validation_command": command})


def ten_folds() -> Iterator[Fold]:
    """All sentences in ten random parts of equal size; the words are those of nine of them."""
    (texts, labels), rest = (rt_polarity.read_sentences(split) for split in ("train", "test"))
    texts, labels = np.array(texts + rest[0]), np.concatenate([labels, rest[1]])
    order = np.random.RandomState(1).permutation(len(texts))
    for number in range(10):
        out, kept = order[number::10], np.delete(order, np.s_[number::10])
        vocabulary = Vocabulary.of(texts[kept], least=rt_polarity.LEAST)
        train, left_out = (
            (vocabulary.encode(texts[rows], length=rt_polarity.LENGTH), labels[rows])
            for rows in (kept, out)
        )
        yield f"fold {number + 1}", {"vocabulary_size": len(vocabulary)}, train, left_out


def folds_by_speaker() -> Iterator[Fold]:
    """Each speaker once: all that is known of a voice is how other people sound."""
    pack = fsdd.read_pack()
    for speaker in np.unique(pack["speaker"]):
        out = pack["speaker"] == speaker
        train, left_out = ((pack["waveform"][rows], pack["label"][rows]) for rows in (~out, out))
        yield str(speaker), {}, train, left_out


def accuracy(
    config: ZooConfig,
    sizes: dict[str, Any],
    train: tuple[np.ndarray, np.ndarray],
    left_out: tuple[np.ndarray, np.ndarray],
) -> float:
    """Of one fresh model, trained as the recipe says, on what was left out; 0..1."""
    keras.utils.set_random_seed(config.training.seed)
    order = np.random.RandomState(0).permutation(len(train[0]))
    count = round(len(order) * config.data.validation)
    held_out, kept = order[:count], order[count:]
    if "unroll" in inspect.signature(builders()[config.model.builder]).parameters:
        sizes = {**sizes, "unroll": False}  # made sooner, and the numbers are the same
    model = build_model(config, **sizes)
    fuse_normalization(model)
    steps = -(-len(kept) // config.data.batch_size)
    xla = config.distribution.xla is True  # which "auto" of Keras would take, slower on CPUs
    compile_model(model, config.training, steps_per_epoch=steps, jit_compile=xla)
    stopping = config.training.early_stopping
    judge = monitor_of(config, validated=True)._asdict()
    with tempfile.TemporaryDirectory() as folder:
        best = Path(folder) / "best"
        around = [callbacks.KeepBest(model, best, history={}, **judge)]
        if config.training.ema is not None:
            around.append(callbacks.EvaluateAveragedWeights())
        if stopping is not None:
            around.append(callbacks.StopEarly(patience=stopping.patience, history={}, **judge))
        model.fit(
            train[0][kept],
            train[1][kept],
            batch_size=config.data.batch_size,
            epochs=config.training.epochs,
            validation_data=(train[0][held_out], train[1][held_out]),
            callbacks=around,
            verbose=0,
        )
        checkpoint.load_values(best, model)
    return float(model.evaluate(*left_out, verbose=0, return_dict=True)["accuracy"])


def summary(accuracies: list[float]) -> str:
    """Mean and standard error of the folds, as a card has it."""
    error = np.std(accuracies, ddof=1) / np.sqrt(len(accuracies)) if len(accuracies) > 1 else 0.0
    return (
        f"accuracy {np.mean(accuracies):.4f}, standard error {error:.4f} over {len(accuracies)} "
        f"folds ({min(accuracies):.4f} to {max(accuracies):.4f})"
    )


if __name__ == "__main__":
    main()
