"""Pictures of the models' pages, as tools/card_pictures.py draws them."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import kerazoo

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def card_pictures():
    pytest.importorskip("matplotlib", reason="needs the extra plot")
    path = ROOT / "tools" / "card_pictures.py"
    spec = importlib.util.spec_from_file_location("card_pictures", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_regression_is_drawn_as_it_stands_in_the_docs(card_pictures, tmp_path):
    from matplotlib.image import imread

    card = kerazoo.info("linear_regression")
    card_pictures.draw(card, tmp_path)
    drawn, there = imread(tmp_path / card.picture), imread(ROOT / card.picture)
    # Another version of matplotlib may shift a line, or a size by a few pixels.
    assert np.abs(np.subtract(drawn.shape, there.shape)).max() < 12
    assert abs(drawn.mean() - there[..., : drawn.shape[-1]].mean()) < 0.02


def test_the_scale_of_the_spectrogram_is_that_of_its_bands(card_pictures):
    """At 1000 Hz mel and Hz meet: that is how the scale was made."""
    assert card_pictures._mel(1000) == pytest.approx(1000, rel=1e-3)


def test_what_cannot_be_read_here_is_said_and_not_drawn(
    card_pictures, tmp_path, monkeypatch, capsys
):
    def missing(split):
        raise kerazoo.errors.DataError(f"the {split} part is not here")

    monkeypatch.setattr(kerazoo.datasets, "load_numpy", lambda name, split: missing(split))
    card_pictures.draw(kerazoo.info("ml100k_two_tower"), tmp_path)
    assert capsys.readouterr().out == "ml100k_two_tower: the test part is not here\n"
    assert not (tmp_path / "docs").exists()


def test_an_agent_without_its_environment_is_said_and_not_drawn(
    card_pictures, tmp_path, monkeypatch, capsys
):
    def missing():
        raise kerazoo.errors.MissingDependencyError("kerazoo.rl needs gymnasium")

    monkeypatch.setattr("kerazoo.rl._start.check_installed", missing)
    card_pictures.draw(kerazoo.info("dqn_cartpole"), tmp_path)
    assert capsys.readouterr().out == "dqn_cartpole: kerazoo.rl needs gymnasium\n"
