"""Write the table of models in README.md from the configs: `python tools/readme_models.py`.

`--check` changes nothing and fails if the table is not what the configs say.
"""

from __future__ import annotations

import sys
from pathlib import Path

import kerazoo
from kerazoo.zoo import card_words as words

README = Path(__file__).resolve().parent.parent / "README.md"
START, END = "<!-- models:start -->\n", "<!-- models:end -->"
HEADLINES = (
    "accuracy",
    "r2_score",
    "mean_absolute_scaled_error",
    "mean_return",
    "ndcg_10",
    "bleu",
    "word_error_rate",
    "map_50",
    "mean_iou",
)
"""The one figure shown is the first of these that a card has."""
NOTE = """\
± is one standard error, over the test samples or over an agent's episodes. Each figure is of one
seed.
"""


def table() -> str:
    """The models as a Markdown table."""
    rows = ["| model | what it is | weights | data | test figure |", "|---|---|---|---|---|"]
    for name in kerazoo.list_models():
        card = kerazoo.info(name)
        data = card.dataset or card.environment
        rows.append(
            f"| `{name}` | {card.summary} | {words.weights(card)} | {data} | {figure(card)} |"
        )
    return "\n".join(rows) + f"\n\n{NOTE}"


def figure(card: kerazoo.ModelCard) -> str:
    """The card's headline metric, or what the source of the weights has published."""
    for metric in HEADLINES:
        if metric in card.metrics:
            return f"{words.name_of(metric)} {words.figure(card, metric)}"
    if card.pretrained and card.published:
        return f"{card.published[0]['figure']} (published; not measured here)"
    return ""


def with_table(text: str) -> str:
    """README's text with the table of today in its marked place."""
    before, rest = text.split(START)
    return before + START + table() + END + rest.split(END, maxsplit=1)[1]


def main() -> None:
    """Write, or with `--check` compare."""
    text = README.read_text(encoding="utf-8")
    if sys.argv[1:] != ["--check"]:
        README.write_text(with_table(text), encoding="utf-8")
    elif with_table(text) != text:
        sys.exit("README.md: the table of models is old. Run: python tools/readme_models.py")


if __name__ == "__main__":
    main()
