"""What TensorFlow is used for: a photograph, a text, a sound, a recommendation and a game.

    python examples/what_tensorflow_is_for.py

Five networks of the zoo, each called by its name. What goes in differs: an image, a text, a
sound, films that somebody watched, the state of a game. What comes out is always a row of numbers,
and the highest one is the answer.

Recordings do not come with pip. Where they are, five are heard, and the line of the sound reads
`spoken [0, 2, 4, 6, 8], heard 0 (0.98), 2 (1.00), 4 (1.00), 6 (1.00), 8 (1.00)`.
"""

from pathlib import Path

import numpy as np
import sklearn

import kerazoo

REVIEWS = ["warm , funny and beautifully acted", "tedious and far too long"]
STAR_WARS = [50, 172, 181]  # the numbers of its three films among MovieLens' 1,682


def first(prediction: kerazoo.Prediction, count: int = 1) -> str:
    best = list(prediction.scores.items())[:count]
    return ", ".join(f"{label} ({score:.2f})" for label, score in best)


def image() -> str:
    photograph = Path(sklearn.__file__).parent / "datasets" / "images" / "flower.jpg"
    return first(kerazoo.predict("efficientnet_lite0", photograph)[0], count=2)


def text() -> str:
    answers = kerazoo.predict("mr_text_cnn", REVIEWS)
    return ", ".join(f"{first(answer)}: '{answer.source}'" for answer in answers)


def sound() -> str:
    try:
        sounds, digits = kerazoo.datasets.load_numpy("fsdd", "test")
    except kerazoo.errors.DataError:
        return "no recordings here; kerazoo.datasets.load_numpy('fsdd') says how to get them"
    some = slice(None, None, len(sounds) // 5)
    heard = [first(answer) for answer in kerazoo.predict("fsdd_keyword", sounds[some])]
    return f"spoken {digits[some].tolist()}, heard {', '.join(heard)}"


def recommendation() -> str:
    """Titles are shown where MovieLens' files are; they may not be passed on with kerazoo."""
    history = np.zeros((1, 1682), "uint8")
    history[0, np.array(STAR_WARS) - 1] = 1
    return first(kerazoo.predict("ml100k_two_tower", history)[0], count=3)


def game(time_limit: int = 500) -> str:
    """CartPole, without Gymnasium: `reinforcement_learning.py` explains the equations."""
    agent = kerazoo.get("ppo_cartpole")
    state = np.random.default_rng(0).uniform(-0.05, 0.05, 4)
    for step in range(time_limit):
        scores = agent(state[None].astype("float32"))
        force = 10.0 if np.argmax(scores) == 1 else -10.0
        _, speed, angle, turning = state
        along = (force + 0.05 * turning**2 * np.sin(angle)) / 1.1
        turn = (9.8 * np.sin(angle) - np.cos(angle) * along) / (2 / 3 - np.cos(angle) ** 2 / 22)
        change = [speed, along - 0.05 * turn * np.cos(angle) / 1.1, turning, turn]
        state = state + 0.02 * np.array(change)
        if abs(state[0]) > 2.4 or abs(state[2]) > np.radians(12):
            return f"the pole fell after {step + 1} steps"
    return f"the pole stood for all {time_limit} steps, leaning {np.degrees(state[2]):+.1f} degrees"


if __name__ == "__main__":
    for use in (image, text, sound, recommendation, game):
        print(f"{use.__name__ + ':':16}{use()}")
