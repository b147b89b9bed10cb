"""
One channel of many windows at once: its samples present, its moments, its grid and its spectrum.

Arrays are [windows, samples]; each row holds its samples present first, in time order, and NaN after them.
What several statistics need is computed once, when first asked for.
"""

from functools import cached_property

import numpy as np

from .schema import FeatureSchema


class Series:
    def __init__(self, schema: FeatureSchema, times: np.ndarray, values: np.ndarray):
        """`times` in ms since the start of the window; `values` NaN where missing; both [windows, samples]."""
        self.schema = schema
        present = ~np.isnan(values)
        order = np.argsort(~present, axis=1, kind="stable")
        self.count = present.sum(axis=1)
        self.present = np.arange(values.shape[1]) < self.count[:, None]
        self.values = np.take_along_axis(values, order, axis=1)
        self.times = np.where(self.present, np.take_along_axis(times, order, axis=1), np.nan)

    @cached_property
    def mean(self):
        return np.nansum(self.values, axis=1) / self.count

    @cached_property
    def deviations(self):
        """Less the mean, 0 beyond the samples present."""
        return np.where(self.present, self.values - self.mean[:, None], 0)

    def moment(self, order: int):
        return (self.deviations**order).sum(axis=1) / self.count

    @cached_property
    def variance(self):
        return self.moment(2)

    @cached_property
    def constant(self):
        return is_constant(self.schema, self.mean, self.variance)

    @cached_property
    def sorted(self):
        return np.sort(self.values, axis=1)  # NaN sorts last

    @cached_property
    def first(self):
        return self.times[:, 0]

    @cached_property
    def last(self):
        return np.take_along_axis(self.times, np.maximum(self.count - 1, 0)[:, None], axis=1)[:, 0]

    @cached_property
    def grid_count(self):
        points = np.floor((self.last - self.first) * self.schema.hertz / 1000) + 1
        limit = round(self.schema.seconds * self.schema.hertz)
        return np.where(self.count > 0, np.minimum(points, limit), 0).astype(np.int64)

    @cached_property
    def grid_present(self):
        return np.arange(round(self.schema.seconds * self.schema.hertz)) < self.grid_count[:, None]

    @cached_property
    def grid(self):
        """[windows, points]; 0 beyond the points of a window."""
        windows, samples = self.values.shape
        points = np.arange(self.grid_present.shape[1])
        at = np.where(self.grid_present, self.first[:, None] + points * 1000 / self.schema.hertz, 0)
        # One sorted list for all windows, each moved beyond the one before it, so that one search serves all.
        apart = 10 * max(1000 * self.schema.seconds, np.nanmax(self.times, initial=0))
        moved = np.arange(windows)[:, None] * apart
        keys = np.where(self.present, self.times, apart / 2) + moved
        left = np.searchsorted(keys.ravel(), (at + moved).ravel(), side="right").reshape(at.shape) - 1
        left = np.clip(left - np.arange(windows)[:, None] * samples, 0, np.maximum(self.count - 1, 0)[:, None])
        right = np.minimum(left + 1, np.maximum(self.count - 1, 0)[:, None])
        before, after = (np.take_along_axis(self.values, index, axis=1) for index in (left, right))
        start, end = (np.take_along_axis(self.times, index, axis=1) for index in (left, right))
        between = np.where((start < at) & (start < end), (at - start) / np.where(end > start, end - start, 1), 0)
        return np.where(self.grid_present, before + (after - before) * between, 0)

    @cached_property
    def _grid_mean(self):
        return self.grid.sum(axis=1) / self.grid_count

    @cached_property
    def grid_deviations(self):
        return np.where(self.grid_present, self.grid - self._grid_mean[:, None], 0)

    @cached_property
    def grid_energy(self):
        return (self.grid_deviations**2).sum(axis=1)

    @cached_property
    def grid_constant(self):
        return is_constant(self.schema, self._grid_mean, self.grid_energy / self.grid_count)

    @cached_property
    def frequencies(self):
        """Hz, of the spectrum's bins."""
        length = self.schema.transform_length
        return np.arange(1, length // 2 + 1) * self.schema.hertz / length

    @cached_property
    def power(self):
        """[windows, bins]; 0 where the grid is constant."""
        length = self.schema.transform_length
        transform = np.fft.rfft(self.grid_deviations, n=length, axis=1)[:, 1:]
        power = 2 * (transform.real**2 + transform.imag**2) / (length * self.grid_count[:, None])
        return np.where(self.grid_constant[:, None], 0, power)

    @cached_property
    def total_power(self):
        return self.power.sum(axis=1)

    @cached_property
    def shares(self):
        return np.where(self.grid_constant[:, None], 0, self.power / self.total_power[:, None])

    def autocorrelation(self, lags: np.ndarray):
        """[windows, lags]; -inf for lags the grid is too short for."""
        result = np.full((len(self.count), len(lags)), -np.inf)
        for column, lag in enumerate(lags):
            products = (self.grid_deviations[:, :-lag] * self.grid_deviations[:, lag:]).sum(axis=1)
            result[:, column] = np.where(lag < self.grid_count, products / self.grid_energy, -np.inf)
        return result


def is_constant(schema: FeatureSchema, mean, variance):
    return np.sqrt(variance) <= schema.tolerance * np.maximum(1, np.abs(mean))


def arg_max(schema: FeatureSchema, values: np.ndarray):
    """The least index whose value reaches the greatest, within the tolerance; per row."""
    greatest = values.max(axis=1)
    least = np.where(np.isfinite(greatest), greatest - schema.tolerance * np.abs(greatest), greatest)
    return np.argmax(values >= least[:, None], axis=1)
