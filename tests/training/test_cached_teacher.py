"""Recipes whose teacher runs once, before the training."""

import numpy as np
import pytest

import kerazoo
from kerazoo.datasets import Augment, Batches
from kerazoo.errors import ConfigError, DataError
from kerazoo.training import callbacks
from kerazoo.training.cached_teacher import targets_with_teacher_outputs
from kerazoo.training.trainers import make_trainer
from kerazoo.zoo.config_file import with_overrides

TAUGHT = {"teacher": "mnist_cnn", "student_loss_weight": 0.2}
ONCE = {"distillation": {**TAUGHT, "cached": True}, "training.epochs": 2}


def weights_of(model):
    return np.concatenate([np.ravel(weight) for weight in model.get_weights()])


@pytest.mark.slow
def test_it_teaches_undistorted_samples_as_one_that_runs_in_each_step(tiny, tmp_path):
    once = with_overrides(tiny, {**ONCE, "data.augment": None})
    in_steps = with_overrides(once, {"distillation.cached": False})
    losses = [
        kerazoo.train(config, output_dir=tmp_path / name, progress=False).history
        for name, config in (("steps", in_steps), ("once", once))
    ]
    for name in ("distillation_loss", "student_loss", "val_loss", "val_accuracy"):
        np.testing.assert_allclose(losses[1][name], losses[0][name], rtol=1e-4, err_msg=name)


def test_its_outputs_stay_with_their_samples_when_these_are_distorted(tmp_path):
    images, labels = (part[:50] for part in kerazoo.datasets.load_numpy("mnist", "train"))
    student = kerazoo.get("mnist_mlp", weights=None)
    distiller = kerazoo.distill.Distiller(kerazoo.get("mnist_cnn"), student, "logits")
    both = targets_with_teacher_outputs(distiller, images, labels, tmp_path / "once")
    batches = Batches(images, both, batch_size=20, augment=Augment(rotate=10), seed=3)
    for distorted, targets in batches.starting_at(epoch=1).take(3):
        said = targets["teacher_outputs"]["0/final_output"].numpy().argmax(-1)
        assert (said == targets["labels"].numpy()).mean() > 0.95
        as_they_are = np.isin(distorted.numpy().sum((1, 2, 3)), images.sum((1, 2, 3)))
        assert as_they_are.mean() < 0.2


@pytest.mark.slow
def test_a_run_that_was_broken_off_goes_on_exactly(tiny, tmp_path, monkeypatch):
    config = with_overrides(tiny, ONCE)
    whole = kerazoo.train(config, output_dir=tmp_path / "a", progress=False)

    def break_off(self, epoch, logs=None):
        raise ZeroDivisionError

    monkeypatch.setattr(callbacks.WriteHistory, "on_epoch_end", break_off)
    with pytest.raises(ZeroDivisionError):
        kerazoo.train(config, output_dir=tmp_path / "b", progress=False)
    monkeypatch.undo()
    outputs = tmp_path / "b" / "teacher_outputs" / "output_0.npy"
    written = outputs.stat().st_mtime_ns
    resumed = kerazoo.train(config, output_dir=tmp_path / "b", progress=False)
    np.testing.assert_array_equal(weights_of(resumed.model), weights_of(whole.model))
    assert outputs.stat().st_mtime_ns == written


def test_layers_that_the_losses_name_are_kept_as_well(tiny, tmp_path):
    teacher, student = kerazoo.get("mnist_cnn"), kerazoo.get("mnist_mlp", weights=None)
    losses = ["logits", kerazoo.distill.FeatureDistillation("dense", "dense_1")]
    distiller = kerazoo.distill.Distiller(teacher, student, losses)
    images, labels = kerazoo.datasets.load_numpy("mnist", "train")
    both = targets_with_teacher_outputs(distiller, images[:300], labels[:300], tmp_path / "once")
    assert distiller.teacher_layers == ["dense"]
    assert both["teacher_outputs"].keys() == {"0/final_output", "0/dense"}
    np.testing.assert_array_equal(both["labels"], labels[:300])
    np.testing.assert_allclose(
        both["teacher_outputs"]["0/final_output"],
        teacher.predict(images[:300], verbose=0),
        rtol=1e-4,
        atol=1e-4,
    )
    with pytest.raises(DataError, match="other inputs than the teacher saw"):
        targets_with_teacher_outputs(distiller, images[300:600], labels[300:600], tmp_path / "once")


def test_outputs_that_would_have_to_move_with_the_image_are_refused(tiny):
    config = with_overrides(tiny, {**ONCE, "data.augment": {"flip": True, "targets": "mask"}})
    with pytest.raises(ConfigError, match=r"cached cannot .* data\.augment\.targets: mask"):
        make_trainer(kerazoo.get("mnist_mlp", weights=None), config)
