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
Count = Annotated[int, Meta(ge=1)]

QuantizeMode = Literal["float16", "dynamic", "int8", "int8_io", "int16x8"]
Precision = Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"]


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class Model(_Section):
    """Which builder makes the model, and with which arguments."""

    builder: str
    arguments: dict[str, Any] = {}


class Data(_Section):
    """`validation`: the fraction of the training part that is held out to make choices on."""

    dataset: str
    batch_size: Count
    validation: Annotated[float, Meta(ge=0, le=0.5)] = 0.0
    augment: Augment | None = None


class WarmupCosine(_Section, tag_field="schedule", tag="warmup_cosine"):
    """Linear from 0 to `peak` over `warmup_epochs`, then a half cosine down to `final`."""

    peak: Positive
    warmup_epochs: Annotated[float, Meta(ge=0)] = 0.0
    final: Annotated[float, Meta(ge=0)] = 0.0


class Optimizer(_Section):
    """A Keras optimizer by its name in lower case; absent arguments keep Keras's defaults."""

    name: str
    learning_rate: Positive | WarmupCosine
    weight_decay: Positive | None = None
    momentum: Fraction | None = None
    beta_1: Fraction | None = None
    beta_2: Fraction | None = None
    clipnorm: Positive | None = None
    global_clipnorm: Positive | None = None


class Loss(_Section):
    """A Keras loss by its name in snake case."""

    name: str
    from_logits: bool | None = None
    label_smoothing: Fraction | None = None


class Metric(_Section):
    """A metric of Keras or of `kerazoo.metrics` by its name in snake case, with its arguments."""

    name: str
    arguments: dict[str, Any] = {}


class TrainStep(_Section):
    """A wrapper of `kerazoo.training.steps` by its name in snake case, with its arguments."""

    name: str
    arguments: dict[str, Any] = {}


class EarlyStopping(_Section):
    """Stop when `monitor` has not improved for `patience` epochs."""

    patience: Count
    monitor: str = "val_loss"


class Training(_Section):
    """How the model is trained.

    `initial`: the weights it begins with: "fresh"; the tag of published ones ("default"), or the
    path of a weights file; "auto", "default" where the recipe compresses and there are some, else
    fresh ones.
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


class DistillationLoss(_Section):
    """A loss of `kerazoo.distill` by name ("logits"), with its arguments and its weight."""

    name: str
    weight: Positive = 1.0
    arguments: dict[str, Any] = {}


class Distillation(_Section):
    """The model learns from `teacher`, a zoo model or a file, as well as from the labels.

    `student_loss_weight`: the share of the labels' loss; the rest is the distillation's.
    """

    teacher: str
    losses: list[DistillationLoss] = msgspec.field(
        default_factory=lambda: [DistillationLoss("logits")]
    )
    student_loss_weight: Annotated[float, Meta(ge=0, le=1)] = 0.5


class Prune(_Section):
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


class Cluster(_Section):
    """`kerazoo.compress.cluster`: each kernel takes `clusters` values at most."""

    clusters: Annotated[int, Meta(ge=2)] = 16
    init: str = "kmeans++"
    per_channel: bool = False
    skip: list[str] = []


class Quantize(_Section):
    """`kerazoo.compress.quantize_aware`: the model trains with the rounding of its integer file."""

    scheme: str | dict[str, str | None] = "int8"
    skip: list[str] = []
    ranges: Literal["moving_average", "percentile", "learned"] | None = None


class Distribution(_Section):
    """Where and how the steps run. `data.batch_size` is that of all devices and workers together.

    `strategy`, `devices`, `communication`, `memory_limit`: as `kerazoo.distribute.strategy` takes
    them, the limit in MiB.
    `precision` and `xla` "auto": a few steps of each are timed, the fastest is taken.
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
    deterministic: bool = False
    learning_rate_scaling: Literal["none", "linear", "sqrt"] = "none"
    base_batch_size: Count | None = None

    def __post_init__(self) -> None:
        if self.learning_rate_scaling != "none" and self.base_batch_size is None:
            raise ValueError(
                f"learning_rate_scaling {self.learning_rate_scaling!r} needs base_batch_size, the "
                f"batch size that the learning rate is for"
            )


class TFLite(_Section):
    """How the model is exported when nothing else is asked for."""

    quantize: QuantizeMode | None = None


class Export(_Section):
    tflite: TFLite = TFLite()


class Weights(_Section):
    """One published weights file, and what `kerazoo evaluate` measured with it.

    `metrics` and `trained` are written by tools/train_weights.py, never by hand.
    `package`: the Python package that brings the file, as PyTorch wrote it, in its folder `models`;
    None where kerazoo does.
    """

    file: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]+\.(safetensors|pth)$")]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
    metrics: dict[str, float] = {}
    trained: dict[str, str | int | float] = {}
    package: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*$")] | None = None


class Card(_Section):
    license: str
    references: list[str] = []
    limits: str = ""


class Environment(_Section):
    """Where an agent acts: a Gymnasium environment by name, `batch` of them side by side.

    `time_limit`: steps after which an episode is truncated, instead of the registered limit.
    `frame_stack`: observations are the last so many frames.
    """

    name: str
    batch: Count = 1
    time_limit: Count | None = None
    frame_stack: Count | None = None


class Exploration(_Section):
    """Random actions: a share of all, linear from `start` to `final` over `steps` steps."""

    steps: Count
    start: Annotated[float, Meta(ge=0, le=1)] = 1.0
    final: Annotated[float, Meta(ge=0, le=1)] = 0.05


class DeepQ(_Section, tag_field="algorithm", tag="dqn"):
    """Q-learning from a replay buffer (Mnih et al. 2015); the model gives Q-values.

    `replay_capacity`: transitions; `learning_starts`: steps before the first update.
    `collect_steps`: steps of all environments together between two rounds of `updates`.
    `target_update_period`: updates between two copies to the target network.
    """

    batch_size: Count
    replay_capacity: Count
    collect_steps: Count
    updates: Count
    exploration: Exploration
    learning_starts: Count = 1000
    target_update_period: Count = 1
    target_update_tau: Annotated[float, Meta(gt=0, le=1)] = 1.0
    discount: Annotated[float, Meta(ge=0, le=1)] = 0.99
    gradient_clipping: Positive | None = None


class DoubleDeepQ(DeepQ, tag_field="algorithm", tag="ddqn"):
    """Double Q-learning (van Hasselt et al. 2016): the network chooses, its target judges."""


class CategoricalDeepQ(DeepQ, tag_field="algorithm", tag="c51"):
    """Distributional Q-learning (Bellemare et al. 2017): the model gives logits over atoms.

    `min_value`, `max_value`: the returns that the first and the last atom stand for.
    """

    min_value: float = -10.0
    max_value: float = 10.0


class Reinforce(_Section, tag_field="algorithm", tag="reinforce"):
    """Policy gradient on whole episodes (Williams 1992); the model is the actor.

    Each update is on the episodes that the environments are in, run to their ends.
    `value_model`: with it, values are a baseline, learned at `value_coefficient` of the loss.
    """

    discount: Annotated[float, Meta(ge=0, le=1)] = 0.99
    value_model: Model | None = None
    value_coefficient: Positive = 0.5
    entropy: Annotated[float, Meta(ge=0)] = 0.0
    gradient_clipping: Positive | None = None


class ProximalPolicy(_Section, tag_field="algorithm", tag="ppo"):
    """Clipped policy gradient, PPO (Schulman et al. 2017); the model is the actor.

    `collect_steps`: steps of each environment per round; then `epochs` passes over them.
    `initial_std`: of continuous actions.
    """

    collect_steps: Count
    batch_size: Count
    epochs: Count
    value_model: Model
    discount: Annotated[float, Meta(ge=0, le=1)] = 0.99
    gae_lambda: Annotated[float, Meta(ge=0, le=1)] = 0.95
    clip: Positive = 0.2
    value_coefficient: Positive = 0.5
    entropy: Annotated[float, Meta(ge=0)] = 0.0
    gradient_clipping: Positive = 0.5
    initial_std: Positive = 1.0


class AgentOptimizer(_Section):
    """Adam. `decay` "linear": the learning rate falls to 0 at the last step."""

    learning_rate: Positive
    decay: Literal["none", "linear"] = "none"
    epsilon: Positive = 1e-7


class AgentEvaluation(_Section):
    """`episodes` greedy ones every so many steps, on environments of their own; the best is kept.

    `solved`: the mean return at which the training ends early.
    """

    every: Count
    episodes: Count = 20
    solved: float | None = None


class Reinforcement(_Section):
    """How an agent is trained.

    `steps`: of all environments together. `checkpoint_every`: steps; None: at each evaluation.
    """

    environment: Environment
    agent: DeepQ | DoubleDeepQ | CategoricalDeepQ | Reinforce | ProximalPolicy
    optimizer: AgentOptimizer
    steps: Count
    evaluation: AgentEvaluation
    checkpoint_every: Count | None = None
    seed: Annotated[int, Meta(ge=0, lt=2**31)] = 0


class AgentConfig(_Section, kw_only=True):
    """A whole config of an agent that learns by reinforcement, `kerazoo.rl`."""

    name: Name
    task: Annotated[str, Meta(pattern=r"^[a-z0-9-]+$")]
    summary: str
    model: Model
    reinforcement: Reinforcement
    export: Export = Export()
    weights: dict[str, Weights] = {}
    card: Card


class ZooConfig(_Section, kw_only=True):
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


AnyConfig = ZooConfig | AgentConfig
"""What a file of the zoo may hold; the section `reinforcement` tells which."""
