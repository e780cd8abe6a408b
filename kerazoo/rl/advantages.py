"""Generalized advantage estimation (Schulman et al. 2016, arXiv:1506.02438, equation 16)."""

from __future__ import annotations

import tensorflow as tf


def generalized_advantages(
    rewards: tf.Tensor,
    discounts: tf.Tensor,
    ends: tf.Tensor,
    values: tf.Tensor,
    *,
    discount: float,
    gae_lambda: float,
) -> tf.Tensor:
    """A(t) = sum over k of (discount * gae_lambda)^k * delta(t + k), to the end of the episode.

    delta(t) = reward(t) + discount * V(t + 1) - V(t), without V(t + 1) where the episode
    terminated. After a truncated episode V(t + 1) is the value of its last observation: what would
    have followed counts, unlike in TF-Agents' own PPO, which takes truncation for termination.

    Args:
        rewards: `(time, batch)`.
        discounts: `(time, batch)`, of the environment: 0 where the step terminated, else 1.
        ends: bool `(time, batch)`, where the step was the last of an episode, however it ended.
        values: `(time + 1, batch)`; values[t + 1] is that of the observation the step led to.
        discount: 0..1.
        gae_lambda: 0..1; 0 trusts the values, 1 the rewards.

    Returns: `(time, batch)`.
    """
    deltas = rewards + discount * discounts * values[1:] - values[:-1]
    weights = discount * gae_lambda * tf.where(ends, 0.0, discounts)

    def earlier(later: tf.Tensor, row: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        delta, weight = row
        return delta + weight * later

    return tf.scan(earlier, (deltas, weights), tf.zeros_like(deltas[0]), reverse=True)
