"""Every loss against its paper's formula in NumPy, float64, with plain loops."""

import itertools
import math

import keras
import numpy as np
import pytest
from keras import ops

from kerazoo import distill
from kerazoo.errors import ConfigError, DataError

BATCH, CLASSES = 7, 5


def draw(*shape, seed=0, scale=1.0):
    return (scale * np.random.default_rng(seed).normal(size=shape)).astype("float32")


@pytest.fixture
def logits():
    return draw(BATCH, CLASSES, scale=4), draw(BATCH, CLASSES, seed=1, scale=3)


@pytest.fixture
def maps():
    return draw(BATCH, 4, 6, 3), draw(BATCH, 4, 6, 5, seed=1)


def value(loss, teacher, student, **kwargs):
    return float(ops.convert_to_numpy(loss.compute_loss(teacher, student, **kwargs)))


def softmax(row, temperature=1.0):
    powers = [math.exp(float(x) / temperature) for x in row]
    return [power / sum(powers) for power in powers]


def divergence(p, q):
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_logits(logits, temperature):
    expected = np.mean(
        [
            divergence(softmax(t, temperature), softmax(s, temperature))
            for t, s in zip(*logits, strict=True)
        ]
    )
    loss = distill.LogitsDistillation(temperature)
    assert value(loss, *logits) == pytest.approx(temperature**2 * expected, rel=1e-5)


@pytest.mark.parametrize("loss", [distill.LogitsDistillation(2.0), distill.DIST(1.0, 2.0, 3.0)])
def test_several_outputs_are_added_up(logits, loss):
    teacher, student = logits
    both = value(loss, {"a": teacher, "b": student}, {"a": student, "b": teacher})
    alone = value(loss, teacher, student) + value(loss, student, teacher)
    assert both == pytest.approx(alone, rel=1e-5)


def test_outputs_that_are_not_as_many_are_one_line(logits):
    teacher, student = logits
    with pytest.raises(DataError, match="2 of the teacher, 1 of the student"):
        value(distill.LogitsDistillation(), [teacher, teacher], student)


def test_sample_weights_are_those_of_keras(logits):
    """The weighted sum by the number of samples; one dict of weights for several outputs."""
    weights = np.array([0, 2, 1, 0.5, 0, 3, 1], "float32")
    loss = distill.LogitsDistillation(2.0)
    each = [4 * divergence(softmax(t, 2), softmax(s, 2)) for t, s in zip(*logits, strict=True)]
    expected = np.sum(weights * each) / BATCH
    assert value(loss, *logits, sample_weight=weights) == pytest.approx(expected, rel=1e-5)
    outputs = [{"a": side, "b": side} for side in logits]
    both = value(loss, *outputs, sample_weight={"a": weights, "b": 2 * weights})
    assert both == pytest.approx(3 * expected, rel=1e-5)


def test_masked_positions_are_left_out():
    """Of sequences; the mask is the one that Keras's layers leave on the student's output."""
    teacher, student = draw(3, 4, CLASSES), draw(3, 4, CLASSES, seed=1)
    tokens = np.array([[1, 2, 0, 0], [3, 0, 0, 0], [1, 1, 1, 0]])
    masked = keras.layers.Masking(mask_value=99.0)(ops.where(tokens[..., None] > 0, student, 99.0))
    rows = zip(teacher[tokens > 0], student[tokens > 0], strict=True)
    expected = np.mean([divergence(softmax(t), softmax(s)) for t, s in rows])
    loss = distill.LogitsDistillation(1.0)
    assert value(loss, teacher, masked) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_one_column_is_two_classes_of_sigmoid(temperature):
    teacher, student = (draw(BATCH, 1, seed=seed, scale=3) for seed in (0, 1))
    p, q = (
        1 / (1 + np.exp(-side.astype("float64")[:, 0] / temperature)) for side in (teacher, student)
    )
    each = p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
    expected = pytest.approx(temperature**2 * each.mean(), rel=1e-5)
    assert value(distill.LogitsDistillation(temperature), teacher, student) == expected
    labels = np.arange(BATCH) % 2
    decoupled = distill.DecoupledDistillation(1.0, 8.0, temperature)
    assert value(decoupled, teacher, student, y=labels) == expected
    intra = temperature**2 * (1 - np.corrcoef(p, q)[0, 1])
    dist = distill.DIST(beta=0.0, gamma=1.0, temperature=temperature)
    assert value(dist, teacher, student) == pytest.approx(intra, rel=1e-5)


def test_keras_compares_something_else(logits):
    """Why this package has its own: once this fails, Keras's default is fixed."""
    ours = value(distill.LogitsDistillation(3.0), *logits)
    default = value(keras.distillation.LogitsDistillation(3.0), *map(ops.convert_to_tensor, logits))
    asked = keras.distillation.LogitsDistillation(3.0, loss=keras.losses.KLDivergence())
    assert value(asked, *map(ops.convert_to_tensor, logits)) == pytest.approx(ours, rel=1e-3)
    assert abs(default - ours) > 0.1 * ours


@pytest.mark.parametrize("temperature", [1.0, 4.0])
@pytest.mark.parametrize("form", ["numbers", "column", "one-hot"])
def test_decoupled(logits, temperature, form):
    labels = np.random.default_rng(2).integers(0, CLASSES, BATCH)
    values = []
    for teacher, student, label in zip(*logits, labels, strict=True):
        p, q = softmax(teacher, temperature), softmax(student, temperature)
        target = divergence([p[label], 1 - p[label]], [q[label], 1 - q[label]])
        rest_p = [x / (1 - p[label]) for i, x in enumerate(p) if i != label]
        rest_q = [x / (1 - q[label]) for i, x in enumerate(q) if i != label]
        values.append(0.7 * target + 3.0 * divergence(rest_p, rest_q))
    forms = {"numbers": labels, "column": labels[:, None], "one-hot": np.eye(CLASSES)[labels]}
    loss = distill.DecoupledDistillation(0.7, 3.0, temperature)
    expected = temperature**2 * np.mean(values)
    assert value(loss, *logits, y=forms[form]) == pytest.approx(expected, rel=1e-5)


def test_decoupled_is_plain_distillation_weighed_anew(logits):
    """Equation 5 of the paper: KD = TCKD + (1 - p_t) NCKD; here of one sample."""
    teacher, student = logits[0][:1], logits[1][:1]
    p = softmax(teacher[0], 2.0)[3]
    loss = distill.DecoupledDistillation(1.0, 1 - p, 2.0)
    plain = value(distill.LogitsDistillation(2.0), teacher, student)
    assert value(loss, teacher, student, y=np.array([3])) == pytest.approx(plain, rel=1e-5)


@pytest.mark.parametrize("labels", [None, {"a": np.zeros(BATCH)}, np.zeros((BATCH, 2, 2))])
def test_decoupled_needs_classes(logits, labels):
    with pytest.raises(DataError, match="class numbers"):
        value(distill.DecoupledDistillation(), *logits, y=labels)


def test_decoupled_weighs_rows_without_a_class_as_nothing(logits):
    labels = np.array([0, -1, 2, CLASSES, 4, 1, -1])
    loss = distill.DecoupledDistillation(0.7, 3.0, 2.0)
    known = np.flatnonzero((labels >= 0) & (labels < CLASSES))
    rest = value(loss, *(side[known] for side in logits), y=labels[known])
    expected = pytest.approx(rest * len(known) / BATCH, rel=1e-5)
    assert value(loss, *logits, y=labels) == expected
    weights = np.isin(np.arange(BATCH), known).astype("float32")
    everywhere = np.where(weights > 0, labels, 0)
    assert value(loss, *logits, y=everywhere, sample_weight=weights) == expected


@pytest.mark.parametrize("handicap", [0.0, 30.0])
@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_dist(logits, temperature, handicap):
    """Also where all are sure that it is not the last class: its column hardly varies."""
    logits = [side - np.float32(handicap) * np.eye(CLASSES)[-1].astype("f") for side in logits]
    p, q = (np.array([softmax(row, temperature) for row in side]) for side in logits)
    inter = np.mean([1 - np.corrcoef(p[i], q[i])[0, 1] for i in range(BATCH)])
    intra = np.mean([1 - np.corrcoef(p[:, j], q[:, j])[0, 1] for j in range(CLASSES)])
    loss = distill.DIST(beta=0.7, gamma=2.0, temperature=temperature)
    expected = temperature**2 * (0.7 * inter + 2.0 * intra)
    assert value(loss, *logits) == pytest.approx(expected, rel=1e-5)


def test_features_of_equal_width(maps):
    teacher, student = maps[0], draw(BATCH, 4, 6, 3, seed=3)
    expected = ((teacher.astype("float64") - student) ** 2).sum() / teacher.size / 2
    loss = distill.FeatureDistillation("a", "b")
    assert value(loss, teacher, student) == pytest.approx(expected, rel=1e-5)


def test_features_of_other_width_and_size_are_projected(maps):
    """The student's map of 8 x 6 becomes one of 4 x 6 by averaging pairs of rows."""
    teacher, student = maps[0], draw(BATCH, 8, 6, 5, seed=3)
    loss = distill.FeatureDistillation("a", "b", seed=0)
    loss.build(teacher.shape, student.shape)
    kernel, bias = (ops.convert_to_numpy(v) for v in loss.layers[0].variables)
    small = student.astype("float64").reshape(BATCH, 4, 2, 6, 5).mean(axis=2)
    expected = ((teacher - (small @ kernel + bias)) ** 2).mean() / 2
    assert value(loss, teacher, student) == pytest.approx(expected, rel=1e-5)


SCALES = pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])


@SCALES
@pytest.mark.parametrize("power", [1.0, 2.0, 4.0])
def test_attention(maps, power, scale):
    maps = [np.float32(scale) * side for side in maps]
    values = []
    for teacher, student in zip(*maps, strict=True):
        vectors = [
            (np.abs(m.astype("float64")) ** power).sum(-1).ravel() for m in (teacher, student)
        ]
        values.append(np.linalg.norm(np.subtract(*(v / np.linalg.norm(v) for v in vectors))) / 2)
    loss = distill.AttentionTransfer("a", "b", power=power)
    assert value(loss, *maps) == pytest.approx(np.mean(values), rel=1e-5)


@SCALES
def test_similarity(maps, scale):
    maps = [np.float32(scale) * side for side in maps]
    matrices = []
    for features in maps:
        rows = features.reshape(BATCH, -1).astype("float64")
        matrix = np.array([[a @ b for b in rows] for a in rows])
        matrices.append(matrix / np.linalg.norm(matrix, axis=1, keepdims=True))
    expected = np.linalg.norm(np.subtract(*matrices), "fro") ** 2 / BATCH**2
    assert value(distill.SimilarityPreserving("a", "b"), *maps) == pytest.approx(expected, rel=1e-5)


def huber(x):
    return x * x / 2 if abs(x) <= 1 else abs(x) - 0.5


def relations(teacher, student):
    """Mean of the distance and angle losses over tuples of distinct samples."""
    sides = [
        features.reshape(len(features), -1).astype("float64") for features in (teacher, student)
    ]
    pairs = list(itertools.permutations(range(len(teacher)), 2))
    means = [np.mean([np.linalg.norm(f[i] - f[j]) for i, j in pairs]) for f in sides]
    distance = np.mean(
        [
            huber(
                np.linalg.norm(sides[0][i] - sides[0][j]) / means[0]
                - np.linalg.norm(sides[1][i] - sides[1][j]) / means[1]
            )
            for i, j in pairs
        ]
    )

    def cosine(f, i, j, k):
        a, b = f[i] - f[j], f[k] - f[j]
        return a @ b / np.linalg.norm(a) / np.linalg.norm(b)

    angle = np.mean(
        [
            huber(cosine(sides[0], *triplet) - cosine(sides[1], *triplet))
            for triplet in itertools.permutations(range(len(teacher)), 3)
        ]
    )
    return distance, angle


@SCALES
def test_relational(maps, scale):
    maps = [np.float32(scale) * side for side in maps]
    student = maps[1].copy()
    student[0] *= 30  # one sample far away: differences beyond 1, where Huber's loss is linear
    distance, angle = relations(maps[0], student)
    loss = distill.RelationalDistillation("a", "b", distance_weight=0.3, angle_weight=2.0)
    assert value(loss, maps[0], student) == pytest.approx(0.3 * distance + 2 * angle, rel=1e-5)


def test_lengths_and_directions_of_vectors_of_any_size():
    from kerazoo.distill._rows import length, unit

    vectors = np.array([[0, 0], [3e-20, 4e-20], [3, -4], [3e20, 4e20], [0, 1]], "float32")
    lengths = [0, 5e-20, 5, 5e20, 1]
    np.testing.assert_allclose(ops.convert_to_numpy(length(vectors)), lengths, rtol=1e-6)
    directions = [[0, 0], [0.6, 0.8], [0.6, -0.8], [0.6, 0.8], [0, 1]]
    np.testing.assert_allclose(ops.convert_to_numpy(unit(vectors)), directions, rtol=1e-6)


def test_pairs_of_layers_are_added_up(maps):
    loss = distill.SimilarityPreserving(["a", "b"], ["c", "d"])
    one = distill.SimilarityPreserving("a", "b")
    teacher, student = maps
    other = draw(BATCH, 9, seed=5)
    both = value(loss, [teacher, other], [student, student])
    assert both == pytest.approx(
        value(one, teacher, student) + value(one, other, student), rel=1e-5
    )


def contrast_by_definition(loss, memory, batches):
    """CRD with the memory as lists, batch by batch."""
    numpy = ops.convert_to_numpy
    teachers, students = (numpy(v).astype("float64") for v in (memory.teachers, memory.students))
    classes = list(numpy(memory.classes))
    weights = [
        [numpy(v).astype("float64") for v in layer.variables]
        for layer in (memory.embed_teacher, memory.embed_student)
    ]
    means = None
    for features, labels in batches:
        t, s = (
            (e := f.reshape(len(f), -1) @ w + b) / np.linalg.norm(e, axis=1, keepdims=True)
            for f, (w, b) in zip(features, weights, strict=True)
        )
        positive = np.exp((t * s).sum(1) / loss.temperature)
        scores = [
            np.exp(s @ teachers.T / loss.temperature),
            np.exp(t @ students.T / loss.temperature),
        ]
        if means is None:
            means = [np.mean(np.concatenate([positive[:, None], m], axis=1)) for m in scores]
        total = 0.0
        for matrix, mean in zip(scores, means, strict=True):
            for i, row in enumerate(matrix):
                others = [e for e, c in zip(row, classes, strict=True) if c != labels[i]]
                constant = len(others) * mean
                total -= math.log(positive[i] / (positive[i] + constant))
                total -= sum(math.log(constant / (e + constant)) for e in others)
        yield total / len(labels)
        size = loss.memory_size
        teachers, students = (
            np.concatenate([t, teachers])[:size],
            np.concatenate([s, students])[:size],
        )
        classes = [*labels, *classes][:size]


@pytest.mark.parametrize("given", ["numbers", "one-hot rows", "quantities", "nothing"])
def test_contrastive(given):
    """Without classes all of the memory counts."""
    loss = distill.ContrastiveRepresentation("a", "b", units=4, memory_size=11, temperature=0.5)
    loss.build((None, 3, 2), (None, 5))
    rng = np.random.default_rng(0)
    batches = [
        ((draw(n, 3, 2, seed=n), draw(n, 5, seed=n + 1)), rng.integers(0, 3, n))
        for n in (4, 6, 5, 4)
    ]
    forms = {
        "numbers": lambda labels: labels,
        "one-hot rows": lambda labels: np.eye(3, dtype="float32")[labels],
        "quantities": lambda labels: np.eye(3, dtype="float32")[labels] + 0.5,  # such as boxes
        "nothing": lambda labels: None,
    }
    given_labels = [forms[given](labels) for _, labels in batches]
    if given in ("quantities", "nothing"):
        batches = [(features, [object() for _ in labels]) for features, labels in batches]
    expected = contrast_by_definition(loss, loss.memories[0], batches)
    for (features, _), labels, wanted in zip(batches, given_labels, list(expected), strict=True):
        assert value(loss, *features, y=labels) == pytest.approx(wanted, rel=1e-5)


LOSSES = [
    distill.LogitsDistillation(2.0),
    distill.DecoupledDistillation(0.5, 2.0, 3.0),
    distill.DIST(0.5, 2.0, 3.0),
    distill.FeatureDistillation("a", "b", seed=3),
    distill.AttentionTransfer("a", "b", power=3.0),
    distill.SimilarityPreserving(["a", "b"], ["c", "d"]),
    distill.RelationalDistillation("a", "b", 0.5, 3.0),
    distill.ContrastiveRepresentation("a", "b", 8, 16, 0.2, seed=4),
]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_a_config_makes_the_same_loss(loss):
    data = keras.saving.serialize_keras_object(loss)
    again = keras.saving.deserialize_keras_object(data, safe_mode=True)
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config()
    parameters = loss.__init__.__code__.co_varnames[1 : loss.__init__.__code__.co_argcount]
    assert set(parameters) == set(loss.get_config())


@pytest.mark.parametrize(
    "loss",
    [
        distill.LogitsDistillation(2.0),
        distill.DecoupledDistillation(),
        distill.DIST(),
        distill.RelationalDistillation(),
        distill.SimilarityPreserving(),
        distill.FeatureDistillation(),
    ],
    ids=lambda loss: type(loss).__name__,
)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_outputs_are_computed_in_float32(loss, dtype):
    """Squares of 300 overflow float16."""
    teacher, student = (300 * draw(BATCH, CLASSES, seed=seed) for seed in (0, 1))
    labels = np.arange(BATCH) % CLASSES
    half = [ops.cast(ops.convert_to_tensor(side), dtype) for side in (teacher, student)]
    full = [ops.cast(side, "float32") for side in half]
    assert value(loss, *half, y=labels) == pytest.approx(value(loss, *full, y=labels), rel=1e-6)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: distill.LogitsDistillation(0), "`temperature` must be a finite number above 0"),
        (lambda: distill.LogitsDistillation("warm"), "`temperature` must be a finite number above"),
        (lambda: distill.LogitsDistillation(math.inf), "`temperature` must be a finite number"),
        (lambda: distill.DecoupledDistillation(alpha=-1), "`alpha` must be a finite number of at"),
        (lambda: distill.DIST(gamma=math.nan), "`gamma` must be a finite number of at least 0"),
        (lambda: distill.AttentionTransfer(power=0.5), "`power` must be a finite number of at lea"),
        (lambda: distill.RelationalDistillation(angle_weight=-1), "`angle_weight` must be a fini"),
        (lambda: distill.ContrastiveRepresentation(units=0), "`units` must be an integer of 1"),
        (lambda: distill.ContrastiveRepresentation(units=True), "`units` must be an integer of 1"),
        (lambda: distill.FeatureDistillation(seed=1.5), "`seed` must be an integer of 0"),
        (lambda: distill.FeatureDistillation(["a", "b"], "c"), "must name as many layers"),
        (
            lambda: distill.LogitsDistillation().build((None, 3), (None, 4)),
            r"equal shapes. Received: \(None, 3\)",
        ),
        (lambda: distill.FeatureDistillation().build((None, 3), (None, 4, 4)), "equal ranks"),
        (lambda: distill.AttentionTransfer().build((None, 3), (None, 3)), "Choose convolutions"),
        (
            lambda: distill.FeatureDistillation().build((None, 1, 4), (None, 7, 4)),
            r"positions.*\(None, 1, 4\) from the teacher",
        ),
        (
            lambda: distill.AttentionTransfer().build((None, 2, 4), (None, 7, 4)),
            r"\(None, 2, 4\) from the teacher",
        ),
        (
            lambda: distill.SimilarityPreserving().build((None, None, 4), (None, 3)),
            r"SimilarityPreserving needs features of fixed sizes. Received: \(None, None, 4\)",
        ),
        (
            lambda: distill.RelationalDistillation().build((None, 4), (None, None, 3)),
            "RelationalDistillation needs features of fixed sizes",
        ),
    ],
)
def test_arguments_out_of_range_are_one_line(make, words):
    with pytest.raises(ConfigError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)
