"""BLEU against sacrebleu, word and character error rates against jiwer."""

import random

import pytest

from kerazoo.metrics import BLEU, CharacterErrorRate, WordErrorRate
from kerazoo.metrics._bleu_tokenizers import TOKENIZERS

sacrebleu = pytest.importorskip("sacrebleu")
jiwer = pytest.importorskip("jiwer")

CASES = 240
TEXT = """the The cat sat U.S. 3.5 1,000 hello, it's &quot;x&quot; &amp; end. 5-6 x-y été (a) $3
          a/b [c] {d} ~ ^ _ ` | 日本 Straße İ — “q” ... -- <skipped> 100% #tag @me"""
WORDS = TEXT.split()


def draw_line(rng, longest=9):
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(0, longest)))


def draw_corpus(rng):
    """One to three references, as many for each text, as sacrebleu wants it; some are right."""
    count = rng.randint(1, 3)
    references = [[draw_line(rng) for _ in range(count)] for _ in range(rng.randint(1, 6))]
    return references, [rng.choice([draw_line(rng), texts[0]]) for texts in references]


@pytest.mark.parametrize("smoothing", ["none", "floor", "add-k", "exp"])
@pytest.mark.parametrize("tokenize", ["13a", "char", "none"])
def test_bleu_is_sacrebleus(smoothing, tokenize):
    for seed in range(CASES):
        rng = random.Random(seed)
        references, hypotheses = draw_corpus(rng)
        value = rng.choice([None, 0.3]) if smoothing in ("floor", "add-k") else None
        order, lowercase, effective = rng.randint(1, 5), rng.random() < 0.5, rng.random() < 0.5
        metric = BLEU(order, smoothing, value, tokenize, lowercase, effective)
        cut = rng.randint(0, len(hypotheses))
        for part in (slice(cut), slice(cut, None)):
            metric.update_state(references[part], hypotheses[part])
        oracle = sacrebleu.metrics.BLEU(
            lowercase=lowercase,
            force=True,
            tokenize=tokenize,
            smooth_method=smoothing,
            smooth_value=value,
            max_ngram_order=order,
            effective_order=effective,
        )
        expected = oracle.corpus_score(hypotheses, list(zip(*references, strict=True))).score / 100
        assert float(metric.result()) == pytest.approx(expected, abs=1e-6), seed


def test_bleu_of_arguments_at_their_default():
    rng = random.Random(1)
    references, hypotheses = zip(
        *((line := draw_line(rng, 20), " ".join(line.split()[:-2])) for _ in range(50)), strict=True
    )
    metric = BLEU()
    metric.update_state(references, hypotheses)
    expected = sacrebleu.corpus_bleu(hypotheses, [references]).score / 100
    assert 0.3 < expected < 1
    assert float(metric.result()) == pytest.approx(expected, abs=1e-6)


def test_tokens_are_sacrebleus():
    """Of random ASCII and of what is around it: 13a has a rule for each symbol."""
    symbols = [chr(code) for code in range(32, 127)] + [
        "\n",
        "-\n",
        "\t",
        "\u00e9",
        "\u3042",
        "\u2014",
    ]
    for seed in range(CASES * 5):
        rng = random.Random(seed)
        line = "".join(rng.choice(symbols) for _ in range(rng.randint(0, 30)))
        for name, tokens in TOKENIZERS.items():
            oracle = sacrebleu.metrics.BLEU(tokenize=name).tokenizer
            assert tokens(line) == oracle(line).split(), (seed, name)


@pytest.mark.parametrize(
    ("metric_class", "oracle"), [(WordErrorRate, jiwer.wer), (CharacterErrorRate, jiwer.cer)]
)
def test_error_rates_are_jiwers(metric_class, oracle):
    """Empty references and hypotheses too, and corpora of nothing else."""
    for seed in range(CASES):
        rng = random.Random(seed)
        count = rng.randint(1, 6)
        references = [draw_line(rng) if seed % 10 else "" for _ in range(count)]
        hypotheses = [
            rng.choice(["", text, draw_line(rng), text.replace("a", "e"), f" {text}  a b"])
            for text in references
        ]
        metric = metric_class()
        cut = rng.randint(0, count)
        for part in (slice(cut), slice(cut, None)):
            metric.update_state(references[part], hypotheses[part])
        expected = oracle(references, hypotheses)
        assert float(metric.result()) == pytest.approx(expected, abs=1e-6), seed


@pytest.mark.parametrize("seed", range(3))
def test_error_rates_of_long_texts_are_jiwers(seed):
    rng = random.Random(seed)
    reference = " ".join(rng.choice(WORDS) for _ in range(400))
    hypothesis = "".join(c for c in reference if rng.random() < 0.9)
    for metric, oracle in ((WordErrorRate(), jiwer.wer), (CharacterErrorRate(), jiwer.cer)):
        metric.update_state([reference], [hypothesis])
        assert float(metric.result()) == pytest.approx(oracle(reference, hypothesis), abs=1e-6)
