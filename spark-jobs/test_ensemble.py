import numpy as np
import pytest
import xgboost

from ensemble import Ensemble, check_onnx, session, to_onnx, train_network

WIDTH = 12


def drawn(count, classes, seed):
    """Rows, of which the first features tell the class."""
    random = np.random.default_rng(seed)
    truth = np.arange(count) % classes
    rows = random.standard_normal((count, WIDTH))
    rows[:, :classes] += 3 * np.eye(classes)[truth]
    rows *= 100 ** np.linspace(0, 1, WIDTH)
    rows[:, -1] = 7  # a feature that never changes
    return rows.astype(np.float32), truth


def trained(classes):
    rows, truth = drawn(600, classes, 1)
    trees = xgboost.train(
        {"objective": "multi:softprob", "num_class": classes, "max_depth": 3, "nthread": 1}, xgboost.DMatrix(rows, truth), 5
    )
    return Ensemble(trees, train_network(rows, truth, np.ones(len(rows)), seed=1))


def test_the_exported_ensemble_answers_as_it_does_and_is_right_about_others():
    ensemble = trained(4)
    content = to_onnx(ensemble, WIDTH)
    rows, truth = drawn(1000, 4, 2)
    assert check_onnx(content, ensemble, rows) < 1e-5
    label, probabilities = session(content).run(["label", "probabilities"], {"features": rows})
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert label.dtype == np.int64
    assert (label == truth).mean() > 0.9
    alone = session(to_onnx(Ensemble(ensemble.trees, None), WIDTH)).run(["probabilities"], {"features": rows})[0]
    np.testing.assert_allclose(probabilities, (alone + ensemble.network.probabilities(rows)) / 2, atol=1e-6)


def test_an_export_that_answers_otherwise_is_noticed():
    ensemble, other = trained(4), trained(3)
    rows, _ = drawn(50, 4, 2)
    with pytest.raises((RuntimeError, ValueError)):
        check_onnx(to_onnx(other, WIDTH), ensemble, rows)
    with pytest.raises(RuntimeError, match="disagree"):
        check_onnx(to_onnx(Ensemble(ensemble.trees, None), WIDTH), ensemble, rows)


def test_the_same_seed_gives_the_same_bytes():
    assert to_onnx(trained(4), WIDTH) == to_onnx(trained(4), WIDTH)


def test_weights_make_a_rare_class_count():
    random = np.random.default_rng(4)
    truth = np.where(np.arange(4000) % 20 == 0, 1, np.arange(4000) % 2 * 2)
    rows = random.standard_normal((4000, WIDTH)).astype(np.float32)
    rows += (truth == 1)[:, None] * np.float32(0.3)
    even = train_network(rows, truth, np.ones(4000), seed=1).probabilities(rows).argmax(axis=1)
    balanced = train_network(rows, truth, np.where(truth == 1, 10.0, 0.5), seed=1).probabilities(rows).argmax(axis=1)
    assert (balanced[truth == 1] == 1).mean() > (even[truth == 1] == 1).mean() + 0.1
