"""
What is gathered of one person's activity while their recording streams by, in bounded memory.

Attitude angles wrap, so they are replaced by the direction of gravity that pitch and roll stand for, and yaw is left
out: it follows from the rotation about the vertical.
"""

from collections import Counter

import numpy as np

from surrogates import taper, templates

CHANNELS = (
    "rotationRateX",
    "rotationRateY",
    "rotationRateZ",
    "userAccelerationX",
    "userAccelerationY",
    "userAccelerationZ",
    "gravityX",
    "gravityY",
    "gravityZ",
)
RATE = 10
"""Samples per second, of the recordings and of what is generated from them."""
LEVELS = (0, 0.001, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1)
"""Of the quantiles of a channel."""
TIME_LEVELS = (0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1)
"""Of the quantiles of dwell times and gaps."""
MAX_STRETCHES = 256
"""Stretches held in memory, of which the templates are chosen."""
MAX_SAMPLES = 20_000
"""Samples held in memory, of which the quantiles are taken."""


def gravity(pitch, roll):
    """The unit vector that points down, in the axes of the watch."""
    return np.stack([np.sin(roll) * np.cos(pitch), -np.sin(pitch), -np.cos(roll) * np.cos(pitch)], axis=-1)


class Sample:
    """Rows, each as likely to be held as any other (those with the smallest random keys)."""

    def __init__(self, size, random):
        self.size, self.random = size, random
        self.keys, self.rows = np.empty(0), None

    def add(self, rows):
        keys = np.concatenate([self.keys, self.random.random(len(rows))])
        rows = rows if self.rows is None else np.concatenate([self.rows, rows])
        if len(keys) > self.size:
            kept = np.argpartition(keys, self.size)[: self.size]
            keys, rows = keys[kept], rows[kept]
        self.keys, self.rows = keys, rows


class Activity:
    def __init__(self, block, seed):
        self.block = block
        self.random = np.random.default_rng(seed)
        self.rows = 0
        self.whole = 0
        self.sum = np.zeros(len(CHANNELS))
        self.products = np.zeros((len(CHANNELS), len(CHANNELS)))
        self.samples = Sample(MAX_SAMPLES, self.random)
        self.blocks = 0
        self.cross = np.zeros((block // 2 - 1, len(CHANNELS), len(CHANNELS)), complex)
        self.stretches = Sample(MAX_STRETCHES, self.random)
        self.missing = Counter()
        """Missing cells by column."""
        self.missing_runs = Counter()
        """By column, how often a missing cell follows one that is there."""
        self.dwell = []
        """Seconds of each stay."""
        self.gaps = []
        """Seconds without a sample after a stay."""
        self.next = Counter()
        """What followed a stay at once."""
        self.next_after_gap = Counter()

    def add(self, samples):
        """`samples` [n, channels], evenly spaced, NaN where missing."""
        self.rows += len(samples)
        whole = samples[np.isfinite(samples).all(axis=1)]
        if len(whole) == 0:
            return
        self.whole += len(whole)
        self.sum += whole.sum(axis=0)
        self.products += whole.T @ whole
        self.samples.add(whole)
        if len(samples) < self.block:
            return
        views = np.lib.stride_tricks.sliding_window_view(samples, self.block, axis=0)[:: self.block // 2]
        stretches = np.moveaxis(views, 2, 1)
        stretches = stretches[np.isfinite(stretches).all(axis=(1, 2))]
        if len(stretches) == 0:
            return
        self.stretches.add(stretches)
        even = (stretches - stretches.mean(axis=1, keepdims=True)) * taper(self.block)[:, None]
        transform = np.fft.rfft(even, axis=1)[:, 1 : self.block // 2]
        self.cross += np.einsum("bfi,bfj->fij", transform.conj(), transform)
        self.blocks += len(stretches)

    def add_missing(self, column, absent, before):
        """`absent` [n] says which cells of a run are missing, `before` whether the one before them is."""
        self.missing[column] += int(absent.sum())
        self.missing_runs[column] += int((absent & ~np.concatenate([[before], absent[:-1]])).sum())

    @property
    def mean(self):
        return self.sum / self.whole

    @property
    def covariance(self):
        return self.products / self.whole - np.outer(self.mean, self.mean)

    @property
    def quantiles(self):
        """[channels, levels]."""
        return np.quantile(self.samples.rows, LEVELS, axis=0).T

    @property
    def cross_spectrum(self):
        """
        Complex [frequencies, channels, channels], at 1, 2 … cycles per block (Welch's method, half overlap, sine
        taper): [f, i, j] is the mean of conj(i) · j, so the spectrum is on the diagonal. Its sum is about the variance.
        """
        return self.cross * 2 / (self.blocks * self.block * np.sum(taper(self.block) ** 2))

    def templates(self, count):
        return templates(self.stretches.rows, self.mean, self.covariance, count, self.random)
