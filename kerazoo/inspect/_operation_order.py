"""The order in which the operations of a graph can be executed."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import Any


def in_order(operations: Iterable[Any]) -> list[Any]:
    """Makers before takers, otherwise as they came; a written-out loop begins at its Merge."""
    operations = list(operations)
    place = {id(operation): index for index, operation in enumerate(operations)}
    takers: dict[int, list[int]] = {index: [] for index in range(len(operations))}
    waiting = [0] * len(operations)
    for index, operation in enumerate(operations):
        makers = [tensor.op for tensor in operation.inputs] + list(operation.control_inputs)
        for maker in makers:
            if maker.type != "NextIteration":
                takers[place[id(maker)]].append(index)
                waiting[index] += 1
    ready = [index for index, count in enumerate(waiting) if not count]
    order = []
    while ready:
        index = heapq.heappop(ready)
        order.append(operations[index])
        for taker in takers[index]:
            waiting[taker] -= 1
            if not waiting[taker]:
                heapq.heappush(ready, taker)
    return order
