"""Which channels live and die together: a disjoint-set forest over all channels of a model."""

from __future__ import annotations

import numpy as np


class ChannelIds:
    """Numbers for channels. Tied ones belong to one set: they are kept or removed together.

    The channels of a tensor are an int array, `(size of its last axis,)`; a number may stand in it
    several times, as it does once an image was flattened.
    """

    def __init__(self):
        self.parents: list[int] = []
        self.frozen: set[int] = set()

    def new(self, count: int) -> np.ndarray:
        """Channels that are tied to no others, yet."""
        first = len(self.parents)
        self.parents.extend(range(first, first + count))
        return np.arange(first, first + count)

    def find(self, channel: int) -> int:
        """The channel that stands for the set of `channel`."""
        root = channel
        while self.parents[root] != root:
            root = self.parents[root]
        while self.parents[channel] != root:
            self.parents[channel], channel = root, self.parents[channel]
        return root

    def tie(self, first: np.ndarray, second: np.ndarray) -> None:
        """Tie the channels at the same place of two arrays of the same length."""
        for a, b in zip(first.tolist(), second.tolist(), strict=True):
            self.parents[self.find(a)] = self.find(b)

    def freeze(self, channels: np.ndarray | None) -> None:
        """Keep these channels, and with them all that are or will be tied to them."""
        if channels is not None:
            self.frozen.update(channels.tolist())

    def roots(self) -> np.ndarray:
        """Of each channel, the one that stands for its set."""
        return np.array([self.find(channel) for channel in range(len(self.parents))], int)

    def frozen_roots(self) -> set[int]:
        """What stands for the sets that stay."""
        return {self.find(channel) for channel in self.frozen}
