"""Cards in words, as `kerazoo info` and the pages of the models show them."""

import re

import pytest

import kerazoo
from kerazoo.zoo import card_words


def test_a_figure_stands_beside_its_standard_error_and_that_of_others():
    rows = card_words.measured(kerazoo.info("cifar10_resnet20"))
    assert rows["accuracy"] == (
        "86.57 % ± 0.34 (standard error over the 10,000 test samples, one seed)"
    )
    assert rows["loss"].endswith("(one seed)")
    assert rows["published"].startswith("accuracy 91.25 %: ResNet-20, on the original pixels")


def test_a_perfect_figure_has_no_standard_error_but_the_one_for_strangers_beside_it():
    rows = card_words.measured(kerazoo.info("fsdd_keyword"))
    assert rows["accuracy"].startswith("100.00 % (all of the 300 test samples")
    assert "speakers it never heard" in rows["cross-validation"]
    assert "accuracy 0.8033, standard error 0.0572" in rows["cross-validation"]


def test_other_methods_stand_beside_the_model():
    rows = card_words.measured(kerazoo.info("timeseries_forecaster"))
    assert rows["scaled error, seasonal naive"] == "0.741"
    assert not any("naive" in key for key in card_words.made(kerazoo.info("timeseries_forecaster")))


def test_an_agents_episodes_are_behind_its_standard_error():
    rows = card_words.measured(kerazoo.info("c51_cartpole"))
    assert rows == {"mean return": "496.59 ± 3.41 (standard error over 100 episodes, one seed)"}


def test_what_learned_from_imagenet_is_asked_and_fine_tuned():
    commands = card_words.use(kerazoo.info("efficientnet_lite1"))
    assert [command.split()[1] for command in commands] == ["predict", "fine-tune", "export"]
    commands = card_words.use(kerazoo.info("mnist_cnn"))
    assert [command.split()[1] for command in commands] == ["evaluate", "export", "train"]


def test_files_are_a_table_with_rounded_figures():
    head, *rows = card_words.files(kerazoo.info("bccd_detector"))
    assert head[3:] == ["mAP@50", "mAP@50:95"]
    assert rows[0] == ["float32", "3,833", "12,800", "0.8951", "0.5661"]
    assert card_words.files(kerazoo.info("mnist_mlp")) == []


@pytest.mark.parametrize("name", kerazoo.list_models())
def test_a_card_is_in_words(name):
    card = kerazoo.info(name)
    rows = card_words.facts(card) | card_words.measured(card) | card_words.made(card)
    assert not any("_" in key for key in rows)
    assert all(isinstance(text, str) and text for text in rows.values())
    assert not any(re.search(r"\bNone\b|\|", text) for text in rows.values())
