"""Translation: a model that has learned a handful of pairs says them, in every form."""

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.datasets import Dataset, loading
from kerazoo.datasets.multi30k import prefix_of
from kerazoo.datasets.subwords import END, Subwords
from kerazoo.errors import ConfigError
from kerazoo.exporters.chosen_samples import choose_samples
from kerazoo.exporters.interface import describe
from kerazoo.losses import SmoothedCrossentropy
from kerazoo.models.translator import translator
from kerazoo.tasks import find_task
from kerazoo.tasks.translation import translating

LENGTH = 12
PAIRS = [("a dog", "ein Hund"), ("a man", "ein Mann"), ("the dog", "der Hund"), ("men", "Männer")]
SUBWORDS = Subwords.learned_from([text for pair in PAIRS for text in pair], pieces=20, least=1)


def rows(texts):
    numbers = np.zeros((len(texts), LENGTH), np.int32)
    for row, text in zip(numbers, texts, strict=True):
        pieces = [*SUBWORDS.encode(text), END]
        row[: len(pieces)] = pieces
    return numbers


SOURCES, TARGETS = (rows([pair[side] for pair in PAIRS]) for side in (0, 1))
DATA = Dataset(
    name="pairs",
    summary="",
    splits=("train",),
    input_shape={"source": (LENGTH,), "prefix": (LENGTH,)},
    class_names=None,
    license="",
    read=lambda split: ({"source": SOURCES, "prefix": prefix_of(TARGETS)}, TARGETS),
    text=lambda numbers: SUBWORDS.decode(int(number) for number in numbers),
)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    made = translator(len(SUBWORDS), units=16, blocks=1, num_heads=2, hidden_units=32, dropout=0.0)
    made.compile(keras.optimizers.Adam(1e-2), SmoothedCrossentropy(0.0, 0), jit_compile=False)
    inputs = {"source": SOURCES, "prefix": prefix_of(TARGETS)}
    made.fit(inputs, TARGETS, batch_size=4, epochs=60, verbose=0)
    return made


@pytest.fixture(scope="module")
def deployed(model):
    return find_task("translation").deployed(model, DATA)


@pytest.mark.parametrize("beams", [1, 3])
def test_it_says_what_it_has_learned(model, deployed, beams):
    says = deployed if beams == 1 else translating(model, LENGTH, beams=beams)
    outputs = says.predict(SOURCES, verbose=0)
    assert outputs.dtype == np.int32
    np.testing.assert_array_equal(outputs, TARGETS)


def test_the_task_judges_says_and_draws_sentences(deployed):
    task = find_task("translation")
    assert (deployed.input_shape, deployed.output_shape) == ((None, LENGTH), (None, LENGTH))
    outputs = deployed.predict(SOURCES, verbose=0)
    assert task.score(outputs, TARGETS, DATA)["bleu"] == 0.0  # no four words in a row
    assert task.prediction("a dog", outputs[0], DATA, top=3).text == "ein Hund"
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    axes = Figure().add_subplot()
    task.draw(axes, SOURCES[1], outputs[1], DATA)
    assert [text.get_text() for text in axes.texts] == ["a man", "ein Mann"]
    axes.clear()
    task.draw_inside(axes, SOURCES[1], outputs[1], DATA, deployed)
    (image,) = axes.get_images()
    labels = [
        [tick.get_text() for tick in axis.get_ticklabels()] for axis in (axes.yaxis, axes.xaxis)
    ]
    assert ["".join(pieces[:-1]) for pieces in labels] == ["einMann", "aman"]
    assert labels[0][-1] == labels[1][-1] == "(end)"
    assert image.get_array().shape == tuple(map(len, labels))


def test_attention_is_that_by_which_the_logits_are_made(model, deployed):
    """Keras's own layer, with the block's weights, attends as the block says it does."""
    steps = deployed.get_layer("translation").steps
    prefix = prefix_of(TARGETS)
    shares = keras.ops.convert_to_numpy(steps.attention(SOURCES, prefix))
    assert shares.shape == (len(PAIRS), LENGTH, LENGTH)
    np.testing.assert_allclose(shares.sum(-1), 1.0, rtol=1e-5)
    assert np.all(shares[:, :, 1:][np.repeat(SOURCES[:, None, 1:] == 0, LENGTH, axis=1)] == 0)
    context, is_piece = steps._context(SOURCES)
    block = model.get_layer("decoder_1")
    x = steps._embedded(prefix, 0)
    x = x + block.attention(block.attention_norm(x))
    theirs = keras.layers.MultiHeadAttention(2, 8)
    theirs.build(x.shape, context.shape)
    own = block.context_attention
    parts = [own.query, own.key, own.value, own.output_map]
    values = [value for part in parts for value in part.get_weights()]
    theirs.set_weights([v.reshape(w.shape) for v, w in zip(values, theirs.weights, strict=True)])
    mask = np.repeat(np.asarray(is_piece)[:, None], LENGTH, axis=1)
    _, scores = theirs(
        block.context_norm(x), context, attention_mask=mask, return_attention_scores=True
    )
    np.testing.assert_allclose(shares, keras.ops.mean(scores, axis=1), atol=1e-5)


def test_bleu_is_sacrebleus_of_the_texts():
    sacrebleu = pytest.importorskip("sacrebleu")
    said = ["ein Mann, der Hund und der Mann", "der Hund und ein Hund der Männer"]
    right = ["ein Mann, ein Hund und der Mann", "der Hund und der Hund der Männer"]
    outputs, targets = (
        [np.array([*SUBWORDS.encode(text), END, 0]) for text in texts] for texts in (said, right)
    )
    expected = sacrebleu.corpus_bleu(said, [right]).score / 100
    assert find_task("translation").score(outputs, targets, DATA)["bleu"] == pytest.approx(
        expected, abs=1e-5
    )


def test_a_tflite_file_says_the_same(deployed, tmp_path):
    report = kerazoo.export(
        deployed, tmp_path / "pairs.tflite", quantize="float16", calibration=SOURCES
    )
    assert "WHILE" in report.ops
    file = kerazoo.load_tflite(tmp_path / "pairs.tflite")
    np.testing.assert_array_equal(file.predict(SOURCES), TARGETS)


def test_a_saved_model_says_the_same(model, tmp_path):
    deployed = translating(model, LENGTH, beams=2, penalty=1.0)
    deployed.save(tmp_path / "deployed.keras")
    loaded = keras.saving.load_model(tmp_path / "deployed.keras", safe_mode=True)
    assert loaded.get_layer("translation").beams == 2
    np.testing.assert_array_equal(loaded.predict(SOURCES, verbose=0), TARGETS)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [({"length": 0}, "length"), ({"beams": 0}, "beams"), ({"penalty": -1.0}, "penalty")],
)
def test_arguments_out_of_range_are_refused(model, arguments, named):
    with pytest.raises(ConfigError, match=f"`{named}`"):
        translating(model, **{"length": LENGTH, **arguments})


@pytest.fixture(scope="module")
def zoo_model():
    """One that has learned nothing."""
    small = {"units": 8, "blocks": 1, "num_heads": 2, "hidden_units": 8}
    return kerazoo.get("multi30k_translator", weights=None, **small)


def test_the_zoo_model_is_asked_and_judged_by_its_task(zoo_model):
    sentences = ["A man is riding a horse.", "Two dogs run."]
    said = kerazoo.predict(zoo_model, sentences)
    assert [prediction.source for prediction in said] == sentences
    deployed = translating(zoo_model, 48)
    data = kerazoo.datasets.info("multi30k")
    source = np.stack([data.parse(sentence) for sentence in sentences])
    outputs = deployed.predict(source, verbose=0)
    assert [prediction.text for prediction in said] == [data.text(row) for row in outputs]
    inputs = {"source": source, "prefix": prefix_of(source)}
    metrics = kerazoo.evaluate(zoo_model, (inputs, source))
    assert metrics.keys() == {"loss", "token_accuracy", "bleu"}
    assert metrics["loss"] == pytest.approx(np.log(8000), rel=0.2)  # it knows nothing yet


def test_predict_searches_with_beams(zoo_model):
    sentence = "A man is riding a horse."
    (said,) = kerazoo.predict(zoo_model, sentence, beams=3)
    data = kerazoo.datasets.info("multi30k")
    source = data.parse(sentence)[None]
    assert said.text == data.text(translating(zoo_model, 48, beams=3).predict(source, verbose=0)[0])
    with pytest.raises(ConfigError, match="`beams` must be an integer of 1 or above"):
        kerazoo.predict(zoo_model, sentence, beams=0)
    assert find_task("translation").beams == 1  # of others


def test_a_model_that_does_not_translate_has_no_beams():
    with pytest.raises(ConfigError, match="`beams` is for models that translate"):
        kerazoo.predict("mnist_mlp", np.zeros((28, 28, 1)), beams=2)


def test_without_the_data_a_file_is_checked_by_sentences(zoo_model, tmp_path, monkeypatch):
    """Numbers at random are no sentence, and in float16 the likeliest piece is soon another."""
    monkeypatch.setenv("KERAZOO_DATA", str(tmp_path))
    monkeypatch.setenv("KERAZOO_CACHE", str(tmp_path))
    monkeypatch.setenv("KERAZOO_OFFLINE", "1")
    loading._read_once.cache_clear()
    deployed = translating(zoo_model, 48)
    card = kerazoo.info("multi30k_translator")
    _, checked = choose_samples(deployed, describe(deployed), card, None, None, verify=True)
    data = kerazoo.datasets.info("multi30k")
    (rows,) = checked.samples.values()
    assert [data.text(row) for row in rows] == list(data.examples)
    assert "multi30k" in checked.words
    loading._read_once.cache_clear()
