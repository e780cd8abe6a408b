"""The pages "Try it": the zoo's files in the browser, against Python's LiteRT on the same inputs.

What is fed goes the way of a visitor's: a picture, a sound, a text. `pytest -s` prints times.
"""

import json
import math
import wave

import numpy as np
import pytest

pytestmark = pytest.mark.slow

WATCHED = "document.querySelector('.try-said').dataset.values"


@pytest.fixture(scope="session")
def files(chromium, site):
    """What the site was built with, by model."""
    found = json.loads((site / "try" / "files.json").read_text())
    if not found:
        pytest.skip("the site was built without the files of Try it: python tools/docs try")
    return found


@pytest.fixture
def python_file(files, site):
    """Call it with a model's name for (its file in Python's LiteRT, one step of its output)."""
    import kerazoo

    def load(name):
        if name not in files:
            pytest.skip(f"the site was built without {name}: python tools/docs try")
        path = site / "try" / files[name]["file"]
        return kerazoo.load_tflite(path, threads=1), step_of(path)

    return load


def step_of(path):
    """What one step of the integers is worth that the output is made of; 0.0 of a float output."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    details = {detail["index"]: detail for detail in interpreter.get_tensor_details()}
    output = interpreter.get_output_details()[0]["index"]
    made_by = next(op for op in interpreter._get_ops_details() if output in op["outputs"])
    if made_by["op_name"] != "DEQUANTIZE":
        return 0.0
    return details[made_by["inputs"][0]]["quantization"][0]


def compare(name, found, expected, step, times=()):
    """Equal classes, and no value further off than a step of the file's integers; where its last
    numbers are floats, than one of half precision at the largest value."""
    found, expected = np.array(found), np.array(expected)
    largest = float(np.abs(found - expected).max())
    print(
        f"\n{name}: {len(found)} inputs, largest difference {largest:.3g}"
        + (f" = {largest / step:.2f} steps" if step else "")
        + (f", median {np.median(times):.2f} ms a prediction" if len(times) else "")
    )
    assert len(found) == 20
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).all()
    assert largest <= (1.001 * step or 2**-10 * np.abs(expected).max())


def answers(page, feed, inputs):
    """(output values, milliseconds) of the page for each input, `feed` being how it gets one."""
    values, times = [], []
    for one in inputs:
        page.evaluate(f"delete {WATCHED}")
        feed(one)
        page.wait_for_function(WATCHED, timeout=60_000)
        values.append(json.loads(page.evaluate(WATCHED)))
        said = page.locator(".try-said").inner_text()
        times.append(float(said.split(" ms")[0].split()[-1]))
    return values, times


def write_picture(path, pixels):
    from PIL import Image

    Image.fromarray(pixels.squeeze()).save(path)
    return path


def write_sound(path, samples):
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes((samples * 32768).astype("<i2").tobytes())
    return path


def photographs(count, side, seed):
    """Parts of scikit-learn's photographs, uint8, `side` high and wide."""
    from sklearn.datasets import load_sample_images

    generator = np.random.default_rng(seed)
    whole = load_sample_images().images
    for number in range(count):
        photograph = whole[number % 2]
        top, left = (generator.integers(0, size - side) for size in photograph.shape[:2])
        yield photograph[top : top + side, left : left + side]


def test_digits(python_file, open_page, tmp_path):
    import kerazoo
    from kerazoo.datasets.images import read_image

    model, step = python_file("mnist_cnn")
    images, labels = kerazoo.datasets.load_numpy("digits", "test")
    rows = [np.flatnonzero(labels == digit)[turn] for turn in (0, 1) for digit in range(10)]
    paths = [write_picture(tmp_path / f"{row}.png", images[row]) for row in rows]
    page = open_page("/try/digit/")
    found, times = answers(page, page.get_by_label("a picture of a digit").set_input_files, paths)
    expected = model(np.stack([read_image(path, (28, 28, 1)) for path in paths]))
    compare("digit", found, expected, step, times)
    assert page.complaints == []


def test_a_drawn_digit(files, open_page):
    """A one, by mouse and by keyboard."""
    page = open_page("/try/digit/")
    box = page.locator("#drawing").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"]
    page.mouse.move(x, y + 50)
    page.mouse.down()
    page.mouse.move(x, y + 220, steps=10)
    page.mouse.up()
    page.wait_for_function(WATCHED)
    best = page.locator(".try-bars li").first
    page.wait_for_function("document.querySelector('.try-bars li').innerText.startsWith('1')")
    page.locator("#clear").click()
    page.evaluate(f"delete {WATCHED}")
    page.locator("#drawing").focus()
    for key in ["Shift+ArrowUp"] * 8 + ["ArrowDown"] * 16:
        page.keyboard.press(key)
    page.wait_for_function(WATCHED)
    assert best.inner_text().startswith("1")
    assert page.complaints == []


def test_photographs(python_file, open_page, tmp_path):
    model, step = python_file("efficientnet_lite0")
    pixels = list(photographs(20, 224, seed=1))
    paths = [write_picture(tmp_path / f"{n}.png", one) for n, one in enumerate(pixels)]
    page = open_page("/try/photograph/")
    found, times = answers(page, page.get_by_label("Drop a photograph").set_input_files, paths)
    compare("photograph", found, model(np.stack(pixels).astype("float32")), step, times)
    assert page.locator(".try-bars li").count() == 5
    best = page.locator(".try-bars li span").first.inner_text()
    assert best == model.labels[int(np.argmax(found[-1]))]
    assert page.complaints == []


@pytest.mark.parametrize(
    ("size", "new"), [((300, 400), (224, 224)), ((90, 250), (224, 224)), ((28, 28), (28, 28))]
)
def test_pictures_are_resized_as_in_python(open_page, tmp_path, size, new):
    from kerazoo.datasets.images import read_image

    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), "uint8")
    for channels in (1, 3):
        expected = read_image(write_picture(tmp_path / "noise.png", pixels), (*new, channels))
        found = open_page("/try/").evaluate(
            """async ([bytes, shape, size, channels]) => {
              const { readPicture, channelsOf, resize } = await import("/try/pictures.js");
              const picture = await readPicture(new Blob([new Uint8Array(bytes)]));
              const { pixels, height, width } = picture;
              return [...resize(channelsOf(pixels, channels), [height, width, channels], size)];
            }""",
            [list((tmp_path / "noise.png").read_bytes()), [*size], [*new], channels],
        )
        difference = np.abs(np.array(found) - expected.ravel())
        # TensorFlow knows the place of a new pixel in float32. Grey is rounded before, so that a
        # few of its pixels fall to the other side.
        assert np.quantile(difference, 0.999 if channels == 1 else 1) < 0.01
        assert difference.max() <= 1


def test_spoken_digits(python_file, open_page, data_file, tmp_path):
    import kerazoo

    data_file("fsdd.npz")
    model, step = python_file("fsdd_keyword")
    sounds, labels = kerazoo.datasets.load_numpy("fsdd", "test")
    rows = [np.flatnonzero(labels == digit)[turn] for turn in (0, 11) for digit in range(10)]
    paths = [write_sound(tmp_path / f"{row}.wav", sounds[row]) for row in rows]
    page = open_page("/try/spoken_digit/")
    found, times = answers(page, page.get_by_label("a sound file").set_input_files, paths)
    compare("spoken digit", found, model(sounds[rows]), step, times)
    assert page.complaints == []


MICROPHONE = """(bytes) => {
  navigator.mediaDevices.getUserMedia = async () => {
    const context = new AudioContext();
    const output = context.createMediaStreamDestination();
    const sound = context.createBufferSource();
    sound.buffer = await context.decodeAudioData(new Uint8Array(bytes).buffer);
    sound.connect(output);
    await context.resume();
    sound.start(context.currentTime + 0.4);
    return output.stream;
  };
}"""
"""A microphone that hears a sound file; what records it is the browser's own."""


def test_a_recorded_digit(files, open_page, data_file, tmp_path):
    import kerazoo

    data_file("fsdd.npz")
    sounds, labels = kerazoo.datasets.load_numpy("fsdd", "test")
    seven = write_sound(tmp_path / "seven.wav", sounds[np.flatnonzero(labels == 7)[0]])
    page = open_page("/try/spoken_digit/")
    page.evaluate(MICROPHONE, list(seven.read_bytes()))
    page.get_by_role("button", name="Record").click()
    page.wait_for_function(WATCHED, timeout=60_000)
    assert page.locator(".try-bars li").first.inner_text().startswith("7")
    assert page.get_by_role("button", name="Record").is_enabled()
    assert page.complaints == []


def test_the_loudest_second_is_taken(open_page):
    samples = np.random.default_rng(0).normal(size=20_000) * np.repeat([1, 3, 2, 1], 5000)
    found = open_page("/try/").evaluate(
        """async (samples) => {
          const { loudest } = await import("/try/sounds.js");
          return [...loudest(Float64Array.from(samples))];
        }""",
        samples.tolist(),
    )
    loudness = [np.square(samples[start : start + 8000]).sum() for start in range(12_001)]
    start = int(np.argmax(loudness))
    assert found == samples[start : start + 8000].tolist()


@pytest.mark.parametrize("length", [1, 7, 7999, 8000, 8001, 12345])
def test_sounds_are_cut_as_in_python(open_page, length):
    from kerazoo.datasets.sounds import centred

    samples = np.arange(1, length + 1, dtype="float32")
    found = open_page("/try/").evaluate(
        """async (samples) => {
          const { centred } = await import("/try/sounds.js");
          return [...centred(Float32Array.from(samples))];
        }""",
        samples.tolist(),
    )
    assert found == centred(samples, 8000).tolist()


REVIEWS = [
    "warm, funny and beautifully acted",
    "tedious and far too long",
    "It isn't a cliché -- it's GOOD!",
    "I can\u2019t say that I\u2019d ever want to see it again",
    "a moving, quietly powerful film about loss",
    "the worst thing I've seen this year (and I saw them all)",
    "Über-stylish; naïve, but what a café scene",
    "they'll, we're, you've, he'd, I'm, don't, shan't'tn't",
    "dull dull dull",
    "brilliant",
    "not bad, not good, not anything",
    "2001 was a masterpiece; this is 90 minutes of nothing",
    "o'brien's performance's the thing ?!",
    "ﬁrst-rate acting ½ ruined by a lazy script №1",
    "an utterly charming little comedy for everyone",
    "    spaces\tand\nlines   everywhere   ",
    "电影 is Chinese for film, 好 is good",
    "xyzzy plugh qwrtp",
    "too clever by half and twice as long as it has any right to be " * 6,
    "its heart is in the right place, but its jokes are not",
]


def test_reviews(python_file, open_page):
    from kerazoo.datasets.rt_polarity import LENGTH, vocabulary

    model, step = python_file("mr_text_cnn")
    page = open_page("/try/review/")
    found, times = answers(page, page.get_by_label("A sentence of a review").fill, REVIEWS)
    compare("review", found, model(vocabulary().encode(REVIEWS, length=LENGTH)), step, times)
    assert page.complaints == []


@pytest.mark.parametrize(
    "name", ["words.txt", "litert/index.js", "litert/wasm/*.js", "litert/wasm/*.wasm", "*.tflite"]
)
def test_what_was_not_fetched_is_fetched_again(files, open_page, name):
    if "mr_text_cnn" not in files:
        pytest.skip("the site was built without mr_text_cnn: python tools/docs try")
    page = open_page("/try/review/")
    page.route(f"**/try/{name}", lambda route: route.abort())
    sentence = page.get_by_label("A sentence of a review")
    sentence.fill("dull")
    said = page.locator(".try-said")
    page.wait_for_function("/^That did/.test(document.querySelector('.try-said').innerText)")
    assert "undefined" not in said.inner_text()
    page.unroute(f"**/try/{name}")
    sentence.fill("brilliant xyzzy")
    page.wait_for_function(WATCHED, timeout=60_000)
    page.wait_for_function("document.querySelector('.try-unknown').innerText")
    assert page.locator(".try-unknown").inner_text() == "Words it does not know: xyzzy"
    sentence.fill("")
    page.wait_for_function("!document.querySelector('.try-bars li')")
    assert page.locator(".try-unknown").inner_text() == said.inner_text() == ""


def test_words_are_split_as_in_python(open_page):
    from kerazoo.datasets.text import split_words

    signs = [*"abn't'sverdlm ,!?()-é\u2019İK\n09ﬁ½"]
    generator = np.random.default_rng(0)
    texts = [*REVIEWS, *("".join(generator.choice(signs, 30)) for _ in range(500))]
    found = open_page("/try/").evaluate(
        """async (texts) => {
          const { splitWords } = await import("/try/words.js");
          return texts.map(splitWords);
        }""",
        texts,
    )
    assert found == [split_words(text) for text in texts]


RUN = """async ([name, samples]) => {
  const { load } = await import("/try/runtime.js");
  const model = await load(name);
  const answers = [];
  for (const sample of samples) answers.push(await model.run(sample));
  return answers.map(({ values, ms }) => [[...values], ms]);
}"""


def test_the_policy_of_cartpole(python_file, open_page):
    model, step = python_file("ppo_cartpole")
    states = np.random.default_rng(0).uniform(-1, 1, (20, 4)) * [2.4, 2, 0.2, 2]
    page = open_page("/try/cartpole/")
    found, times = zip(*page.evaluate(RUN, ["ppo_cartpole", states.tolist()]), strict=True)
    compare("cartpole", found, model(states.astype("float32")), step, times)
    page.get_by_role("button", name="Start").click()
    page.wait_for_function(
        "/^It /.test(document.querySelector('.try-said').innerText)", timeout=60_000
    )
    assert page.locator(".try-said").inner_text() == "It stood for all 500 steps."
    assert page.complaints == []


def by_gymnasium(state, action):
    """CartPole-v1's own step, or its formulas where Gymnasium is not here."""
    try:
        from gymnasium.envs.classic_control import CartPoleEnv
    except ImportError:
        return by_formula(state, action)
    environment = CartPoleEnv()
    environment.reset()
    environment.state = state
    environment.step(action)
    return list(environment.state)


def by_formula(state, action):
    x, v, theta, omega = state
    force = 10.0 if action else -10.0
    temp = (force + 0.05 * omega**2 * math.sin(theta)) / 1.1
    alpha = (9.8 * math.sin(theta) - math.cos(theta) * temp) / (
        0.5 * (4.0 / 3.0 - 0.1 * math.cos(theta) ** 2 / 1.1)
    )
    a = temp - 0.05 * alpha * math.cos(theta) / 1.1
    return [x + 0.02 * v, v + 0.02 * a, theta + 0.02 * omega, omega + 0.02 * alpha]


def test_the_cart_moves_as_in_gymnasium(open_page):
    generator = np.random.default_rng(0)
    states = (generator.uniform(-1, 1, (50, 4)) * [2.4, 2, 0.4, 2]).tolist()
    actions = generator.integers(0, 2, 50).tolist()
    found = open_page("/try/").evaluate(
        """async ([states, actions]) => {
          const { step, hasFallen } = await import("/try/cartpole_physics.js");
          const after = states.map((state, place) => step(state, actions[place]));
          return after.map((state) => [state, hasFallen(state)]);
        }""",
        [states, actions],
    )
    for state, action, (after, fell) in zip(states, actions, found, strict=True):
        expected = by_gymnasium(state, action)
        assert after == pytest.approx(expected, abs=1e-12)
        assert fell == (abs(expected[0]) > 2.4 or abs(expected[2]) > 12 * 2 * math.pi / 360)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", ["digit", "photograph", "spoken_digit", "cartpole", "review"])
def test_a_page_without_files_says_so(chromium, address, open_page, name, width):
    page = open_page("/try/", width)
    page.route("**/try/files.json", lambda route: route.fulfill(json={}))
    page.goto(f"{address}/try/{name}/", wait_until="networkidle")
    assert "built without the models" in page.locator(".try-said").inner_text()
    assert page.locator("#try :is(button, input, textarea):enabled").count() == 0
    assert page.complaints == []
