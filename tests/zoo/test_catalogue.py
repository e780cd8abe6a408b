"""The catalogue: which models there are, and what a user may add."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest

import kerazoo
from kerazoo.errors import ConfigError, UnknownNameError
from kerazoo.tasks import find_task
from kerazoo.zoo.card import card_of
from kerazoo.zoo.catalogue import find_any_config, weights_folder
from kerazoo.zoo.config_file import to_config, to_yaml
from tests.zoo.test_config import SMALLEST

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.usefixtures("zoo_state")


def write_config(folder, name, **changes):
    path = folder / f"{name}.yaml"
    path.write_text(to_yaml({**SMALLEST, "name": name, **changes}))
    return path


def test_models_are_listed_by_wildcard():
    assert kerazoo.list_models("mnist_*") == ["mnist_cnn", "mnist_mlp"]
    assert kerazoo.list_models("mnist_c?n") == ["mnist_cnn"]
    assert kerazoo.list_models("nothing*") == []
    assert kerazoo.list_models() == sorted(kerazoo.list_models())


def test_models_are_listed_by_task():
    names = kerazoo.list_models(task="regression")
    assert "linear_regression" in names
    assert all(kerazoo.info(name).task == "regression" for name in names)
    with pytest.raises(UnknownNameError, match="Did you mean 'image-classification'"):
        kerazoo.list_models(task="image-clasification")


def test_models_are_listed_by_published_weights():
    with_weights = kerazoo.list_models(pretrained=True)
    without = kerazoo.list_models(pretrained=False)
    assert sorted(with_weights + without) == kerazoo.list_models()
    assert all(kerazoo.info(name).pretrained for name in with_weights)
    assert not any(kerazoo.info(name).pretrained for name in without)


def test_an_unknown_model_names_the_nearest():
    for function in (kerazoo.info, kerazoo.get):
        with pytest.raises(
            UnknownNameError, match=r"Unknown model 'mnist_cn'\. Did you mean 'mnist_c"
        ):
            function("mnist_cn")


def test_a_file_is_added(tmp_path):
    path = write_config(tmp_path, "my_net", summary="Mine.")
    assert kerazoo.add_config(path) == ["my_net"]
    assert "my_net" in kerazoo.list_models()
    assert kerazoo.info("my_net").summary == "Mine."
    assert kerazoo.add_config(path) == ["my_net"]  # the same file again is no other model
    assert kerazoo.get("my_net").output_shape == (None, 1)


def test_a_folder_is_added(tmp_path):
    write_config(tmp_path, "net_b")
    write_config(tmp_path, "net_a")
    (tmp_path / "notes.txt").write_text("not a config")
    assert kerazoo.add_config(str(tmp_path)) == ["net_a", "net_b"]


def test_a_folder_with_one_bad_file_adds_nothing(tmp_path):
    write_config(tmp_path, "net_a")
    write_config(tmp_path, "net_b", task=3)
    with pytest.raises(ConfigError, match=r"net_b\.yaml: .*task"):
        kerazoo.add_config(tmp_path)
    assert "net_a" not in kerazoo.list_models()


def test_a_name_taken_twice_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"'mnist_cnn' is taken by .*zoo_configs"):
        kerazoo.add_config(write_config(tmp_path, "mnist_cnn"))
    kerazoo.add_config(write_config(tmp_path, "my_net"))
    (tmp_path / "other").mkdir()
    with pytest.raises(ConfigError, match="'my_net' is taken by"):
        kerazoo.add_config(write_config(tmp_path / "other", "my_net"))


def test_a_name_must_be_the_files_name(tmp_path):
    path = write_config(tmp_path, "my_net").rename(tmp_path / "other.yaml")
    with pytest.raises(ConfigError, match=r"name='my_net'\. Rename the file to my_net\.yaml"):
        kerazoo.add_config(path)


@pytest.mark.parametrize("name", ["absent.yaml", "absent"])
def test_a_missing_file_is_named(tmp_path, name):
    with pytest.raises(ConfigError, match=f"Cannot read the config .*{name}"):
        kerazoo.add_config(tmp_path / name)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"has no \.yaml files"):
        kerazoo.add_config(tmp_path)


def check_shapes(card, model):
    """Those at the beginning of the texts are those of the model that is exported."""
    if card.dataset:
        data = kerazoo.datasets.info(card.dataset)
        model = find_task(card.task).deployed(model, data)
    for text, shape in ((card.input, model.input_shape), (card.output, model.output_shape)):
        assert ast.literal_eval(text[: text.index(")") + 1]) == shape[1:]


@pytest.mark.parametrize("name", kerazoo.list_models())
def test_every_card_is_filled_in(name):
    card = kerazoo.info(name)
    assert card.name == name
    assert card.license
    assert card.references
    assert card.limits
    assert bool(card.dataset) != bool(card.environment)
    assert card.environment or card.dataset in kerazoo.datasets.list_datasets()
    assert card.summary.endswith(".")
    assert card.training_command.endswith((f" train {name}", f" fine-tune {name} photos/"))
    if card.dataset:
        assert card.data_license
        assert card.labels == list(kerazoo.datasets.info(card.dataset).class_names or [])
    for text in (card.input, card.output):
        assert re.match(r"\(\d+,[\d, ]*\)", text), text
    if card.pretrained:
        picture = Path(__file__).resolve().parents[2] / card.picture
        assert picture.is_file()
        assert picture.stat().st_size < 250_000
        assert card.metrics or "published_top_1" in card.trained  # measured here, or by the source
        assert card.trained
        if find_any_config(name).weights["default"].package is None:
            model = kerazoo.get(name, weights=None)
            assert card.parameters == model.count_params()
            check_shapes(card, model)
    assert card.to_dict()["name"] == name


def test_a_changed_file_is_read_anew_when_added_again(tmp_path, monkeypatch):
    path = write_config(tmp_path, "my_net")
    monkeypatch.chdir(tmp_path)
    kerazoo.add_config("my_net.yaml")
    before = kerazoo.info("my_net").summary
    path.write_text(path.read_text().replace(before, "Another summary."))
    monkeypatch.chdir("/")  # what was added by a relative path stays found
    assert kerazoo.info("my_net").summary == before
    monkeypatch.chdir(tmp_path)
    kerazoo.add_config("my_net.yaml")
    assert kerazoo.info("my_net").summary == "Another summary."


def test_the_standard_error_of_an_accuracy_is_that_of_the_mean_of_hits():
    card = kerazoo.info("cifar10_mobile")
    samples = card.trained["test_samples"]
    hits = np.arange(samples) < round(card.metrics["accuracy"] * samples)
    assert card.standard_errors["accuracy"] == pytest.approx(
        hits.std() / np.sqrt(samples), rel=1e-2
    )
    assert kerazoo.info("fsdd_keyword").standard_errors == {}  # all right: the formula gives 0


def test_the_standard_error_of_a_return_is_the_measured_one():
    card = kerazoo.info("ppo_pendulum")
    assert card.standard_errors == {"mean_return": card.metrics["standard_error"]}


def test_every_accuracy_has_its_number_of_samples():
    for name in kerazoo.list_models():
        card = kerazoo.info(name)
        if "accuracy" in card.metrics:
            hits = card.metrics["accuracy"] * card.trained["test_samples"]
            assert hits == pytest.approx(round(hits), abs=0.01), name


def test_published_figures_of_the_imagenet_networks_are_those_that_were_converted():
    for name in kerazoo.list_models("efficientnet_lite*"):
        card = kerazoo.info(name)
        shares = [card.trained[f"published_top_1{end}"] for end in ("", "_int8")]
        assert re.findall(r"([\d.]+) %", card.published[0]["figure"]) == [
            f"{100 * share:.1f}" for share in shares
        ]


def test_a_card_of_ones_own_needs_no_words_about_it():
    card = card_of(to_config(SMALLEST, source="net.yaml"))
    assert card.input.startswith("(10,): age, sex")
    assert (card.output, card.picture, card.published) == ("", "", [])
    strange = {**SMALLEST, "data": {"dataset": "mine", "batch_size": 32}}
    card = card_of(to_config(strange, source="net.yaml"))
    assert (card.dataset, card.data_license, card.labels, card.input) == ("mine", "", [], "")


def test_the_weights_in_the_package_are_at_most_60_megabytes():
    assert sum(path.stat().st_size for path in weights_folder().iterdir()) <= 60e6


def test_terms_of_the_data_behind_all_weights_are_told():
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    trained = [name for name in kerazoo.list_models() if kerazoo.info(name).dataset]
    assert trained
    assert [name for name in trained if name not in notice] == []
