"""One picture of a real answer for each published model, for its page; tools/cards.py calls it.

Most are what `kerazoo predict --pictures` draws for the first sample of the test split. A row of
numbers has no picture and an agent has no data: those are drawn here. Agents need an environment
with the extra `rl`, data sets their files, all of them the extra `plot`.
"""

from __future__ import annotations

import io
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import kerazoo
from kerazoo.zoo.card import UNREADABLE

if TYPE_CHECKING:  # pages are written without the extra `plot`
    from matplotlib.figure import Figure
    from PIL.Image import Image

CAPTIONS = {
    "reinforcement-learning": "One episode of {name}, greedy, step by step",
    "regression": "What {name} predicts for its test data, against what was so",
    "audio-classification": "The spectrogram inside {name} of a test recording, and its answer",
    "recommendation": "The films that {name} recommends to a user of its test data",
}
MEASURED = {
    "CartPole-v1": ("angle of the pole, degrees", lambda o: np.degrees(o[2]), "push"),
    # The tip above the upper joint, both links of 1 m: -cos(a) - cos(a + b).
    "Acrobot-v1": (
        "height of the tip, m",
        lambda o: -o[0] - (o[0] * o[2] - o[1] * o[3]),
        "torque, Nm",
    ),
    "Pendulum-v1": ("height of the tip, m", lambda o: o[0], "torque, Nm"),
}
"""Environment -> what is drawn of an observation, and what an action is."""
FIRST_ACTION = {"Acrobot-v1": -1}
"""What the action 0 is on the axis, if not 0."""
COLOURS = 128
"""Of a photograph beside bars: as good to look at, and a third of the bytes. A palette has too few
for legends and thin lines over a photograph."""


def caption(card: kerazoo.ModelCard) -> str:
    """What the picture shows, for those who do not see it."""
    said = "What {name} says to " + (
        "a photograph of a dahlia, which none of its classes is"
        if card.dataset == UNREADABLE
        else "a sample of its test data"
    )
    return CAPTIONS.get(card.task, said).format(name=card.name)


def draw(card: kerazoo.ModelCard, root: Path) -> None:
    """Save the picture of a published model; say why where there can be none here."""
    if not card.picture:
        return
    by_task = {
        "reinforcement-learning": _episode,
        "regression": _against,
        "audio-classification": _spectrogram,
    }
    drawer = _photograph if card.dataset == UNREADABLE else by_task.get(card.task, _answer)
    try:
        picture = drawer(card)
    except kerazoo.KerazooError as error:
        print(f"{card.name}: {error}")
        return
    path = root / card.picture
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, optimize=True)


def _answer(card: kerazoo.ModelCard) -> Image:
    """What `kerazoo predict --pictures` draws of the first test sample."""
    with tempfile.TemporaryDirectory() as folder:
        kerazoo.predict(card.name, _test_inputs(card)[:1], pictures=folder)
        return _opened(next(Path(folder).glob("*.png")))


def _test_inputs(card: kerazoo.ModelCard) -> np.ndarray:
    """Of the test split, what the deployed model takes."""
    data, task = kerazoo.datasets.info(card.dataset), kerazoo.tasks.find_task(card.task)
    model = task.deployed(kerazoo.get(card.name), data)
    inputs, _ = kerazoo.datasets.load_numpy(card.dataset, "test")
    return kerazoo.tasks.inputs_for([tensor.name for tensor in model.inputs], inputs)


def _photograph(card: kerazoo.ModelCard) -> Image:
    """scikit-learn's dahlia, with the five likeliest of 1,000 labels, none of which is a dahlia."""
    import sklearn.datasets

    path = Path(sklearn.datasets.__file__).parent / "images" / "flower.jpg"
    scores = kerazoo.predict(card.name, path, top=5)[0].scores
    figure, (left, right) = _figure(1, 2)
    left.imshow(_opened(path))
    left.set_axis_off()
    right.barh(list(scores), [100 * score for score in scores.values()])
    right.invert_yaxis()
    right.set_xlabel("probability, %")
    return _image(figure).quantize(COLOURS)


def _against(card: kerazoo.ModelCard) -> Image:
    inputs, targets = kerazoo.datasets.load_numpy(card.dataset, "test")
    predicted = kerazoo.get(card.name).predict(inputs, verbose=0)
    figure, (axes,) = _figure(1, 1)
    ends = [min(targets.min(), predicted.min()), max(targets.max(), predicted.max())]
    axes.plot(ends, ends, color="grey", linewidth=1)
    axes.scatter(targets, predicted, s=12)
    axes.set_xlabel("true")
    axes.set_ylabel("predicted")
    axes.set_title(f"{len(targets)} test samples; on the line both are the same")
    return _image(figure)


def _spectrogram(card: kerazoo.ModelCard) -> Image:
    """What the model's own log-mel layer makes of the first test sample."""
    import keras

    sample = kerazoo.datasets.load_numpy(card.dataset, "test")[0][:1]
    model = kerazoo.get(card.name)
    layer = model.get_layer("log_mel")
    bands = keras.Model(model.input, layer.output).predict(sample, verbose=0)[0]
    (answer,) = kerazoo.predict(card.name, sample, top=1)
    ((label, score),) = answer.scores.items()
    figure, (axes,) = _figure(1, 1)
    seconds, highest = sample.shape[1] / layer.rate, layer.highest or layer.rate / 2
    axes.imshow(
        bands.T,
        origin="lower",
        aspect="auto",
        extent=(0, seconds, _mel(layer.lowest), _mel(highest)),
    )
    ticks = [hertz for hertz in (100, 250, 500, 1000, 2000, 4000) if hertz <= highest]
    axes.set_yticks([_mel(hertz) for hertz in ticks], labels=[str(hertz) for hertz in ticks])
    axes.set_xlabel("seconds")
    axes.set_ylabel("Hz, on the mel scale")
    axes.set_title(f"“{label}” {score:.1%}")
    return _image(figure)


def _mel(hertz: float) -> float:
    return 2595 * np.log10(1 + hertz / 700)


def _episode(card: kerazoo.ModelCard) -> Image:
    """The greedy policy from the start of seed 0 to the end."""
    kerazoo.rl.evaluate  # noqa: B018  says what is not installed
    from kerazoo.rl.evaluation import open_policy

    policy, make = open_policy(card.name)
    what, measure, action_name = MEASURED[card.environment]
    values, actions, total, over = [], [], 0.0, False
    with closing(make()) as environment:
        observation, _ = environment.reset(seed=0)
        while not over:
            action = policy(observation)
            values.append(float(measure(observation)))
            actions.append(float(np.squeeze(action)) + FIRST_ACTION.get(card.environment, 0))
            observation, reward, terminated, truncated, _ = environment.step(action)
            total, over = total + float(reward), terminated or truncated
    figure, (above, below) = _figure(2, 1, height_ratios=(3, 1), sharex=True)
    above.plot(values, linewidth=1)
    above.set_ylabel(what)
    above.set_title(f"{card.environment}, one episode: return {total:.4g}")
    below.step(range(len(actions)), actions, linewidth=0.6, where="post")
    below.set_ylabel(action_name)
    if action_name == "push":
        below.set_yticks([0, 1], labels=["left", "right"])
    below.set_xlabel("step")
    return _image(figure)


def _figure(rows: int, columns: int, **layout: Any) -> tuple[Figure, list[Any]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4.5) if columns == 1 else (8, 3), dpi=110, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **layout)
    return figure, list(axes.flat)


def _image(figure: Figure) -> Image:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return _opened(buffer)


def _opened(file: Path | io.BytesIO) -> Image:
    import PIL.Image

    with PIL.Image.open(file) as image:
        return image.convert("RGB")
