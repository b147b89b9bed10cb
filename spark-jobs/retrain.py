"""
The local learner of `tickerwatch retrain`: XGBoost on windows that are features already.

stdin: JSON {"features": FILE of float32 [windows, width], "width", "classes": [numbers], "people": [names], "labels": count,
"seed"}. stdout: one line of JSON with the model as ONNX in base64, its calibration, and a probe with its answer. Calibration and
thresholds are fitted on people left out in turn, as train.py does.
"""

import base64
import json
import sys

import numpy as np
import onnxruntime
import xgboost
from onnxmltools import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType

from evaluation import fit_calibration

FOLDS = 4
PARAMETERS = {
    "n_estimators": 40,
    "max_depth": 4,
    "learning_rate": 0.3,
    "subsample": 0.8,
    "colsample_bytree": 0.5,
    "tree_method": "hist",
    "n_jobs": 1,
}


def main() -> None:
    task = json.load(sys.stdin)
    features = np.fromfile(task["features"], dtype=np.float32).reshape(-1, task["width"])
    classes, people, seed = np.array(task["classes"]), np.array(task["people"]), task["seed"]
    names = np.random.default_rng(seed).permutation(np.unique(people))
    left_out, truth = [], []
    for fold in range(min(FOLDS, len(names))):
        outside = np.isin(people, names[fold::FOLDS])
        if len(np.unique(classes[~outside])) < task["labels"]:
            continue
        model = fit(features[~outside], classes[~outside], seed)
        left_out.append(model.predict_proba(features[outside]))
        truth.append(classes[outside])
    if not left_out:
        raise SystemExit("Without the people of any fold a class has no window: more people are needed.")
    calibration = fit_calibration(np.concatenate(left_out).astype(np.float64), np.concatenate(truth))
    onnx = to_onnx(fit(features, classes, seed), task["width"])
    probe = features.mean(axis=0, dtype=np.float64).astype(np.float32)
    session = onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])
    [answer] = session.run(["probabilities"], {"features": probe[None, :]})[0]
    print(
        json.dumps(
            {
                "onnx": base64.b64encode(onnx).decode("ascii"),
                "temperature": calibration.temperature,
                "minimumConfidence": calibration.minimum_confidence,
                "minimumMargin": calibration.minimum_margin,
                "probeFeatures": [float(value) for value in probe],
                "probeProbabilities": [float(value) for value in answer],
            }
        )
    )


def fit(features: np.ndarray, classes: np.ndarray, seed: int) -> xgboost.XGBClassifier:
    """All classes weigh the same."""
    counts = np.bincount(classes)
    weights = len(classes) / len(counts) / np.maximum(counts, 1)
    return xgboost.XGBClassifier(random_state=seed, **PARAMETERS).fit(features, classes, sample_weight=weights[classes])


def to_onnx(model: xgboost.XGBClassifier, width: int) -> bytes:
    """Input features [n, width] float32; outputs label and probabilities."""
    booster = model.get_booster()
    booster.feature_names = None
    inputs = [("features", FloatTensorType([None, width]))]
    # A graph without a name is given a random one.
    return convert_xgboost(booster, name="classifier", initial_types=inputs, target_opset=15).SerializeToString()


if __name__ == "__main__":
    main()
