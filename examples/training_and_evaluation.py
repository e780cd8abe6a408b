"""Training and evaluation: Keras's `fit`, and a recipe with its run folder.

python examples/training_and_evaluation.py
"""

import keras
import numpy as np
from sklearn.metrics import classification_report

import kerazoo

images, labels = kerazoo.datasets.load_numpy("digits", "test")
order = np.random.default_rng(0).permutation(len(labels))
train, held_out, test = np.split(order, [1200, 1400])

if __name__ == "__main__":
    keras.utils.set_random_seed(0)
    model = kerazoo.get("mnist_cnn", weights=None, filters=[16, 32], dense_units=64)
    history = model.fit(
        images[train],
        labels[train],
        validation_data=(images[held_out], labels[held_out]),
        epochs=12,
        batch_size=32,
        callbacks=[keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)],
        verbose=0,
    ).history
    best = int(np.argmin(history["val_loss"]))
    print(f"{len(history['loss'])} epochs, the best one {best + 1}")
    for part in ("loss", "val_loss", "accuracy", "val_accuracy"):
        print(f"  {part:12} {history[part][0]:.3f} -> {history[part][best]:.3f}")

    # Choices were made on the held-out part; the test part is looked at once.
    print(kerazoo.evaluate(model, (images[test], labels[test])))
    predicted = model.predict(images[test], verbose=0).argmax(-1)
    print(classification_report(labels[test], predicted, digits=3))

    calibration = kerazoo.metrics.ExpectedCalibrationError(from_logits=True)
    calibration.update_state(labels[test], model.predict(images[test], verbose=0))
    print(f"expected calibration error {float(calibration.result()):.3f}")

    # The whole of it as a recipe: data, schedule, checkpoints, metrics.json, model.keras.
    result = kerazoo.train("linear_regression", epochs=5, output_dir="runs/first", progress=False)
    print(sorted(path.name for path in result.run_dir.iterdir()))
