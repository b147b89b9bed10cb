"""
Features of the windows given on standard input, so that another language can compare its own with them.

    python -m features.parity < windows.json > features.json

In: [{"start": ms, "timestamps": [ms, ...], "columns": {field: [number or null, ...]}}, ...]
Out: {"hash": feature-schema hash, "features": [[number, ...], ...]}
"""

import json
import sys

import numpy as np

from .extract import extract
from .schema import FeatureSchema, load_schema


def features_of(schema: FeatureSchema, windows: list[dict]) -> np.ndarray:
    longest = max((len(window["timestamps"]) for window in windows), default=0)
    times = np.full((len(windows), max(1, longest)), np.nan)
    columns = {field: np.full(times.shape, np.nan) for field in schema.fields}
    for row, window in enumerate(windows):
        count = len(window["timestamps"])
        times[row, :count] = np.array(window["timestamps"], dtype=float) - window["start"]
        for field in schema.fields:
            columns[field][row, :count] = np.array(window["columns"][field], dtype=float)
    return extract(schema, times, columns)


if __name__ == "__main__":
    schema = load_schema()
    computed = features_of(schema, json.load(sys.stdin))
    json.dump({"hash": schema.hash, "features": computed.tolist()}, sys.stdout, allow_nan=False)
