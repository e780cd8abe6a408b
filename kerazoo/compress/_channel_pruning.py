"""Pruning of whole channels: a smaller model of plain layers, faster wherever it runs."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence

import keras
import numpy as np

from kerazoo.argument_checks import check_integer, check_number
from kerazoo.compress._channel_flops import FlopCount
from kerazoo.compress._channel_importance import channel_scores
from kerazoo.compress._channel_rules import ChannelMap
from kerazoo.compress._channel_surgery import without_channels
from kerazoo.compress._composite_layers import is_composite
from kerazoo.compress._graph import Graph
from kerazoo.compress._layer_patterns import as_patterns
from kerazoo.compress._unquantized import check_plain
from kerazoo.errors import ConfigError, unknown_name


def prune_channels(
    model: keras.Model,
    sparsity: float | None = None,
    *,
    flops: float | None = None,
    skip: Sequence[str] = (),
    multiple_of: int = 1,
) -> keras.Model:
    """A smaller model without the channels that matter least.

    Channels that meet in a sum, a product or a depthwise convolution are tied: they are kept or
    removed together. The least important sets of the whole model go first, by the norm of
    their filters relative to their group's (see `_channel_importance`); of each group of layers
    tied to one another at least one stays. What is not understood stays whole: recurrent and
    attention layers, layer normalizations, layers of one's own. So do inputs and outputs.

    Args:
        model: Sequential or functional, channels last. It is left as it is.
        sparsity: share of the removable channels to remove, above 0, below 1.
        flops: instead of `sparsity`: share of the operations of all kernels and matrices that
            may remain, above 0, below 1. As few channels go as it takes.
        skip: patterns of layer names ("head_*"): the channels they make stay. The layers of a
            kerazoo block are called after it: "block_expand_convolve".
        multiple_of: the number of channels kept in a group is rounded up to a multiple of it.

    Returns: a functional model of Keras layers, uncompiled, with the weights that remain; kerazoo's
        blocks become the layers they are made of. Train it further: pruning costs accuracy.

    Raises:
        ConfigError: an argument is out of its range; the model cannot be taken apart, or has
            nothing to remove; `flops` is below what can be reached.
        UnknownNameError: a pattern of `skip` matches no layer.
    """
    if (sparsity is None) == (flops is None):
        raise ConfigError(
            f"Give either `sparsity` or `flops`. Received: sparsity={sparsity!r}, flops={flops!r}."
        )
    check_integer("multiple_of", multiple_of)
    graph = Graph.from_model(model, is_composite)
    check_plain(model, 'prune(pattern="channel")')
    channel_map = ChannelMap(graph)
    _freeze_skipped(graph, channel_map, skip)
    candidates = _Candidates(graph, channel_map, multiple_of)
    if flops is None:
        share = check_number("sparsity", sparsity, above=0, below=1)
        keep = candidates.keep(round(share * len(candidates.ranked)))
    else:
        share = check_number("flops", flops, above=0, below=1)
        keep = _keep_for_flops(candidates, FlopCount(graph, channel_map), share)
    return without_channels(graph, channel_map, keep)


def _freeze_skipped(graph: Graph, channel_map: ChannelMap, skip: Sequence[str]) -> None:
    patterns = as_patterns(skip)
    names = [node.name for node in graph.nodes]
    for pattern in patterns:
        if not fnmatch.filter(names, pattern):
            raise unknown_name("layer", pattern, names)
    for node in graph.nodes:
        if any(fnmatch.fnmatchcase(node.name, pattern) for pattern in patterns):
            for value in node.outputs:
                channel_map.ids.freeze(channel_map.of[id(value)])


class _Candidates:
    """The sets of channels that may go, the least important first.

    A group is what the same layers make: the sets of a residual stream, say.
    """

    def __init__(self, graph: Graph, channel_map: ChannelMap, multiple_of: int):
        self.multiple_of = multiple_of
        self.roots = channel_map.ids.roots()
        makers: dict[int, set[int]] = {}
        for number, (_, channels) in enumerate(channel_map.owned.values()):
            for root in self.roots[channels].tolist():
                makers.setdefault(root, set()).add(number)
        for root in channel_map.ids.frozen_roots():
            makers.pop(root, None)
        if not makers:
            raise ConfigError(
                f"The model {graph.name!r} has no channels that can be removed: those of inputs, "
                f"outputs, skipped layers and of layers that are not understood stay."
            )
        self.groups: dict[frozenset[int], list[int]] = {}
        for root, made_by in sorted(makers.items()):
            self.groups.setdefault(frozenset(made_by), []).append(root)
        self._rank(channel_scores(graph, channel_map, self.roots))

    def _rank(self, scores: np.ndarray) -> None:
        relative: dict[int, float] = {}
        for members in self.groups.values():
            own = scores[members]
            own = own / max(float(np.sqrt((own**2).mean())), 1e-15)
            relative.update(zip(members, own.tolist(), strict=True))
            members.sort(key=lambda root: (relative[root], root))
        self.ranked = sorted(relative, key=lambda root: (relative[root], root))

    def keep(self, count: int) -> np.ndarray:
        """Which channels stay if the `count` lowest sets go: as far as each group allows."""
        unwanted = set(self.ranked[:count])
        gone: list[int] = []
        for members in self.groups.values():
            stay = max(1, sum(root not in unwanted for root in members))
            stay = min(-(-stay // self.multiple_of) * self.multiple_of, len(members))
            gone.extend(members[: len(members) - stay])
        return ~np.isin(self.roots, gone)


def _keep_for_flops(candidates: _Candidates, count_flops: FlopCount, share: float) -> np.ndarray:
    """The channels that stay if as few go as bring the operations down to `share`."""
    total = count_flops(np.ones(len(candidates.roots), bool))

    def share_without(count: int) -> float:
        return count_flops(candidates.keep(count)) / total

    low, high = 0, len(candidates.ranked)
    if share_without(high) > share:
        raise ConfigError(
            f"`flops`={share:g} cannot be reached: with one channel (or `multiple_of`) left of "
            f"each group, {share_without(high):.3g} of the operations remain."
        )
    while low < high:  # more channels gone never cost more operations
        middle = (low + high) // 2
        if share_without(middle) <= share:
            high = middle
        else:
            low = middle + 1
    return candidates.keep(high)
