"""The translator: padding and later pieces do not count, and piece by piece it says the same."""

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.datasets import multi30k
from kerazoo.models.translator import Steps, translator
from kerazoo.zoo.catalogue import find_config


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return translator(vocabulary_size=23, units=8, blocks=2, num_heads=2, hidden_units=12)


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).integers(3, 23, shape, np.int32)


def logits(model, source, prefix):
    return keras.ops.convert_to_numpy(model({"source": source, "prefix": prefix}))


def test_padding_changes_nothing(model):
    source, prefix = numbers(3, 5), numbers(3, 4)
    expected = logits(model, source, prefix)
    padded = logits(model, np.pad(source, [(0, 0), (0, 3)]), np.pad(prefix, [(0, 0), (0, 2)]))
    np.testing.assert_allclose(padded[:, :4], expected, atol=1e-5)


def test_later_pieces_do_not_count(model):
    source, prefix = numbers(3, 5), numbers(3, 4)
    expected = logits(model, source, prefix)
    prefix[:, 2:] = numbers(3, 2, seed=1)
    changed = logits(model, source, prefix)
    np.testing.assert_allclose(changed[:, :2], expected[:, :2], atol=1e-6)
    assert np.abs(changed[:, 2:] - expected[:, 2:]).max() > 1e-3


def test_piece_by_piece_it_says_the_same(model):
    source, prefix = numbers(3, 5), numbers(3, 6)
    source[1, 3:] = source[2, 1:] = 0
    expected = logits(model, source, prefix)
    steps = Steps(model, length=7)
    known, cache = steps.read(source), steps.empty_cache(3)
    for position in range(6):
        said, cache = steps.step(prefix[:, position], position, known, cache)
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(said), expected[:, position], atol=1e-5
        )


def test_number_of_parameters_is_that_of_the_paper():
    """Vaswani et al. 2017: four maps of an attention, two of a dense part, two norms or three."""
    units, hidden, blocks = 8, 12, 2
    attention = 4 * (units * units + units)
    dense = units * hidden + hidden + hidden * units + units
    norm = 2 * units
    encoder = blocks * (attention + dense + 2 * norm)
    decoder = blocks * (2 * attention + dense + 3 * norm)
    model = translator(23, units, blocks, num_heads=2, hidden_units=hidden)
    assert model.count_params() == 23 * units + encoder + decoder + 2 * norm


def test_a_saved_file_gives_equal_logits(model, tmp_path):
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    source, prefix = numbers(3, 5), numbers(3, 4)
    np.testing.assert_array_equal(logits(loaded, source, prefix), logits(model, source, prefix))


def test_variables_have_names_of_their_own(model):
    paths = [variable.path for variable in model.weights]
    assert len(set(paths)) == len(paths)


def test_the_recipe_is_that_of_the_dataset():
    config = find_config("multi30k_translator")
    assert config.model.arguments["vocabulary_size"] == multi30k.NUMBERS
    assert config.training.loss.arguments["ignore_class"] == multi30k.PADDING
    made = kerazoo.get("multi30k_translator", weights=None, units=8, hidden_units=8, blocks=1)
    assert {tensor.name for tensor in made.inputs} == multi30k.DATASET.input_shape.keys()
    assert made.output_shape == (None, None, multi30k.NUMBERS)
