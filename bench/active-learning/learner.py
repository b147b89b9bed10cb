"""
The learner of the active-learning benchmark: one JSON line in, one out.

argv: a file of float32 features [windows, width], the width. A line {"train": [rows], "classes": [numbers], "score": [rows],
"seed": n} is answered with {"classes": […], "margins": […]}: of the rows to score the likeliest class, and how far it is ahead.
"""

import json
import sys

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier

features = np.fromfile(sys.argv[1], dtype=np.float32).reshape(-1, int(sys.argv[2]))
for line in sys.stdin:
    task = json.loads(line)
    model = ExtraTreesClassifier(
        60, max_features=0.2, class_weight="balanced", n_jobs=1, random_state=task["seed"]
    )
    model.fit(features[task["train"]], task["classes"])
    probabilities = model.predict_proba(features[task["score"]])
    second, first = np.sort(probabilities, axis=1)[:, -2:].T
    classes = model.classes_[probabilities.argmax(axis=1)]
    print(json.dumps({"classes": classes.tolist(), "margins": (first - second).round(6).tolist()}), flush=True)
