import copy
import json

import numpy as np
import pytest

from features.fixture import PATH, START, generated_windows
from features.parity import features_of
from features.schema import DEFAULT_PATH, feature_schema_hash, load_schema, parse_schema

SCHEMA = load_schema()
DOCUMENT = json.loads(DEFAULT_PATH.read_text(encoding="utf-8"))
EVERY = parse_schema(
    DOCUMENT
    | {"features": [{"channels": list(SCHEMA.channels), "statistics": [n for n in DOCUMENT["statistics"] if n not in ("doc", "correlation")]}]}
)
"""Every statistic of every channel."""
PLACE = {feature.name: column for column, feature in enumerate(EVERY.features)}
POINTS = round(SCHEMA.seconds * SCHEMA.hertz)


def of_signal(values, *names, times=None):
    """Features of a window whose acceleration along x is `values`, the watch lying flat and otherwise still."""
    times = np.arange(len(values)) * 1000 / SCHEMA.hertz if times is None else np.asarray(times)
    columns = {field: [0.0] * len(values) for field in SCHEMA.fields} | {"userAccelerationX": list(values)}
    [vector] = features_of(EVERY, [{"start": START, "timestamps": (START + times).tolist(), "columns": columns}])
    return [vector[PLACE[name]] for name in names]


def test_fixture_is_what_this_code_computes():
    fixture = json.loads(PATH.read_text(encoding="utf-8"))
    assert fixture["hash"] == SCHEMA.hash
    assert fixture["windows"] == generated_windows(SCHEMA)
    np.testing.assert_allclose(features_of(SCHEMA, fixture["windows"]), fixture["features"], rtol=1e-9, atol=1e-9)


def test_a_window_has_the_same_features_alone_and_among_others():
    windows = generated_windows(SCHEMA)
    together = features_of(SCHEMA, windows)
    alone = np.concatenate([features_of(SCHEMA, [window]) for window in windows])
    np.testing.assert_allclose(together, alone, rtol=1e-9, atol=1e-9)
    assert np.isfinite(together).all()


def test_a_pure_tone_has_its_frequency_and_power():
    tone = 0.5 * np.sin(2 * np.pi * 2 * np.arange(POINTS) / SCHEMA.hertz)
    frequency, mean, std, rest = of_signal(
        tone, "totalX.dominantFrequency", "totalX.power3", "totalX.std", "totalX.power4"
    )
    assert frequency == pytest.approx(2, abs=SCHEMA.hertz / SCHEMA.transform_length)
    assert std == pytest.approx(0.5 / np.sqrt(2), rel=1e-3)
    assert mean > 10 * rest


def test_periodicity_finds_the_period_despite_a_hole():
    times = np.delete(np.arange(POINTS), [10, 11]) * 1000 / SCHEMA.hertz
    tone = 2 + np.sin(2 * np.pi * times / 1000)
    period, strength = of_signal(tone, "acceleration.period", "acceleration.periodicity", times=times)
    assert period == pytest.approx(1, abs=0.1)
    assert strength > 0.6


def test_percentiles_are_linear_between_order_statistics():
    [p25, p50] = of_signal([1, 4, 2, 8], "acceleration.p25", "acceleration.p50")
    assert (p25, p50) == (1.75, 3)


def test_missing_samples_are_left_out_and_never_taken_for_0():
    names = [f"acceleration.{name}" for name in ("min", "mean", "p10", "std", "jerkRms", "power3", "coverage")]
    whole = of_signal([2.0] * POINTS, *names)
    gaps = of_signal([2.0 if index % 5 else None for index in range(POINTS)], *names)
    assert whole == [2, 2, 2, 0, 0, 0, 1]
    assert gaps == [2, 2, 2, 0, 0, 0, 0.8]


def test_gravity_is_that_of_the_attitude():
    columns = {field: [0.0] * 3 for field in SCHEMA.fields} | {"pitch": [0.3] * 3, "roll": [3.1, -3.1, None]}
    [vector] = features_of(EVERY, [{"start": START, "timestamps": [START, START + 100, START + 200], "columns": columns}])
    means = [vector[PLACE[f"gravity{axis}.mean"]] for axis in "XYZ"]
    # Roll wraps between the samples; the direction does not, and the sample without a roll has none.
    np.testing.assert_allclose(means, [0, -np.sin(0.3), -np.cos(3.1) * np.cos(0.3)], atol=1e-12)


def test_the_hash_ignores_words_and_order_only():
    words = copy.deepcopy(DOCUMENT) | {"doc": "other words"}
    words["grid"]["doc"] = "other words"
    assert feature_schema_hash(dict(reversed(words.items()))) == SCHEMA.hash
    assert feature_schema_hash(DOCUMENT | {"version": 99}) != SCHEMA.hash


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"channels": {"broken": {"primitive": "sum", "inputs": ["nothing"]}}}, "broken reads nothing"),
        ({"features": [{"channels": ["nothing"], "statistics": ["mean"]}]}, "reads nothing"),
        ({"features": [{"channels": ["acceleration"], "statistics": ["nothing"]}]}, "statistic nothing"),
        ({"features": [{"channels": ["acceleration"], "statistics": ["mean", "mean"]}]}, "twice: acceleration.mean"),
    ],
)
def test_a_schema_that_names_what_it_does_not_define_is_refused(change, complaint):
    with pytest.raises(ValueError, match=complaint):
        parse_schema(DOCUMENT | change)
