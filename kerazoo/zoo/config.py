"""What a zoo config may say: one typed struct per section, in the order of the file.

A struct states names, types and ranges; reading, overriding and writing them is in config_file.py.
Nothing here imports Keras or TensorFlow.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from kerazoo.datasets.augment import Augment

Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*$")]
Fraction = Annotated[float, Meta(gt=0, lt=1)]
Positive = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1, le=2**31 - 1)]

QuantizeMode = Literal["float16", "dynamic", "int8", "int8_io", "int16x8"]
Precision = Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class Model(Section):
    """Which builder makes the model, and with which arguments."""

    builder: str
    arguments: dict[str, Any] = {}


class Data(Section):
    """`validation`: the fraction of the training part that is held out to make choices on; absent
    where the dataset has a split "validation", which then serves."""

    dataset: str
    batch_size: Count
    validation: Annotated[float, Meta(ge=0, le=0.5)] = 0.0
    augment: Augment | None = None


class WarmupCosine(Section, tag_field="schedule", tag="warmup_cosine"):
    """Linear from 0 to `peak` over `warmup_epochs`, then a half cosine down to `final`."""

    peak: Positive
    warmup_epochs: Annotated[float, Meta(ge=0)] = 0.0
    final: Annotated[float, Meta(ge=0)] = 0.0


class Optimizer(Section):
    """A Keras optimizer by its name in lower case; absent arguments keep Keras's defaults."""

    name: str
    learning_rate: Positive | WarmupCosine
    weight_decay: Positive | None = None
    momentum: Fraction | None = None
    beta_1: Fraction | None = None
    beta_2: Fraction | None = None
    clipnorm: Positive | None = None
    global_clipnorm: Positive | None = None


class Loss(Section):
    """A loss of Keras or of `kerazoo.losses` by its name in snake case, with its arguments."""

    name: str
    from_logits: bool | None = None
    label_smoothing: Fraction | None = None
    arguments: dict[str, Any] = {}


class Metric(Section):
    """A metric of Keras or of `kerazoo.metrics` by its name in snake case, with its arguments."""

    name: str
    arguments: dict[str, Any] = {}


class TrainStep(Section):
    """A wrapper of `kerazoo.training.steps` by its name in snake case, with its arguments."""

    name: str
    arguments: dict[str, Any] = {}


class EarlyStopping(Section):
    """Stop when `monitor` has not improved for `patience` epochs."""

    patience: Count
    monitor: str = "val_loss"


class Training(Section):
    """How the model is trained.

    `initial`: the weights it begins with: "fresh"; the tag of published ones ("default"), or the
    path of a weights file; the name of another zoo model, whose published ones all layers get that
    have the same name and shapes there, the others fresh ones; "auto", "default" where the recipe
    compresses and there are some, else fresh ones.
    `ema`: momentum of the exponential moving average of the weights, which then is the model.
    `checkpoint_every`: steps; a checkpoint is written at the end of each epoch in any case.
    """

    epochs: Count
    optimizer: Optimizer
    loss: Loss
    metrics: list[str | Metric] = []
    initial: str = "auto"
    step: TrainStep | None = None
    ema: Fraction | None = None
    early_stopping: EarlyStopping | None = None
    checkpoint_every: Count | None = None
    seed: Annotated[int, Meta(ge=0, lt=2**31)] = 0


class DistillationLoss(Section):
    """A loss of `kerazoo.distill` by name ("logits"), with its arguments and its weight."""

    name: str
    weight: Positive = 1.0
    arguments: dict[str, Any] = {}


class Distillation(Section):
    """The model learns from `teacher`, a zoo model or a file, as well as from the labels.

    `student_loss_weight`: the share of the labels' loss; the rest is the distillation's.
    `cached`: the teacher runs once, on the training data as it is, and its outputs stay beside the
    labels, whatever distortions the student then sees; else it sees each of them, in every step.
    """

    teacher: str
    losses: list[DistillationLoss] = msgspec.field(
        default_factory=lambda: [DistillationLoss("logits")]
    )
    student_loss_weight: Annotated[float, Meta(ge=0, le=1)] = 0.5
    cached: bool = False


class Prune(Section):
    """`kerazoo.compress.prune`: the sparsity grows from 0 to `sparsity` in training.

    `sparsity`: absent: what an m:n `pattern` fixes, of channels 0.5, else 0.8.
    `begin`, `end`: when, as shares of all steps. The best epoch is one that has come to the end.
    "channel" removes channels before the training; `begin` and `end` then mean nothing, and `flops`
    may stand for `sparsity`. The other fields are arguments of the function.
    """

    sparsity: Fraction | None = None
    pattern: str = "unstructured"
    block_size: list[Count] = msgspec.field(default_factory=lambda: [1, 4])
    budget: str = "layer"
    flops: Fraction | None = None
    multiple_of: Count = 1
    begin: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    end: Annotated[float, Meta(gt=0, le=1)] = 0.5
    skip: list[str] = []


class Cluster(Section):
    """`kerazoo.compress.cluster`: each kernel takes `clusters` values at most."""

    clusters: Annotated[int, Meta(ge=2)] = 16
    init: str = "kmeans++"
    per_channel: bool = False
    skip: list[str] = []


class Quantize(Section):
    """`kerazoo.compress.quantize_aware`: the model trains with the rounding of its integer file."""

    scheme: str | dict[str, str | None] = "int8"
    skip: list[str] = []
    ranges: Literal["moving_average", "percentile", "learned"] | None = None


class Distribution(Section):
    """Where and how the steps run. `data.batch_size` is that of all devices and workers together.

    `strategy`, `devices`, `communication`, `memory_limit`: as `kerazoo.distribute.strategy` takes
    them, the limit in MiB.
    `precision` and `xla` "auto": a few steps of each are timed, the fastest is taken.
    `steps_per_execution`: steps per call of TensorFlow. "auto": 20 on TPUs, which else wait for the
    program; 1 elsewhere.
    `deterministic`: TensorFlow's deterministic kernels, for the rest of the process; slower.
    `learning_rate_scaling`: "linear" or "sqrt": the learning rate is for batches of
    `base_batch_size`, and grows with `data.batch_size`, or with its square root.
    """

    strategy: str = "auto"
    devices: list[str] | None = None
    communication: Literal["auto", "nccl", "ring", "copy"] = "auto"
    memory_limit: Count | None = None
    precision: Precision = "auto"
    xla: Literal["auto"] | bool = "auto"
    steps_per_execution: Literal["auto"] | Count = "auto"
    deterministic: bool = False
    learning_rate_scaling: Literal["none", "linear", "sqrt"] = "none"
    base_batch_size: Count | None = None

    def __post_init__(self) -> None:
        if self.learning_rate_scaling != "none" and self.base_batch_size is None:
            raise ValueError(
                f"learning_rate_scaling {self.learning_rate_scaling!r} needs base_batch_size, the "
                f"batch size that the learning rate is for"
            )


class TFLite(Section):
    """How the model is exported when nothing else is asked for."""

    quantize: QuantizeMode | None = None


class Export(Section):
    tflite: TFLite = TFLite()


class FileFigures(Section):
    """A .tflite file of a model: the median time of one run with one thread, and what `kerazoo
    evaluate` measured with it."""

    size_bytes: Count
    latency_us: Positive
    metrics: dict[str, float] = {}


class Weights(Section):
    """One published weights file, and what `kerazoo evaluate` measured with it.

    `file`: its name, without a folder; it lies beside the config, kerazoo's own in its `weights`.
    `metrics` and `trained` are written by tools/train_weights.py, `files` (kind of quantization ->
    figures) by tools/measure_files.py, never by hand.
    `package`: the Python package that brings the file, as PyTorch wrote it, in its folder `models`;
    None where kerazoo does.
    """

    file: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]+\.(safetensors|pth)$")]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
    metrics: dict[str, float] = {}
    trained: dict[str, str | int | float] = {}
    files: dict[str, FileFigures] = {}
    package: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*$")] | None = None


class Published(Section):
    """A figure that others published, to be read beside ours; `of`: what it is of, and where that
    is on another footing."""

    figure: str
    source: str
    of: str = ""


class Card(Section):
    """What a person should know that the rest of the config does not say.

    `input`, `output`: shape of one sample, dtype, meaning, of the model that is exported; absent:
    what the dataset says of its samples, and the logits of a classifier.
    `cross_validation`: what the parts were that `trained.cross_validation` is the mean of.
    """

    license: str
    references: list[str] = []
    limits: str = ""
    input: str = ""
    output: str = ""
    published: list[Published] = []
    cross_validation: str = ""


class ZooConfig(Section, kw_only=True):
    """A whole zoo config: everything that changes a result, in one file, without inheritance."""

    name: Name
    task: Annotated[str, Meta(pattern=r"^[a-z0-9-]+$")]
    summary: str
    model: Model
    data: Data
    training: Training
    distillation: Distillation | None = None
    prune: Prune | None = None
    cluster: Cluster | None = None
    quantize: Quantize | None = None
    distribution: Distribution = Distribution()
    export: Export = Export()
    weights: dict[str, Weights] = {}
    card: Card
