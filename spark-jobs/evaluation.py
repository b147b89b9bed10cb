"""
What predictions on people left out say of a classifier: metrics, calibration, and the thresholds of routing.

`probabilities` are [windows, classes], `truth` class numbers.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.metrics import f1_score

BINS = 15
"""Of the calibration error."""
CONFIDENCE_FLOOR = 0.5
"""A guess less probable than this is more likely wrong than right, once calibrated."""
ERROR_RATIO = 0.5
"""By default accepted windows are to have at most this part of the error of all windows."""


@dataclass(frozen=True)
class Calibration:
    """How raw probabilities become calibrated ones, and which of them are sure enough to be accepted."""

    temperature: float
    minimum_confidence: float
    minimum_margin: float


def calibrate(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Raised to 1 / temperature and normalised: softmax(logits / temperature) (Guo et al., ICML 2017)."""
    logarithms = np.log(np.maximum(probabilities, 1e-30)) / temperature
    powers = np.exp(logarithms - logarithms.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def fit_calibration(probabilities: np.ndarray, truth: np.ndarray, error_ratio: float = ERROR_RATIO) -> Calibration:
    """The temperature of least log loss, then the least margin with which few enough accepted windows are wrong."""
    found = minimize_scalar(
        lambda logarithm: log_loss(calibrate(probabilities, np.exp(logarithm)), truth), bounds=(-2, 2), method="bounded"
    )
    temperature = float(np.exp(found.x))
    calibrated = calibrate(probabilities, temperature)
    right = calibrated.argmax(axis=1) == truth
    goal = 1 - error_ratio * (1 - right.mean())
    for minimum_margin in np.arange(0, 1, 0.01):
        accepted = is_accepted(calibrated, CONFIDENCE_FLOOR, minimum_margin)
        if accepted.any() and right[accepted].mean() >= goal:
            break
    return Calibration(round(temperature, 4), CONFIDENCE_FLOOR, round(float(minimum_margin), 4))


def is_accepted(calibrated: np.ndarray, minimum_confidence: float, minimum_margin: float) -> np.ndarray:
    second, first = np.sort(calibrated, axis=1)[:, -2:].T
    return (first >= minimum_confidence) & (first - second >= minimum_margin)


def only(probabilities: np.ndarray, classes: list[int]) -> np.ndarray:
    """Those of `classes`, made to sum to 1; 0 of the others."""
    kept = np.zeros_like(probabilities)
    kept[:, classes] = np.maximum(probabilities[:, classes], 1e-30)
    return kept / kept.sum(axis=1, keepdims=True)


def evaluate(
    probabilities: np.ndarray,
    truth: np.ndarray,
    folds: np.ndarray,
    error_ratio: float = ERROR_RATIO,
    classes: list[int] | None = None,
) -> dict[str, float]:
    """
    `folds` says of each window in which fold its person was left out. Calibration is cross-fitted: each fold is
    measured with what was fitted on the others. With `classes`, of the windows of these, among which the same model chooses.
    """
    calibrated = np.empty_like(probabilities, dtype=np.float64)
    accepted = np.empty(len(truth), dtype=bool)
    for fold in np.unique(folds):
        inside = folds == fold
        fitted = fit_calibration(probabilities[~inside], truth[~inside], error_ratio)
        own = calibrate(probabilities[inside], fitted.temperature)
        calibrated[inside] = own if classes is None else only(own, classes)
        accepted[inside] = is_accepted(calibrated[inside], fitted.minimum_confidence, fitted.minimum_margin)
    if classes is not None:
        kept = np.isin(truth, classes)
        probabilities, calibrated = only(probabilities[kept], classes), calibrated[kept]
        truth, folds, accepted = truth[kept], folds[kept], accepted[kept]
    guess = calibrated.argmax(axis=1)
    right = guess == truth
    of_folds = [f1_score(truth[folds == fold], guess[folds == fold], average="macro") for fold in np.unique(folds)]
    return {
        "accuracy": float(right.mean()),
        "macroF1": float(f1_score(truth, guess, average="macro")),
        "macroF1WorstFold": float(min(of_folds)),
        "macroF1BestFold": float(max(of_folds)),
        "logLoss": log_loss(calibrated, truth),
        "calibrationError": calibration_error(calibrated, truth),
        "calibrationErrorBefore": calibration_error(probabilities, truth),
        "routedShare": float(1 - accepted.mean()),
        "acceptedAccuracy": float(right[accepted].mean()),
        "windows": float(len(truth)),
    }


def log_loss(probabilities: np.ndarray, truth: np.ndarray) -> float:
    return float(-np.log(np.maximum(probabilities[np.arange(len(truth)), truth], 1e-30)).mean())


def calibration_error(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Expected calibration error of the greatest probability, over bins of equal width."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truth
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = [abs((confidence - right)[bins == b].sum()) for b in range(BINS)]
    return float(sum(gaps) / len(truth))
