"""Pruning: a copy of a model whose smallest weights become zeros while it trains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from kerazoo.argument_checks import check_number
from kerazoo.compress._channel_pruning import prune_channels
from kerazoo.compress._constrained_model import ModelWeight, constrained_model, weights_of_model
from kerazoo.compress._pruning_pattern import PruningPattern
from kerazoo.compress._sparsity_budget import sparsities
from kerazoo.compress.constant_sparsity import ConstantSparsity
from kerazoo.compress.magnitude_pruning import MagnitudePruning
from kerazoo.compress.pruning_schedule import PruningSchedule, as_schedule
from kerazoo.errors import ConfigError, unknown_name
from kerazoo.notices import notice


def prune(
    model: keras.Model,
    *,
    sparsity: float | None = None,
    schedule: PruningSchedule | None = None,
    pattern: str = "unstructured",
    skip: Sequence[str] = (),
    policy: str | Callable[[keras.Layer], bool] | None = None,
    budget: str = "layer",
    block_size: Sequence[int] = (1, 4),
    block_pooling: str = "avg",
    flops: float | None = None,
    multiple_of: int = 1,
) -> keras.Model:
    """A copy of `model` that loses its smallest weights as it is trained, and keeps the zeros.

    Compile and train it as any model; no callback is needed. Until the first update it computes
    what `model` does. The state is in the model, so saving, loading and resuming keep it. At the
    end `strip` gives plain layers back. Kernels of dense layers, convolutions (of separable ones
    the pointwise kernel), attention and recurrent layers and tables of embeddings are pruned, also
    inside of composite layers and models; biases, normalizations and depthwise kernels are not.
    Layers with `trainable=False` are never updated, hence not pruned; a global budget leaves them
    out (a notice says so).

    Args:
        model: Sequential or functional, built; it may hold others. It is not changed.
        sparsity: fraction of zeros, in [0, 1), at the end of the schedule. None: the schedule's,
            what "m:n" fixes, of channels 0.5, else 0.8.
        schedule: a PruningSchedule; None prunes at the first update, for fine-tuning. Steps are
            calls of the optimizer; with `gradient_accumulation_steps` each batch is one, as for
            Keras's schedules of the learning rate.
        pattern: "unstructured"; "m:n" as "2:4", where m of each n neighbours along the inputs
            stay (of `schedule` only the steps count); "block", whole blocks; "channel" removes
            channels at once, see `kerazoo.compress._channel_pruning`.
        skip: names of layers ("head") or weights ("attention/query/kernel"), with wildcards.
        policy: which layers to prune: a function of the layer that owns the weight, or "xnnpack":
            only 1x1 convolutions, all that XNNPACK's sparse kernels speed up.
        budget: "layer" prunes each weight to `sparsity`; "global" all of them together, by the
            magnitudes they have now, and the schedule is scaled for each.
        block_size: of "block" only: rows and columns of a block of a weight as a matrix whose
            columns are outputs.
        block_pooling: of "block" only: "avg" or "max" of magnitudes is what blocks are compared by.
        flops: of "channel" only, instead of `sparsity`: share of the operations that may remain,
            in (0, 1); as few channels go as it takes.
        multiple_of: of "channel" only: widths are rounded up to a multiple of it, 1 or above.
            Kernels of CPUs compute 8 channels or more at a time, and odd widths cost them more.

    Raises:
        ConfigError: arguments that do not go together, a model of another kind, nothing to prune.
        UnknownNameError: an unknown pattern, policy or budget, a name in `skip` that fits nothing.

    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4), keras.layers.Dense(1)])
    >>> pruned = prune(model, sparsity=0.75)
    >>> pruned.compile("sgd", "mse")
    >>> history = pruned.fit(np.ones((8, 8)), np.ones((8, 1)), verbose=0)
    >>> [int((layer.get_weights()[0] == 0).sum()) for layer in pruned.layers]
    [24, 3]
    """
    if pattern != "block" and (block_pooling != "avg" or not _is_usual_block(block_size)):
        raise ConfigError(
            f'`block_size` and `block_pooling` are for `pattern="block"`. Received: '
            f"pattern={pattern!r}, block_size={block_size!r}, block_pooling={block_pooling!r}."
        )
    if pattern == "channel":
        _check_channel_arguments(schedule, policy, budget)
        if sparsity is None and flops is None:
            sparsity = 0.5
        return prune_channels(model, sparsity, flops=flops, skip=skip, multiple_of=multiple_of)
    if flops is not None or multiple_of != 1:
        raise ConfigError(
            f'`flops` and `multiple_of` are for `pattern="channel"`. Received: '
            f"pattern={pattern!r}, flops={flops}, multiple_of={multiple_of}."
        )
    form = PruningPattern(pattern, block_size, block_pooling)
    schedule = _schedule(sparsity, schedule, form)
    entries = _chosen(model, skip, policy)
    if budget == "global":
        entries = _trainable(model, entries)
    finals = sparsities(entries, schedule.final_sparsity, budget, form)

    def constraint(entry: ModelWeight, final: float) -> MagnitudePruning:
        weight = entry.weight
        axes = (weight.input_axis, weight.output_axis)
        return MagnitudePruning(schedule, final, pattern, block_size, block_pooling, *axes)

    pairs = zip(entries, finals, strict=True)
    return constrained_model(model, [(entry, constraint(entry, final)) for entry, final in pairs])


def _is_usual_block(block_size: Any) -> bool:
    """Whether it is what stands there if nothing was asked for."""
    return isinstance(block_size, Sequence) and tuple(block_size) == (1, 4)


def _schedule(
    sparsity: float | None, schedule: PruningSchedule | None, form: PruningPattern
) -> PruningSchedule:
    if sparsity is not None:
        sparsity = check_number("sparsity", sparsity, least=0, below=1)
    if schedule is None:
        final = form.usual_sparsity if sparsity is None else sparsity
        schedule = ConstantSparsity(final, begin_step=0)
    schedule = as_schedule(schedule)
    received = (
        f"Received: sparsity={sparsity}, pattern={form.name!r}, final {schedule.final_sparsity}."
    )
    for wanted in (sparsity, form.sparsity):
        if wanted is not None and abs(wanted - schedule.final_sparsity) > 1e-9:
            raise ConfigError(
                f"`sparsity`, the end of `schedule` and what `pattern` m:n fixes must agree. "
                f"{received} Leave `sparsity` out."
            )
    return schedule


def _chosen(
    model: keras.Model, skip: Sequence[str], policy: str | Callable[[keras.Layer], bool] | None
) -> list[ModelWeight]:
    if policy is None:
        allows: Callable[[keras.Layer], bool] = _allow_all
    elif policy == "xnnpack":
        allows = is_fast_on_xnnpack
    elif callable(policy):
        allows = policy
    else:
        raise unknown_name("policy", policy, ["xnnpack"])
    entries = [entry for entry in weights_of_model(model, skip) if allows(entry.weight.owner)]
    if not entries:
        raise ConfigError(
            f"The model {model.name!r} has no weight to prune. Received: skip={skip!r}, "
            f"policy={policy!r}. Kernels and tables of embeddings are pruned; see `skip`, `policy`."
        )
    return entries


def _trainable(model: keras.Model, entries: list[ModelWeight]) -> list[ModelWeight]:
    """Those that will be updated: zeros counted in others would never come."""
    trainable = [entry for entry in entries if entry.weight.variable.trainable]
    if not trainable:
        raise ConfigError(
            f"The model {model.name!r} has no weight to prune that is trainable, and frozen ones "
            f'never change. Set `trainable=True` first, or use budget="layer".'
        )
    if len(trainable) < len(entries):
        notice(
            f"{model.name}: {len(entries) - len(trainable)} of {len(entries)} weights are frozen, "
            f"and stay out of the global budget."
        )
    return trainable


def _allow_all(layer: keras.Layer) -> bool:
    return True


def is_fast_on_xnnpack(layer: keras.Layer) -> bool:
    """Whether XNNPACK, the CPU engine of TFLite, has a sparse kernel for the layer.

    It has one for 1x1 convolutions without stride or groups. Whether it is used depends on the
    rest of the network too (TensorFlow Model Optimization, pruning_policy.py).
    """
    return (
        isinstance(layer, keras.layers.Conv2D)
        and not isinstance(layer, keras.layers.DepthwiseConv2D)
        and tuple(layer.kernel_size) == (1, 1)
        and tuple(layer.strides) == (1, 1)
        and layer.groups == 1
    )


def _check_channel_arguments(schedule: Any, policy: Any, budget: str) -> None:
    if schedule is not None or policy is not None or budget != "layer":
        raise ConfigError(
            '`pattern="channel"` removes channels at once, over the whole model, and takes no '
            f"`schedule`, `policy` or `budget`. Received: schedule={schedule!r}, "
            f"policy={policy!r}, budget={budget!r}. Prune, fine-tune, and prune again for more."
        )
