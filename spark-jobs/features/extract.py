"""Windows of samples to feature vectors, many windows at once."""

from collections.abc import Mapping

import numpy as np

from .channels import CHANNEL_PRIMITIVES
from .schema import FeatureSchema
from .series import Series
from .statistics import PAIR_PRIMITIVES, STATISTIC_PRIMITIVES

CHUNK = 2000
"""Windows computed together: enough to amortise numpy's calls, few enough to stay in the processor's cache."""


def extract(schema: FeatureSchema, times: np.ndarray, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """
    Feature vectors [windows, schema.width] in double; cast to float32 before training, as scoring does.

    `times` [windows, samples] in ms since the start of each window, sorted, shorter windows filled up with NaN
    (whose cells in `columns` are NaN too); `columns` by field name, the same shape, NaN where missing.
    """
    result = np.empty((len(times), schema.width))
    for start in range(0, len(times), CHUNK):
        part = slice(start, start + CHUNK)
        result[part] = _extract(schema, times[part], {name: columns[name][part] for name in schema.fields})
    return result


def _extract(schema: FeatureSchema, times: np.ndarray, fields: Mapping[str, np.ndarray]) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        samples = {name: _present(schema, values) for name, values in fields.items()}
        for name, channel in schema.channels.items():
            parameters = {key: value for key, value in channel.items() if key not in ("primitive", "inputs")}
            inputs = [samples[source] for source in channel["inputs"]]
            samples[name] = CHANNEL_PRIMITIVES[channel["primitive"]](*inputs, **parameters)
        series: dict[str, Series] = {}
        result = np.empty((len(times), schema.width))
        for column, feature in enumerate(schema.features):
            if feature.primitive in PAIR_PRIMITIVES:
                pair = (samples[name] for name in feature.channels)
                result[:, column] = PAIR_PRIMITIVES[feature.primitive](schema, *pair, **feature.parameters)
                continue
            [name] = feature.channels
            if name not in series:
                series[name] = Series(schema, times, samples[name])
            values = STATISTIC_PRIMITIVES[feature.primitive](series[name], **feature.parameters)
            result[:, column] = np.where(series[name].count > 0, values, 0)
    return result


def _present(schema: FeatureSchema, values: np.ndarray) -> np.ndarray:
    return np.where(np.abs(values) <= schema.limit, values, np.nan)
