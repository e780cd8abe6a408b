"""Configs of other packages: found without running their code, and what is said of wrong ones."""

import pytest

import kerazoo
from kerazoo.errors import ConfigError
from kerazoo.zoo.catalogue import configs_folder

pytestmark = pytest.mark.usefixtures("zoo_state")


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Call it with a package's name, an entry point's value and names of configs: it is installed.

    Its code raises when it is run.
    """

    def make(package, value, names=()):
        folder = tmp_path / package
        site = folder / package / "configs"
        site.mkdir(parents=True)
        (folder / package / "__init__.py").write_text("raise RuntimeError('was run')\n")
        text = (configs_folder() / "mnist_mlp.yaml").read_text()
        for name in names:
            (site / f"{name}.yaml").write_text(text.replace("name: mnist_mlp", f"name: {name}"))
        metadata = folder / f"{package}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\n")
        (metadata / "entry_points.txt").write_text(f"[kerazoo.configs]\nconfigs = {value}\n")
        monkeypatch.syspath_prepend(folder)

    return make


def test_models_of_a_package_are_in_the_zoo(install):
    before = kerazoo.list_models()
    install("quiet_zoo", "quiet_zoo:configs", ["other_mlp", "another_mlp"])
    assert kerazoo.list_models() == sorted([*before, "another_mlp", "other_mlp"])
    assert kerazoo.info("other_mlp").name == "other_mlp"


def test_the_package_itself_may_be_the_folder(install, tmp_path):
    install("flat_zoo", "flat_zoo")
    text = (
        (configs_folder() / "mnist_mlp.yaml").read_text().replace("name: mnist_mlp", "name: flat")
    )
    (tmp_path / "flat_zoo" / "flat_zoo" / "flat.yaml").write_text(text)
    assert "flat" in kerazoo.list_models()


@pytest.mark.parametrize("value", ["bad_zoo:absent", "bad_zoo.inner:configs", "not_there:configs"])
def test_an_entry_point_without_configs_is_one_line(install, value):
    install("bad_zoo", value)
    with pytest.raises(ConfigError, match="The package bad_zoo says .*PACKAGE:FOLDER") as error:
        kerazoo.list_models()
    assert "\n" not in str(error.value)


def test_a_name_of_kerazoos_own_is_refused(install):
    install("rude_zoo", "rude_zoo:configs", ["mnist_cnn"])
    with pytest.raises(ConfigError, match="Two models are named 'mnist_cnn'.*rude_zoo"):
        kerazoo.list_models()


def test_a_name_of_two_packages_is_refused(install):
    install("one_zoo", "one_zoo:configs", ["same_net"])
    install("two_zoo", "two_zoo:configs", ["same_net"])
    with pytest.raises(ConfigError, match="Two installed packages have a model 'same_net'"):
        kerazoo.list_models()


def test_a_users_file_cannot_take_a_packages_name(install, tmp_path):
    install("quiet_zoo", "quiet_zoo:configs", ["other_mlp"])
    text = (tmp_path / "quiet_zoo" / "quiet_zoo" / "configs" / "other_mlp.yaml").read_text()
    (tmp_path / "other_mlp.yaml").write_text(text)
    with pytest.raises(ConfigError, match="'other_mlp' is taken by"):
        kerazoo.add_config(tmp_path / "other_mlp.yaml")
