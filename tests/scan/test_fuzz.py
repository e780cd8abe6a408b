"""Random bytes and spoilt files: whatever comes in, only our own errors come out."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scan.readers import READERS, spoil, try_to_read


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


@pytest.mark.parametrize("name", READERS)
def test_random_bytes(folder, name):
    reader = READERS[name]

    @settings(max_examples=50, database=None)
    @given(st.binary(max_size=300))
    def read(content):
        try_to_read(reader, content, folder)

    read()


@pytest.mark.parametrize("name", READERS)
def test_spoilt_files(folder, name):
    reader = READERS[name]
    good = reader.good(folder)
    assert all(try_to_read(reader, content, folder) for content in good)
    taken = 0
    for seed in range(200):
        taken += try_to_read(reader, spoil(good, reader.tokens, random.Random(seed)), folder)
    assert taken < 200  # it does refuse some


@pytest.mark.parametrize("name", ["config", "weights scan", "tflite scan"])
def test_spoilt_files_by_hypothesis(folder, name):
    """Where hypothesis finds a fault, it shrinks the number of the file that shows it."""
    reader = READERS[name]
    good = reader.good(folder)

    @settings(max_examples=50, database=None)
    @given(st.randoms(use_true_random=False))
    def read(rng):
        try_to_read(reader, spoil(good, reader.tokens, rng), folder)

    read()
