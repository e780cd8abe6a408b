"""The distiller: one step against NumPy, frozen teachers, what is reported, what is saved."""

import json
import zipfile

import h5py
import keras
import numpy as np
import pytest
from keras import layers, ops

from kerazoo import distill
from kerazoo.errors import ConfigError, DataError, UnknownNameError

CLASSES = 4


def numbers(model):
    return [np.array(ops.convert_to_numpy(variable)) for variable in model.variables]


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def linear(seed, regularizer=None):
    keras.utils.set_random_seed(seed)
    dense = layers.Dense(CLASSES, use_bias=False, kernel_regularizer=regularizer, name="dense")
    return keras.Sequential([keras.Input((5,)), dense])


@pytest.fixture
def rows():
    rng = np.random.default_rng(1)
    return rng.normal(size=(12, 5)).astype("float32"), rng.integers(0, CLASSES, 12)


def step(teacher, student, losses, rows, loss, **kwargs):
    """Logs of one step of plain gradient descent at rate 1."""
    distiller = distill.Distiller(teacher, student, losses, **kwargs)
    distiller.compile(keras.optimizers.SGD(1.0), loss)
    return distiller.train_on_batch(*rows, return_dict=True)


def test_a_step_is_that_of_the_formula(rows, cross_entropy):
    """Of a linear student everything can be written down."""
    x, y = rows
    teacher, student = linear(0), linear(1)
    t, w = numbers(teacher)[0], numbers(student)[0]
    logs = step(
        teacher,
        student,
        distill.LogitsDistillation(2.0),
        rows,
        cross_entropy,
        loss_weights=[3.0],
        student_loss_weight=0.25,
    )
    p, q, q1 = softmax(x @ t / 2), softmax(x @ w / 2), softmax(x @ w)
    soft = 4 * np.mean(np.sum(p * np.log(p / q), axis=1))
    hard = -np.mean(np.log(q1[np.arange(12), y]))
    assert logs["student_loss"] == pytest.approx(hard, rel=1e-5)
    assert logs["distillation_loss"] == pytest.approx(3 * soft, rel=1e-5)
    assert logs["loss"] == pytest.approx(0.25 * hard + 0.75 * 3 * soft, rel=1e-5)
    slope = (0.25 * (q1 - np.eye(CLASSES)[y]) + 0.75 * 3 * 2 * (q - p)) / 12
    np.testing.assert_allclose(numbers(student)[0], w - x.T @ slope, atol=1e-5)
    np.testing.assert_array_equal(numbers(teacher)[0], t)


def test_several_teachers_pull_like_their_averaged_softened_distributions(rows):
    x, _ = rows
    teachers, student = [linear(0), linear(2)], linear(1)
    p = sum(
        share * softmax(x @ numbers(teacher)[0] / 2)
        for share, teacher in zip((0.75, 0.25), teachers, strict=True)
    )
    w = numbers(student)[0]
    loss = distill.LogitsDistillation(2.0)
    step(teachers, student, loss, rows, None, student_loss_weight=0, teacher_weights=[3, 1])
    slope = 2 * (softmax(x @ w / 2) - p) / 12
    np.testing.assert_allclose(numbers(student)[0], w - x.T @ slope, atol=1e-5)


def test_a_teacher_of_itself_adds_nothing(rows, cross_entropy):
    """Born again: the same weights, the same answers; only the labels pull."""
    teacher = linear(0)
    student = keras.models.clone_model(teacher)
    student.set_weights(teacher.get_weights())
    logs = step(teacher, student, distill.LogitsDistillation(2.0), rows, cross_entropy)
    assert logs["distillation_loss"] == pytest.approx(0, abs=1e-6)


def test_sample_weights_and_regularizers_count(rows, cross_entropy):
    """Half of the samples weigh nothing, to the teacher neither; the penalty counts in full, not by
    the loss weight."""
    x, y = rows
    weights = np.array([0.0, 2.0] * 6, "float32")
    teacher, student = linear(0), linear(1, keras.regularizers.L2(0.1))
    w = numbers(student)[0]
    t = numbers(teacher)[0]
    loss = distill.LogitsDistillation(2.0)
    distiller = distill.Distiller(teacher, student, loss, student_loss_weight=0.25)
    distiller.compile("sgd", cross_entropy)
    logs = distiller.train_on_batch(x, y, sample_weight=weights, return_dict=True)
    p, q = softmax(x @ t / 2), softmax(x @ w / 2)
    soft = 4 * np.mean(np.sum(p * np.log(p / q), axis=1) * weights)
    assert logs["distillation_loss"] == pytest.approx(soft, rel=1e-5)
    hard = np.mean(-np.log(softmax(x @ w)[np.arange(12), y]) * weights)
    penalty = 0.1 * np.sum(w**2)
    assert logs["student_loss"] == pytest.approx(hard + penalty, rel=1e-5)
    expected = 0.25 * hard + 0.75 * logs["distillation_loss"] + penalty
    assert logs["loss"] == pytest.approx(expected, rel=1e-5)


def test_the_student_runs_once_and_the_teacher_in_inference_mode(make_net, data):
    """Statistics of a batch normalization move once per step; a teacher's not at all."""
    teacher, student = make_net(6, dropout=0.5), make_net(3)
    x = data[0]
    before = numbers(teacher)
    conv = keras.Model(student.input, student.get_layer("conv").output)
    mean = conv.predict_on_batch(x).mean(axis=(0, 1, 2))
    loss = distill.FeatureDistillation("conv", "conv")
    distiller = distill.Distiller(teacher, student, [loss, "logits"], student_loss_weight=0)
    distiller.compile(keras.optimizers.SGD(0.0))
    values = [distiller.train_on_batch(x, return_dict=True) for _ in range(2)]
    assert values[0]["distillation_loss"] == pytest.approx(values[1]["distillation_loss"], rel=1e-4)
    moved = ops.convert_to_numpy(student.get_layer("norm").moving_mean)
    np.testing.assert_allclose(moved, mean * (1 - 0.99**2), rtol=1e-4, atol=1e-7)
    np.testing.assert_equal(numbers(teacher), before)
    assert keras.models.clone_model(teacher).trainable_variables  # fit to be a student


def all_losses(teacher, student):
    names = {"teacher_layer_name": teacher, "student_layer_name": student}
    between = ("features", "attention", "similarity", "relational")
    contrast = {"name": "contrastive", "units": 8, "memory_size": 16, **names}
    return ["logits", "decoupled", "dist", contrast, *({"name": n, **names} for n in between)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "policy", ["mixed_float16", pytest.param("mixed_bfloat16", marks=pytest.mark.release)]
)
def test_all_losses_train_together_in_half_precision(make_net, data, cross_entropy, policy):
    """Losses of six steps are, but for rounding, those of float32."""
    teacher = make_net(6, name="teacher")
    losses = {}
    for dtype in ("float32", policy):
        student = make_net(3, seed=1, name="student", dtype=dtype)
        distiller = distill.Distiller(teacher, student, all_losses("conv", "conv"))
        keras.utils.set_random_seed(0)
        for layer in distiller.loss_layers:
            for variable in layer.trainable_variables:
                variable.assign(0.1 * np.random.normal(size=variable.shape))
        distiller.compile("adam", cross_entropy, metrics=["accuracy"])
        history = distiller.fit(*data, batch_size=8, epochs=2, verbose=0, shuffle=False).history
        losses[dtype] = history["loss"]
    assert losses[policy] == pytest.approx(losses["float32"], rel=0.03)


def test_evaluate_and_predict_are_the_students(make_net, data, cross_entropy):
    teacher, student = make_net(6), make_net(3, seed=1)
    distiller = distill.Distiller(teacher, student, all_losses("conv", "conv"))
    # Eight losses are computed once sooner than they are traced, but by JAX.
    is_eager = keras.backend.backend() != "jax"
    distiller.compile("sgd", cross_entropy, metrics=["accuracy"], run_eagerly=is_eager)
    history = distiller.fit(*data, verbose=0, validation_data=data).history
    assert sorted(history) == [
        *("accuracy", "distillation_loss", "loss", "student_loss", "val_accuracy", "val_loss")
    ]
    student.compile("sgd", cross_entropy, metrics=["accuracy"])
    expected = student.evaluate(*data, verbose=0, return_dict=True)
    measured = distiller.evaluate(*data, verbose=0, return_dict=True)
    assert measured == pytest.approx(expected, rel=1e-5)
    assert history["val_loss"][0] == pytest.approx(expected["loss"], rel=1e-5)
    np.testing.assert_allclose(
        distiller.predict(data[0], verbose=0), student.predict(data[0], verbose=0), atol=1e-6
    )


def stored(path):
    """Shapes of all arrays in a .keras file, and its config as text."""
    shapes = []
    with zipfile.ZipFile(path) as archive:
        with archive.open("model.weights.h5") as file, h5py.File(file) as arrays:
            arrays.visititems(
                lambda name, item: (
                    shapes.append(item.shape) if isinstance(item, h5py.Dataset) else None
                )
            )
        return shapes, json.loads(archive.read("config.json"))


def test_files_carry_no_teacher(make_net, data, cross_entropy, tmp_path):
    """The teacher is 11 wide, a size that nothing but the projector's output has."""
    teacher, student = make_net(11, name="master"), make_net(3, seed=1)
    loss = distill.FeatureDistillation("norm", "norm", seed=1)
    distiller = distill.Distiller(teacher, student, [loss, "logits"])
    distiller.compile(keras.optimizers.SGD(0.1), cross_entropy, metrics=["accuracy"])
    distiller.fit(*data, verbose=0)
    student.save(tmp_path / "student.keras")
    shapes, config = stored(tmp_path / "student.keras")
    assert sorted(shapes) == sorted(tuple(v.shape) for v in student.variables)
    assert "kerazoo" not in json.dumps(config)

    distiller.save(tmp_path / "distiller.keras")
    shapes, config = stored(tmp_path / "distiller.keras")
    assert "master" not in json.dumps(config)
    assert sorted(shape for shape in shapes if 11 in shape) == [(3, 11), (11,)]
    distiller.save_weights(tmp_path / "all.weights.h5")
    loaded = keras.saving.load_model(tmp_path / "distiller.keras", safe_mode=True)
    assert type(loaded) is distill.Distiller
    assert loaded.teacher is None
    np.testing.assert_allclose(loaded.predict(data[0]), distiller.predict(data[0]), atol=1e-6)
    np.testing.assert_equal(
        [ops.convert_to_numpy(v) for v in loaded.weights],
        [ops.convert_to_numpy(v) for v in distiller.weights],
    )
    again = distill.Distiller(teacher, loaded.student, loaded.distillation_losses)
    again.compile(keras.optimizers.SGD(0.1), cross_entropy, metrics=["accuracy"])
    assert again.train_on_batch(*data) == pytest.approx(distiller.train_on_batch(*data), rel=1e-4)
    with pytest.raises(DataError, match="has no teacher"):
        loaded.fit(*data, verbose=0)


def test_a_config_keeps_every_argument(make_net):
    loss = distill.FeatureDistillation("norm", "norm")
    distiller = distill.Distiller(
        [make_net(11), make_net(5)],
        make_net(3),
        [loss, distill.LogitsDistillation(7.0)],
        loss_weights=[0.5, 2.0],
        student_loss_weight=0.125,
        teacher_weights=[1, 3],
        name="school",
    )
    again = distill.Distiller.from_config(distiller.get_config())
    assert again.distillation_loss_weights == [0.5, 2.0]
    assert again.student_loss_weight == 0.125
    assert again.get_config()["teacher_weights"] == [0.25, 0.75]
    assert again.name == "school"
    assert again.distillation_losses[1].temperature == 7.0
    assert [tuple(v.shape) for v in again.loss_layers[0].variables] == [(3, 11), (11,)]


def test_a_file_names_no_teacher(make_net, tmp_path):
    """It would be opened in safe mode too, and a SavedModel is a program."""
    distiller = distill.Distiller(make_net(11), make_net(3), "logits")
    (tmp_path / "saved_model.pb").write_bytes(b"a program")
    config = {**distiller.get_config(), "teacher": str(tmp_path)}
    again = distill.Distiller.from_config(config)
    assert again.teacher is None
    assert "teacher" not in distiller.get_config()


def test_layers_inside_nested_models_can_be_named(make_net, data, cross_entropy):
    """The loss is that of the same backbones, named directly."""
    backbones = [make_net(5), make_net(3, seed=1)]
    nested = [
        keras.Sequential([keras.Input((8, 8, 3)), backbone, layers.Dense(2)])
        for backbone in backbones
    ]
    loss = distill.AttentionTransfer("net/conv", "net/conv")
    deep = distill.Distiller(*nested, loss, student_loss_weight=0)
    flat = distill.Distiller(
        *backbones, distill.AttentionTransfer("conv", "conv"), student_loss_weight=0
    )
    values = []
    for distiller in (deep, flat):
        distiller.compile(keras.optimizers.SGD(0.0))
        values.append(distiller.train_on_batch(data[0], return_dict=True)["loss"])
    assert values[0] == pytest.approx(values[1], rel=1e-5)


def test_losses_of_keras_work_too(rows, cross_entropy):
    x, _ = rows
    teacher, student = linear(0), linear(1)
    expected = np.mean((x @ numbers(teacher)[0] - x @ numbers(student)[0]) ** 2)
    loss = keras.distillation.FeatureDistillation("mse", "dense", "dense")
    logs = step(teacher, student, [loss], rows, cross_entropy)
    assert logs["distillation_loss"] == pytest.approx(expected, rel=1e-5)


def test_a_loss_of_ones_own_receives_the_labels(rows, cross_entropy):
    class Labels(keras.distillation.DistillationLoss):
        def compute_loss(self, teacher_outputs, student_outputs, y=None, **kwargs):
            return ops.mean(ops.cast(y, "float32"))

    logs = step(linear(0), linear(1), Labels(), rows, cross_entropy)
    assert logs["distillation_loss"] == pytest.approx(rows[1].mean())


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"teacher": 3}, ConfigError, "`teacher` must be a keras.Model, or the path"),
        ({"teacher": []}, ConfigError, "`teacher` is an empty list"),
        ({"teacher": "nowhere.tflite"}, DataError, "nowhere.tflite"),
        ({"teacher": "nowhere"}, DataError, "there is no .keras file"),
        ({"student": "net"}, ConfigError, "`student` must be a keras.Model"),
        ({"losses": []}, ConfigError, "`losses` is an empty list"),
        ({"losses": [3]}, ConfigError, "`losses` must be objects"),
        ({"losses": "logit"}, UnknownNameError, "Did you mean 'logits'"),
        ({"losses": {"name": "logits", "temprature": 3}}, UnknownNameError, "'temperature'"),
        ({"losses": {"temperature": 3}}, UnknownNameError, "distillation loss None"),
        ({"loss_weights": [1, 2]}, ConfigError, "`loss_weights` must be 1 numbers"),
        ({"loss_weights": [-1]}, ConfigError, r"`loss_weights\[0\]` must be a finite number of at"),
        ({"loss_weights": [np.inf]}, ConfigError, r"`loss_weights\[0\]` must be a finite number"),
        ({"teacher_weights": [0]}, ConfigError, "`teacher_weights` must not all be 0"),
        (
            {"student_loss_weight": 1.5},
            ConfigError,
            "`student_loss_weight` must be a finite number of at least 0 and of at most 1",
        ),
        (
            {"losses": distill.SimilarityPreserving("dens", "dense")},
            UnknownNameError,
            "layer of the teacher 'sequential.*': 'dens'. Did you mean 'dense'",
        ),
    ],
)
def test_wrong_arguments_are_one_line(arguments, error, words):
    arguments = {"teacher": linear(0), "student": linear(1), "losses": "logits", **arguments}
    with pytest.raises(error, match=words) as caught:
        distill.Distiller(**arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["features", "contrastive"])
def test_what_a_loss_has_learned_fits_models_of_one_size(make_net, name):
    """The projector may move to another distiller of such models; of others it is refused."""
    from kerazoo.distill._by_name import loss_from_name

    names = {"teacher_layer_name": "pool", "student_layer_name": "pool"}
    loss = loss_from_name({"name": name, **names})
    first = distill.Distiller(make_net(5), make_net(3), loss)
    again = distill.Distiller(make_net(5, seed=4), make_net(3, seed=5), loss)
    assert again.loss_layers[0] is first.loss_layers[0]
    for teacher_width, student_width in ((6, 3), (5, 4), (3, 3)):
        with pytest.raises(ConfigError, match="Make a new loss"):
            distill.Distiller(make_net(teacher_width), make_net(student_width), loss)


@pytest.mark.parametrize("name", ["features", "attention", "contrastive"])
def test_losses_between_layers_take_the_first_teacher(make_net, data, name):
    """Also where the layer is the final output: what is learned is not mixed."""
    from kerazoo.distill._by_name import loss_from_name

    def net(seed):
        keras.utils.set_random_seed(seed)
        return keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(4, 3)])

    values = []
    for teachers in (net(0), [net(0), net(7)]):
        loss = loss_from_name(name)
        distiller = distill.Distiller(teachers, net(1), loss, student_loss_weight=0)
        distiller.compile(keras.optimizers.SGD(0.1))
        logs = [distiller.train_on_batch(data[0], return_dict=True) for _ in range(3)]
        values.append([log["distillation_loss"] for log in logs])
    assert values[0] == pytest.approx(values[1], rel=1e-5)


def test_the_students_mask_counts(cross_entropy):
    """What stands behind the end of a sequence changes neither of the two losses."""
    keras.utils.set_random_seed(0)
    tokens = np.array([[1, 2, 0, 0], [3, 0, 0, 0]])
    lookup = layers.Embedding(4, 3, mask_zero=True)
    student = keras.Sequential([keras.Input((4,)), lookup, layers.Dense(CLASSES)])
    teacher = keras.Sequential([keras.Input((4,)), layers.Embedding(4, CLASSES)])
    distiller = distill.Distiller(teacher, student, distill.LogitsDistillation(1.0))
    distiller.compile(keras.optimizers.SGD(0.0), cross_entropy)
    for layer in (lookup, teacher.layers[0]):
        layer.set_weights([40 * weights for weights in layer.get_weights()])
    rows = lookup.get_weights()[0], teacher.layers[0].get_weights()[0]
    labels = tokens % CLASSES
    logs = distiller.train_on_batch(tokens, labels, return_dict=True)
    known = tokens[tokens > 0]
    kernel, bias = student.layers[-1].get_weights()
    q, p = softmax(rows[0][known] @ kernel + bias), softmax(rows[1][known])
    soft = np.mean(np.sum(p * np.log(p / q), axis=1))
    hard = -np.mean(np.log(q[np.arange(3), labels[tokens > 0]]))
    assert logs["distillation_loss"] == pytest.approx(soft, rel=1e-5)
    assert logs["student_loss"] == pytest.approx(hard, rel=1e-5)


def test_a_model_cannot_be_its_own_teacher():
    model = linear(0)
    with pytest.raises(ConfigError, match="clone_model"):
        distill.Distiller(model, model, "logits")


def test_outputs_of_other_shapes_are_refused(make_net):
    student = keras.Sequential([keras.Input((8, 8, 3)), layers.Flatten(), layers.Dense(7)])
    with pytest.raises(ConfigError, match=r"\(None, 4\) from the teacher, \(None, 7\)"):
        distill.Distiller(make_net(3), student, "logits")


def test_a_student_loss_is_needed_unless_it_weighs_nothing():
    with pytest.raises(ConfigError, match="student_loss_weight=0"):
        distill.Distiller(linear(0), linear(1), "logits").compile("sgd")


def test_labels_are_needed_unless_the_students_loss_weighs_nothing(rows, cross_entropy):
    inputs, _ = rows
    distiller = distill.Distiller(linear(0), linear(1), "logits")
    distiller.compile("sgd", cross_entropy)
    with pytest.raises(DataError, match=r"no labels .* student_loss_weight is 0\.5"):
        distiller.fit(inputs, verbose=0)
    without = distill.Distiller(linear(0), linear(1), "logits", student_loss_weight=0)
    without.compile("sgd")
    assert without.fit(inputs, verbose=0).history["distillation_loss"][0] > 0


def test_names_of_losses():
    from kerazoo.distill._by_name import LOSSES, loss_from_name

    assert loss_from_name({"name": "logits", "temperature": 4.0}).temperature == 4.0
    assert type(loss_from_name("dist")) is distill.DIST
    assert type(loss_from_name("similarity_preserving")) is distill.SimilarityPreserving
    assert len({type(loss_from_name(name)) for name in LOSSES}) == 8
