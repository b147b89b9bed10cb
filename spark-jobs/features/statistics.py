"""
Statistic primitives: a Series of many windows in, one number per window out.

A row without samples may give NaN here; `extract` gives it 0, as the schema says.
"""

import numpy as np

from .series import Series, arg_max, is_constant


def coverage(series: Series):
    return series.count / (series.schema.seconds * series.schema.hertz)


def mean(series: Series):
    return series.mean


def std(series: Series):
    return np.sqrt(series.variance)


def rms(series: Series):
    return np.sqrt(np.nansum(series.values**2, axis=1) / series.count)


def percentile(series: Series, *, p: float):
    rank = np.maximum(series.count - 1, 0) * p
    below = np.floor(rank).astype(np.int64)
    above = np.minimum(below + 1, np.maximum(series.count - 1, 0))
    low, high = (np.take_along_axis(series.sorted, index[:, None], axis=1)[:, 0] for index in (below, above))
    return low + (high - low) * (rank - below)


def interpercentile(series: Series, **bounds: float):
    return percentile(series, p=bounds["to"]) - percentile(series, p=bounds["from"])


def skewness(series: Series):
    return np.where(series.constant, 0, series.moment(3) / series.variance**1.5)


def kurtosis(series: Series):
    return np.where(series.constant, 0, series.moment(4) / series.variance**2 - 3)


def crossings(series: Series):
    near = series.schema.tolerance * np.maximum(1, np.abs(series.mean))
    side = np.where(np.abs(series.deviations) <= near[:, None], 0, np.sign(series.deviations))
    # A sample on the mean takes the place, hence the side, of the newest sample before it that is off the mean.
    newest = np.maximum.accumulate(np.where(side != 0, np.arange(side.shape[1]), 0), axis=1)
    side = np.take_along_axis(side, newest, axis=1)
    changes = (side[:, 1:] * side[:, :-1] < 0) & series.present[:, 1:]
    span = (series.last - series.first) / 1000
    return np.where(series.constant | ~(span > 0), 0, changes.sum(axis=1) / span)


def _jerk(series: Series):
    within = series.grid_present[:, 1:]
    return np.where(within, np.diff(series.grid, axis=1) * series.schema.hertz, 0), np.maximum(within.sum(axis=1), 1)


def jerk_rms(series: Series):
    jerk, count = _jerk(series)
    return np.sqrt((jerk**2).sum(axis=1) / count)


def jerk_mean(series: Series):
    jerk, count = _jerk(series)
    return np.abs(jerk).sum(axis=1) / count


def band_power(series: Series, **band: float):
    within = (series.frequencies >= band["from"]) & (series.frequencies < band["to"])
    return series.power[:, within].sum(axis=1)


def dominant_frequency(series: Series):
    return np.where(series.grid_constant, 0, series.frequencies[arg_max(series.schema, series.power)])


def dominant_share(series: Series):
    return series.shares.max(axis=1)


def spectral_entropy(series: Series):
    shares = series.shares
    return -(shares * np.log(np.where(shares > 0, shares, 1))).sum(axis=1) / np.log(shares.shape[1])


def spectral_centroid(series: Series):
    return (series.shares * series.frequencies).sum(axis=1)


def _lags(series: Series, band: dict[str, float]):
    hertz = series.schema.hertz
    return np.arange(np.floor(band["from"] * hertz + 0.5), np.floor(band["to"] * hertz + 0.5) + 1, dtype=np.int64)


def autocorrelation_peak(series: Series, **band: float):
    peak = series.autocorrelation(_lags(series, band)).max(axis=1)
    return np.where(series.grid_constant | np.isneginf(peak), 0, peak)


def autocorrelation_lag(series: Series, **band: float):
    lags = _lags(series, band)
    values = series.autocorrelation(lags)
    lag = lags[arg_max(series.schema, values)] / series.schema.hertz
    return np.where(series.grid_constant | np.isneginf(values.max(axis=1)), 0, lag)


def correlation(schema, first: np.ndarray, second: np.ndarray):
    """Pearson, of two channels' raw samples [windows, samples], over those present in both."""
    both = ~(np.isnan(first) | np.isnan(second))
    count = both.sum(axis=1)
    means = [np.where(both, values, 0).sum(axis=1) / count for values in (first, second)]
    left, right = (np.where(both, v - m[:, None], 0) for v, m in zip((first, second), means, strict=True))
    variances = [(deviations**2).sum(axis=1) / count for deviations in (left, right)]
    constant = np.logical_or(*(is_constant(schema, m, v) for m, v in zip(means, variances, strict=True)))
    covariance = (left * right).sum(axis=1) / count
    return np.where(constant | (count == 0), 0, covariance / np.sqrt(variances[0]) / np.sqrt(variances[1]))


STATISTIC_PRIMITIVES = {
    "coverage": coverage,
    "mean": mean,
    "std": std,
    "rms": rms,
    "percentile": percentile,
    "interpercentile": interpercentile,
    "skewness": skewness,
    "kurtosis": kurtosis,
    "crossings": crossings,
    "jerkRms": jerk_rms,
    "jerkMean": jerk_mean,
    "bandPower": band_power,
    "dominantFrequency": dominant_frequency,
    "dominantShare": dominant_share,
    "spectralEntropy": spectral_entropy,
    "spectralCentroid": spectral_centroid,
    "autocorrelationPeak": autocorrelation_peak,
    "autocorrelationLag": autocorrelation_lag,
}

PAIR_PRIMITIVES = {"correlation": correlation}
