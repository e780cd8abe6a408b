#!/usr/bin/env python
"""What beam search adds to a published translator: its BLEU, into the config. For maintainers.

    KERAZOO_DATA=... python tools/beam_search_bleu.py multi30k_translator

Beams and penalty are those that do best on the validation part, of a few; the test split is then
translated once with them.
"""

from __future__ import annotations

import argparse

from train_weights import add_facts

import kerazoo
from kerazoo.tasks.translation import TASK, translating

BEAMS, PENALTIES = (4, 8), (0.6, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=kerazoo.list_models(task="translation", pretrained=True))
    name = parser.parse_args().name
    model = kerazoo.get(name)
    tried = {
        (beams, penalty): bleu(model, "validation", beams, penalty)
        for beams in BEAMS
        for penalty in PENALTIES
    }
    for (beams, penalty), value in tried.items():
        print(f"{beams} beams, penalty {penalty:g}: {value:.4f} on the validation part")
    beams, penalty = max(tried, key=lambda pair: tried[pair])
    facts = {
        "beams": beams,
        "length_penalty": penalty,
        "beam_search_validation_bleu": round(tried[beams, penalty], 6),
        "beam_search_test_bleu": round(bleu(model, "test", beams, penalty), 6),
        "beam_search_command": f"python tools/beam_search_bleu.py {name}",
    }
    add_facts(name, facts)
    print(facts)


def bleu(model, split: str, beams: int, penalty: float) -> float:
    """Of all translations of a split, 0 to 1."""
    data = kerazoo.datasets.info(kerazoo.info(model.name).dataset)
    inputs, targets = kerazoo.datasets.load_numpy(data.name, split)
    searching = translating(model, data.input_shape["source"][0], beams=beams, penalty=penalty)
    outputs = searching.predict(inputs["source"], batch_size=64, verbose=0)
    return TASK.score(outputs, targets, data)["bleu"]


if __name__ == "__main__":
    main()
