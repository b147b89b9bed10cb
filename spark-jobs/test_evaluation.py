import numpy as np
import pytest

from evaluation import Calibration, calibrate, calibration_error, evaluate, fit_calibration, is_accepted

CLASSES = 4


def drawn(count, sharpness, seed=3):
    """True probabilities, and classes drawn with them."""
    random = np.random.default_rng(seed)
    logits = sharpness * random.standard_normal((count, CLASSES))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = (probabilities.cumsum(axis=1) < random.random((count, 1))).sum(axis=1)
    return probabilities, np.minimum(truth, CLASSES - 1)


def test_the_temperature_undoes_overconfidence():
    probabilities, truth = drawn(20_000, 2)
    overconfident = calibrate(probabilities, 0.5)
    assert fit_calibration(overconfident, truth).temperature == pytest.approx(2, rel=0.05)
    assert fit_calibration(probabilities, truth).temperature == pytest.approx(1, rel=0.05)
    assert calibration_error(overconfident, truth) > 5 * calibration_error(probabilities, truth)


def test_calibration_keeps_the_order_and_the_sum():
    probabilities, _ = drawn(100, 2)
    calibrated = calibrate(probabilities, 1.7)
    np.testing.assert_allclose(calibrated.sum(axis=1), 1)
    assert (calibrated.argmax(axis=1) == probabilities.argmax(axis=1)).all()
    assert np.isfinite(calibrate(np.array([[1.0, 0.0]]), 3)).all()


def test_accepted_windows_have_half_the_error():
    probabilities, truth = drawn(20_000, 2)
    fitted = fit_calibration(probabilities, truth)
    assert isinstance(fitted, Calibration)
    right = probabilities.argmax(axis=1) == truth
    calibrated = calibrate(probabilities, fitted.temperature)
    accepted = is_accepted(calibrated, fitted.minimum_confidence, fitted.minimum_margin)
    assert 1 - right[accepted].mean() <= 0.5 * (1 - right.mean())
    assert 0.2 < accepted.mean() < 1


def test_metrics_are_of_the_folds_left_out():
    probabilities, truth = drawn(6000, 2)
    metrics = evaluate(probabilities, truth, np.arange(6000) % 3)
    assert metrics["accuracy"] == pytest.approx((probabilities.argmax(axis=1) == truth).mean())
    assert metrics["macroF1WorstFold"] <= metrics["macroF1"] <= metrics["macroF1BestFold"]
    assert metrics["acceptedAccuracy"] > metrics["accuracy"]
    assert metrics["windows"] == 6000


def test_a_subset_is_chosen_among_by_the_same_model():
    probabilities, truth = drawn(6000, 2)
    folds = np.arange(6000) % 3
    metrics = evaluate(probabilities, truth, folds, classes=[1, 3])
    inside = np.isin(truth, [1, 3])
    guess = np.where(probabilities[:, 1] >= probabilities[:, 3], 1, 3)
    assert metrics["windows"] == inside.sum()
    assert metrics["accuracy"] == pytest.approx((guess == truth)[inside].mean())
    assert metrics["accuracy"] > evaluate(probabilities, truth, folds)["accuracy"]
    # What is calibrated among all is calibrated among some.
    assert metrics["calibrationError"] < 0.04
