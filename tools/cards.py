#!/usr/bin/env python
"""Write docs/zoo from the configs: a page for each model, and one on all of them.

    python tools/cards.py                          # pages and navigation
    KERAZOO_DATA=... python tools/cards.py --pictures [NAME ...]   # and what models say to a sample

`--check` changes nothing and fails if a page is not what its config says. Pictures are of the first
sample of the test split (tools/card_pictures.py).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import card_pictures
import gallery

import kerazoo
from kerazoo.zoo import card_words as words

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs" / "zoo"
START, END = "      # cards:start\n", "      # cards:end\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    parser.add_argument("--pictures", action="store_true", help="draw the answers anew")
    parser.add_argument("names", nargs="*", help="models to draw; all if none is named")
    arguments = parser.parse_args()
    if arguments.pictures:
        for name in arguments.names or kerazoo.list_models(pretrained=True):
            card_pictures.draw(kerazoo.info(name), ROOT)
    wanted = {PAGES / f"{name}.md": page(kerazoo.info(name)) for name in kerazoo.list_models()}
    wanted[PAGES / "index.md"] = gallery.index()
    wanted[PAGES / "models.json"] = gallery.models_json()
    wanted[ROOT / "mkdocs.yml"] = navigation((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    old = [
        path
        for path, text in wanted.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
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
        path.write_text(wanted[path], encoding="utf-8")


def page(card: kerazoo.ModelCard) -> str:
    """A model's card as Markdown."""
    measured, files, made = (f(card) for f in (words.measured, words.files, words.made))
    facts = words.facts(card)
    facts["builder"] = f"`{facts['builder']}`"
    parts = [f"# {card.name}", card.summary, *_picture(card), _table(facts)]
    if measured:
        parts += ["## Measured" if card.metrics else "## Published", _table(measured)]
    if card.metrics:
        parts.append(f"By `kerazoo evaluate {card.name}`, with the published weights.")
    if files:
        parts += ["## Files for phones", _files(card, files)]
    parts += ["## Use", "\n".join(["```sh", *words.use(card), "```"])]
    if card.limits:
        parts += ["## Limits", card.limits.strip()]
    if made:
        parts += ["## How the weights were made", _table(made)]
    if card.references:
        parts += ["## References", "\n".join(f"- {reference}" for reference in card.references)]
    return "\n\n".join(parts) + "\n"


def _table(rows: dict[str, str]) -> str:
    return "\n".join(["| | |", "|---|---|", *(f"| {key} | {text} |" for key, text in rows.items())])


def _files(card: kerazoo.ModelCard, rows: list[list[str]]) -> str:
    """Sizes, times and the figures of each kind of file."""
    head, *kinds = (f"| {' | '.join(row)} |" for row in rows)
    note = "One run with one thread on a machine of two cores, not the same one for every model."
    if card.standard_errors:
        note += " The accuracies are of the same test samples, with the same standard error."
    return "\n".join([head, "|---" * len(rows[0]) + "|", *kinds, "", note])


def _picture(card: kerazoo.ModelCard) -> list[str]:
    if not card.picture or not (ROOT / card.picture).exists():
        return []
    path = card.picture.removeprefix("docs/")
    return [f"![{card_pictures.caption(card)}](../{path})"]


def navigation(text: str) -> str:
    """mkdocs.yml's text with the pages in their marked place."""
    before, rest = text.split(START)
    pages = "".join(f"      - {name}: zoo/{name}.md\n" for name in kerazoo.list_models())
    return f"{before}{START}      - All models: zoo/index.md\n{pages}{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    main()
