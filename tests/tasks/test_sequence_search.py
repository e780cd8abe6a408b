"""Greedy and beam search on a model that is a table, against all sequences that there are."""

import itertools

import numpy as np
import pytest
from keras import ops

from kerazoo.tasks.sequence_search import Marks, beam_search, greedy_search

MARKS = Marks(padding=0, start=1, end=2)
CLASSES, LENGTH = 5, 4


def table(seed, rows=3):
    """Logits of what follows a piece at a place, of each row."""
    return np.random.default_rng(seed).normal(0, 1.5, (rows, LENGTH, CLASSES, CLASSES))


def asking(tables, beams=1):
    """The `step` of a table; its state counts how often it was asked, and which row it is."""
    tables = ops.convert_to_tensor(tables.astype("float32"))

    def step(pieces, position, state):
        row, asked = state
        logits = tables[:, position] if isinstance(position, int) else ops.take(tables, position, 1)
        logits = ops.take(logits, row, axis=0)  # (rows, pieces, classes)
        chosen = ops.take_along_axis(logits, ops.reshape(pieces, (-1, 1, 1)), axis=1)
        return chosen[:, 0], (row, asked + 1)

    row = ops.repeat(ops.arange(tables.shape[0]), beams)
    return step, (row, ops.zeros_like(row))


def log_probability(table_of_row, sequence):
    """Of the pieces of a sequence, after Keras-free softmax without padding and start."""
    total, last = 0.0, MARKS.start
    for place, piece in enumerate(sequence):
        logits = table_of_row[place, last].copy()
        logits[[MARKS.padding, MARKS.start]] = -np.inf
        total += logits[piece] - np.log(np.sum(np.exp(logits)))
        last = piece
    return total


def all_sequences():
    """Those that end with the end, and those without one of full length."""
    for size in range(1, LENGTH + 1):
        for pieces in itertools.product(range(3, CLASSES), repeat=size - 1):
            yield (*pieces, MARKS.end)
    yield from itertools.product(range(3, CLASSES), repeat=LENGTH)


def padded(sequence):
    return [*sequence, *[MARKS.padding] * (LENGTH - len(sequence))]


def best_of_all(table_of_row, penalty):
    def score(sequence):
        return log_probability(table_of_row, sequence) / ((5 + len(sequence)) / 6) ** penalty

    return padded(max(all_sequences(), key=score))


@pytest.mark.parametrize("penalty", [0.0, 0.6, 2.0])
@pytest.mark.parametrize("seed", range(4))
def test_enough_beams_find_the_best_of_all(penalty, seed):
    tables, beams = table(seed), 40  # there are 31 beginnings at most
    step, state = asking(tables, beams)
    found = beam_search(
        step, state, batch=3, length=LENGTH, marks=MARKS, beams=beams, penalty=penalty
    )
    assert np.asarray(found).tolist() == [best_of_all(own, penalty) for own in tables]


def test_the_penalty_decides():
    tables = table(0, rows=40)
    shorter, longer = (
        sum(len([p for p in best_of_all(own, penalty) if p]) for own in tables)
        for penalty in (0.0, 2.0)
    )
    assert shorter < longer


def plain_beam_search(own, beams, penalty):
    """The same in lists."""
    kept = [((), 0.0)]
    for _ in range(LENGTH):
        grown = []
        for pieces, _ in kept:
            if pieces and pieces[-1] == MARKS.end:
                grown.append(pieces)
            else:
                grown += [(*pieces, piece) for piece in range(2, CLASSES)]
        scored = [
            (pieces, log_probability(own, pieces) / ((5 + len(pieces)) / 6) ** penalty)
            for pieces in grown
        ]
        kept = sorted(scored, key=lambda pair: -pair[1])[:beams]
    return padded(kept[0][0])


@pytest.mark.parametrize("beams", [1, 2, 3])
def test_few_beams_keep_the_best_beginnings(beams):
    tables = table(7, rows=20)
    step, state = asking(tables, beams)
    found = beam_search(step, state, batch=20, length=LENGTH, marks=MARKS, beams=beams, penalty=0.6)
    expected = [plain_beam_search(own, beams, 0.6) for own in tables]
    assert np.asarray(found).tolist() == expected
    if beams == 1:
        assert expected != [best_of_all(own, 0.6) for own in tables]  # it matters


def test_greedy_takes_the_likeliest_piece():
    tables = table(3, rows=20)
    step, state = asking(tables)
    found = greedy_search(step, state, batch=20, length=LENGTH, marks=MARKS)
    expected = []
    for own in tables:
        pieces, last = [], MARKS.start
        while len(pieces) < LENGTH and last != MARKS.end:
            last = max(
                range(2, CLASSES), key=lambda piece, last=last: own[len(pieces), last, piece]
            )
            pieces.append(last)
        expected.append(padded(pieces))
    assert np.asarray(found).tolist() == expected
    assert any(row[-1] for row in expected)
    assert any(not row[-1] for row in expected)


def test_equal_logits_give_the_first_piece():
    step, state = asking(np.zeros((2, LENGTH, CLASSES, CLASSES)))
    found = greedy_search(step, state, batch=2, length=LENGTH, marks=MARKS)
    assert np.asarray(found).tolist() == [[MARKS.end, 0, 0, 0]] * 2


def test_the_loop_ends_with_the_last_sequence():
    tables = np.zeros((2, LENGTH, CLASSES, CLASSES))
    tables[..., 3] = 1.0
    tables[0, 1, :, MARKS.end] = tables[1, 2, :, MARKS.end] = 5.0
    step, state = asking(tables)
    places = []

    def counted(pieces, position, state):
        places.append(int(position))
        return step(pieces, position, state)

    found = greedy_search(counted, state, batch=2, length=LENGTH, marks=MARKS)
    assert np.asarray(found).tolist() == [[3, 2, 0, 0], [3, 3, 2, 0]]
    assert places == [0, 1, 2]
