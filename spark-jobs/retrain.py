"""
The local learner of `tickerwatch retrain`: the model of train.py, of windows that are features already; no Spark.

stdin: JSON {"features": FILE of float32 [windows, width], "width", "classes": [numbers], "people": [names], "turned": [whether as if
worn the other way round], "labels": count, "recipe": as train.py writes it into the lineage, "seed"}. stdout: one line of JSON with
the model as ONNX in base64, its calibration, and a probe with its answer; progress on stderr. Calibration and thresholds are fitted
on people left out in turn, as train.py does.
"""

import base64
import json
import sys

import numpy as np
import xgboost

from ensemble import Ensemble, check_onnx, session, to_onnx, train_network
from evaluation import fit_calibration
from report import say

FOLDS = 4
CHECKED_ROWS = 1000


def main() -> None:
    task = json.load(sys.stdin)
    features = np.fromfile(task["features"], dtype=np.float32).reshape(-1, task["width"])
    classes, people, turned = (np.array(task[name]) for name in ("classes", "people", "turned"))
    recipe, seed = task["recipe"], task["seed"]
    own = ~turned
    names = np.random.default_rng(seed).permutation(np.unique(people))
    left_out, truth = [], []
    folds = min(FOLDS, len(names))
    for fold in range(folds):
        outside = np.isin(people, names[fold::FOLDS])
        if len(np.unique(classes[~outside & own])) < task["labels"]:
            continue
        model = fit(features[~outside], classes[~outside], turned[~outside], recipe, seed)
        guessed = model.probabilities(features[outside & own])
        left_out.append(guessed)
        truth.append(classes[outside & own])
        say(f"fold {fold + 1} of {folds}: accuracy {(guessed.argmax(axis=1) == truth[-1]).mean():.4f}")
    if not left_out:
        raise SystemExit("Without the people of any fold a class has no window: more people are needed.")
    calibration = fit_calibration(np.concatenate(left_out).astype(np.float64), np.concatenate(truth), recipe["errorRatio"])
    model = fit(features, classes, turned, recipe, seed)
    onnx = to_onnx(model, task["width"])
    check_onnx(onnx, model, features[own][:CHECKED_ROWS])
    probe = features[own].mean(axis=0, dtype=np.float64).astype(np.float32)
    [answer] = session(onnx).run(["probabilities"], {"features": probe[None, :]})[0]
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


def fit(features: np.ndarray, classes: np.ndarray, turned: np.ndarray, recipe: dict, seed: int) -> Ensemble:
    """All classes weigh the same."""
    counts = np.bincount(classes[~turned])
    weights = (counts.sum() / len(counts) / np.maximum(counts, 1))[classes]
    trees = xgboost.XGBClassifier(**recipe["trees"], tree_method="hist", random_state=seed, n_jobs=1)
    seen = np.full(len(classes), True) if recipe["turnedTrees"] else ~turned
    trees.fit(features[seen], classes[seen], sample_weight=weights[seen])
    network = train_network(features, classes, weights, seed) if recipe["network"] else None
    return Ensemble(trees.get_booster(), network)


if __name__ == "__main__":
    main()
