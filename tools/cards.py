#!/usr/bin/env python
"""Write docs/zoo from the configs: a page for each model, and one on all of them.

    python tools/cards.py                          # pages and navigation
    KERAZOO_DATA=... python tools/cards.py --pictures [NAME ...]   # and what models say to a sample

`--check` changes nothing and fails if a page is not what its config says. Pictures are of the first
sample of the test split, by `kerazoo predict --pictures`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import gallery
import readme_models

import kerazoo

ROOT = Path(__file__).resolve().parent.parent
PAGES, PICTURES = ROOT / "docs" / "zoo", ROOT / "docs" / "images" / "zoo"
START, END = "      # cards:start\n", "      # cards:end\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    parser.add_argument("--pictures", action="store_true", help="draw the answers anew")
    parser.add_argument("names", nargs="*", help="models to draw; all if none is named")
    arguments = parser.parse_args()
    if arguments.pictures:
        for name in arguments.names or kerazoo.list_models(pretrained=True):
            draw(name)
    wanted = {PAGES / f"{name}.md": page(kerazoo.info(name)) for name in kerazoo.list_models()}
    wanted[PAGES / "index.md"] = gallery.index()
    wanted[PAGES / "models.json"] = gallery.models_json()
    wanted[ROOT / "mkdocs.yml"] = navigation((ROOT / "mkdocs.yml").read_text())
    old = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    surplus = [path for path in PAGES.glob("*.md") if path not in wanted]
    if arguments.check:
        if old or surplus:
            names = ", ".join(sorted(path.name for path in old + surplus))
            sys.exit(f"docs/zoo is old ({names}). Run: python tools/cards.py")
        return
    PAGES.mkdir(exist_ok=True)
    for path in surplus:
        path.unlink()
    for path in old:
        path.write_text(wanted[path])


def page(card: kerazoo.ModelCard) -> str:
    """A model's card as Markdown."""
    parts = [f"# {card.name}", card.summary, *_picture(card), _table(_facts(card))]
    if card.metrics:
        parts += ["## Measured", _table(card.metrics), _how_measured(card)]
    if card.files:
        parts += ["## Files for phones", _files(card)]
    parts += ["## Use", _use(card)]
    if card.limits:
        parts += ["## Limits", card.limits.strip()]
    if card.trained:
        parts += ["## How the weights were made", _table(card.trained)]
    if card.references:
        parts += ["## References", "\n".join(f"- {reference}" for reference in card.references)]
    return "\n\n".join(parts) + "\n"


def _facts(card: kerazoo.ModelCard) -> dict[str, Any]:
    facts = {
        "task": card.task,
        "data": card.dataset or f"{card.environment} (an environment)",
        "weights": readme_models.weights(card),
        "builder": f"`{card.builder}`, {', '.join(f'{k}={v}' for k, v in card.arguments.items())}",
        "licence": card.license,
    }
    if card.dataset:
        facts["licence of the data"] = kerazoo.datasets.info(card.dataset).license
        facts["input"] = kerazoo.datasets.info(card.dataset).summary
        names = kerazoo.datasets.info(card.dataset).class_names
        if names and len(names) <= 20:
            facts["labels"] = ", ".join(names)
    return facts


def _table(rows: dict[str, Any]) -> str:
    lines = [f"| {key.replace('_', ' ')} | {value} |" for key, value in rows.items()]
    return "\n".join(["| | |", "|---|---|", *lines])


def _how_measured(card: kerazoo.ModelCard) -> str:
    return f"By `kerazoo evaluate {card.name}`, with the published weights."


def _files(card: kerazoo.ModelCard) -> str:
    """Sizes, times and the figures of each kind of file."""
    names = list(dict.fromkeys(name for file in card.files.values() for name in file["metrics"]))
    head = ["file", "kilobytes", "microseconds", *(name.replace("_", " ") for name in names)]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for kind, file in card.files.items():
        figures = [
            f"{file['metrics'][name]:.4g}" if name in file["metrics"] else "" for name in names
        ]
        cells = [kind, f"{file['size_bytes'] / 1000:,.0f}", f"{file['latency_us']:,.0f}", *figures]
        lines.append(f"| {' | '.join(cells)} |")
    note = "One run with one thread on a machine of two cores, not the same one for every model."
    return "\n".join(lines) + f"\n\n{note}"


def _use(card: kerazoo.ModelCard) -> str:
    lines = [f"kerazoo train {card.name}"]
    if card.pretrained:
        lines = [
            f"kerazoo evaluate {card.name}",
            f"kerazoo export {card.name} model.tflite",
            *lines,
        ]
    return "\n".join(["```sh", *lines, "```"])


def _picture(card: kerazoo.ModelCard) -> list[str]:
    if not (PICTURES / f"{card.name}.png").exists():
        return []
    return [f"![What {card.name} says to a sample of its test data](../images/zoo/{card.name}.png)"]


def draw(name: str) -> None:
    """Save what the model says to the first test sample."""
    card = kerazoo.info(name)
    if not card.pretrained or not card.dataset or card.dataset == "imagenet":
        return
    from kerazoo.datasets import arrays
    from kerazoo.tasks import find_task, inputs_for

    data = kerazoo.datasets.info(card.dataset)
    inputs, _ = kerazoo.datasets.load_numpy(card.dataset, "test")
    model = find_task(card.task).deployed(kerazoo.get(name), data)
    sample = arrays.rows(inputs_for([tensor.name for tensor in model.inputs], inputs), slice(1))
    with tempfile.TemporaryDirectory() as folder:
        try:
            kerazoo.predict(name, sample, pictures=folder)
        except kerazoo.errors.DataError as error:
            print(f"{name}: {error}")
            return
        PICTURES.mkdir(parents=True, exist_ok=True)
        next(Path(folder).glob("*.png")).rename(PICTURES / f"{name}.png")


def navigation(text: str) -> str:
    """mkdocs.yml's text with the pages in their marked place."""
    before, rest = text.split(START)
    pages = "".join(f"      - {name}: zoo/{name}.md\n" for name in kerazoo.list_models())
    return f"{before}{START}      - All models: zoo/index.md\n{pages}{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    main()
