"""
Writes processors/features/fixtures/parity.json: generated windows and their features, which both languages must give.

    python -m features.fixture
"""

import json
from pathlib import Path

import numpy as np

from .parity import features_of
from .schema import FeatureSchema, load_schema

PATH = Path(__file__).resolve().parents[2] / "processors" / "features" / "fixtures" / "parity.json"
START = 1_600_000_000_000


def generated_windows(schema: FeatureSchema) -> list[dict]:
    """Usual windows, and each way a window can be unusual."""
    random = np.random.default_rng(7)
    points = round(schema.seconds * schema.hertz)
    even = np.arange(points) * round(1000 / schema.hertz)

    def window(name: str, times, signal=lambda t, phase: np.sin(2 * np.pi * 1.7 * t / 1000 + phase), noise=0.3):
        times = np.asarray(times)
        columns = {
            field: np.round(signal(times, phase) + noise * random.standard_normal(len(times)), 4).tolist()
            for phase, field in enumerate(schema.fields)
        }
        return {"name": name, "start": START, "timestamps": (START + times).tolist(), "columns": columns}

    def gaps(name: str, share: float):
        result = window(name, even)
        for values in result["columns"].values():
            for index in np.flatnonzero(random.random(points) < share):
                values[index] = None
        return result

    def still(t, phase):
        return np.full(len(t), 0.1 * phase)

    windows = [window(f"even {number}", even) for number in range(3)]
    windows += [gaps(f"missing {share}", share) for share in (0.05, 0.4, 0.9)]
    windows += [
        window("constant", even, still, 0),
        window("almost constant", even, still, 0.0001),
        window("two values", even, lambda t, phase: (t // 300 + phase) % 2 * 1.0, 0),
        window("pure tone", even, noise=0),
        window("one sample", [2345]),
        window("two samples", [100, 4900]),
        window("two samples at once", [100, 100]),
        window("three samples", [0, 100, 200]),
        window("second half", even[points // 2 :]),
        window("hole", np.concatenate([even[:12], even[40:]])),
        window("uneven", np.sort(random.integers(0, 5000, 47))),
        window("repeated times", np.sort(random.choice(even, 60))),
        window("fast", np.arange(200) * 25),
        window("large", even, noise=90_000),
    ]
    lacking = window("a field missing", even)
    lacking["columns"]["pitch"] = [None] * points
    nothing = window("nothing present", even)
    nothing["columns"] = {field: [None] * points for field in schema.fields}
    beyond = window("beyond the limit", even)
    beyond["columns"]["rotationRateX"][5:9] = [1e7, -1e9, 1e300, 1e6]
    return [*windows, lacking, nothing, beyond]


def main() -> None:
    schema = load_schema()
    windows = generated_windows(schema)
    fixture = {"hash": schema.hash, "windows": windows, "features": features_of(schema, windows).tolist()}
    PATH.write_text(json.dumps(fixture, allow_nan=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
