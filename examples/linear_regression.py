"""Linear regression two ways: gradient descent by a recipe, and the closed form beside it.

python examples/linear_regression.py
"""

import numpy as np

import kerazoo

result = kerazoo.train("linear_regression", output_dir="runs/linear_regression", progress=False)
descent = kerazoo.evaluate(result.model)

# Least squares solves (X'X) w = X'y, with a column of ones for the bias.
x, y = kerazoo.datasets.load_numpy("diabetes", "train")
x_test, y_test = kerazoo.datasets.load_numpy("diabetes", "test")
w, *_ = np.linalg.lstsq(np.c_[x, np.ones(len(x))], y, rcond=None)
residual = y_test - np.c_[x_test, np.ones(len(x_test))] @ w
r2 = 1 - np.mean(residual**2) / np.var(y_test)

print(f"R2 on the test patients: gradient descent {descent['r2_score']:.4f}, closed form {r2:.4f}")
