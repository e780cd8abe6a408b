"""CartPole's equations as an environment of one's own, and an agent that learns to balance it.

Needs `pip install "kerazoo[rl]"`. Takes a minute; `python reinforcement_learning.py 2000` is short.
"""

import sys

import gymnasium
import numpy as np
from gymnasium import spaces

import kerazoo.rl


class CartPole(gymnasium.Env):
    """A pole on a cart that is pushed left or right (Barto, Sutton, Anderson 1983).

    The state is (position in m, speed, angle in radians, angular speed). Each step under control
    gives a reward of 1; beyond 2.4 m or 12 degrees the episode terminates. It has no time limit:
    that is the wrapper `TimeLimit`'s, and truncates.
    """

    observation_space = spaces.Box(-np.inf, np.inf, (4,), np.float32)
    action_space = spaces.Discrete(2)

    gravity, cart, pole, half_length, force, step_time = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.state = self.np_random.uniform(-0.05, 0.05, 4)
        return self.state.astype(np.float32), {}

    def step(self, action):
        _, speed, angle, turning = self.state
        push = self.force if action == 1 else -self.force
        mass, moment = self.cart + self.pole, self.pole * self.half_length
        sine, cosine = np.sin(angle), np.cos(angle)
        along = (push + moment * turning**2 * sine) / mass
        turn = (self.gravity * sine - cosine * along) / (
            self.half_length * (4 / 3 - self.pole * cosine**2 / mass)
        )
        acceleration = along - moment * turn * cosine / mass
        change = np.array([speed, acceleration, turning, turn])
        self.state = self.state + self.step_time * change  # Euler's method
        terminated = bool(abs(self.state[0]) > 2.4 or abs(self.state[2]) > np.radians(12))
        return self.state.astype(np.float32), 1.0, terminated, False, {}


def main() -> None:
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    result = kerazoo.rl.train(
        "dqn_cartpole",
        env=CartPole,
        steps=steps,
        output_dir="runs/my_cartpole",
        overrides={"reinforcement.environment.time_limit": 500},
    )
    returns = kerazoo.rl.evaluate(result.policy, "CartPole-v1", episodes=20)
    print(
        f"in Gymnasium's own CartPole: {returns['mean_return']:.1f} +- "
        f"{returns['standard_error']:.1f}"
    )


if __name__ == "__main__":
    main()
