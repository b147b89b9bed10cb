"""
Templates from which signals like those of a recording are made, without the recording.

A template is the spectrum of one short stretch: of each channel, and of the envelope that they share, the amplitude
at each frequency and its phase relative to the envelope's. Phases between frequencies, which would give the recording
back, are not kept. Signals synthesised with phases that are random but common to all channels have the same spectra
and cross-spectra (Prichard & Theiler, Generating surrogate data for time series with several simultaneously measured
variables, Phys. Rev. Lett. 73, 1994).
"""

from dataclasses import dataclass

import numpy as np

MOTIONS = 6
"""The first channels, those with an envelope; the others are the direction of gravity."""
MAX_ENVELOPE = 2.0
"""The most that an envelope lifts a moment, as a logarithm."""
TRIALS = 32
"""Blocks synthesised of each template to see what comes out."""
ROUNDS = 20
"""Of the clustering, at most."""


@dataclass(frozen=True)
class Template:
    weight: float
    """The share of the activity that it stands for."""
    mean: np.ndarray
    """[channels]."""
    amplitudes: np.ndarray
    """Complex [block / 2 - 1, 1 + channels], of the cosines at 1, 2 … cycles per block; the envelope's come first."""


def taper(block):
    """What the generator cross-fades its blocks with; its squares, half a block apart, add up to 1."""
    return np.sin(np.pi * (np.arange(block) + 0.5) / block)


def envelope(stretch, scale):
    """
    How lively each moment of a stretch is, as the logarithm [block] of a factor common to the motion channels, 0 on
    average. Bursts are no matter of the spectrum, and would be spread evenly by random phases; taken out first, put
    back afterwards, they stay. `scale` is the channels' standard deviation.
    """
    motion = stretch[:, :MOTIONS]
    power = (((motion - motion.mean(axis=0)) / scale) ** 2).mean(axis=1)
    smooth = np.convolve(np.pad(power, 1, mode="reflect"), [0.25, 0.5, 0.25], "valid")
    level = np.log(smooth + 0.02) / 2  # the floor keeps rest from counting as very little motion
    return level - level.mean()


def spectrum(stretch, scale):
    """Of a stretch [block, channels]: its mean [channels], and the amplitudes of a template."""
    block = len(stretch)
    mean = stretch.mean(axis=0)
    level = envelope(stretch, scale)
    even = stretch - mean
    even[:, :MOTIONS] /= np.exp(level)[:, None]
    signals = np.concatenate([level[:, None], even], axis=1) * taper(block)[:, None]
    transform = np.fft.rfft(signals, axis=0)[1 : block // 2]
    return mean, 2 * transform / np.sqrt(block * np.sum(taper(block) ** 2))


def synthesise(template, random, times):
    """Samples [times × block, channels] of a template: the same as processors/generator/synthesis.ts, block by block."""
    amplitudes = template.amplitudes
    block = 2 * (len(amplitudes) + 1)
    waves = np.exp(2j * np.pi * np.outer(np.arange(block), np.arange(1, block // 2)) / block)
    phases = np.exp(2j * np.pi * random.random((times, len(amplitudes), 1)))
    signals = np.real(waves[None] @ (amplitudes[None] * phases)).reshape(times * block, -1)
    even = signals[:, 1:]
    even[:, :MOTIONS] *= np.exp(np.minimum(signals[:, :1], MAX_ENVELOPE))
    samples = template.mean + even
    samples[:, MOTIONS:] /= np.linalg.norm(samples[:, MOTIONS:], axis=1, keepdims=True)
    return samples


def choose(stretches, count, random):
    """
    Stretches that stand for all, with the share of each: the ones in the middle of clusters (k-means, begun far apart)
    by pose and by liveliness of each channel.
    """
    points = np.array([
        np.concatenate([3 * s[:, MOTIONS:].mean(axis=0), 0.5 * np.log(s.std(axis=0) + 0.01)]) for s in stretches
    ])
    count = min(count, len(points))
    centres = points[[random.integers(len(points))]]
    distance = ((points - centres[0]) ** 2).sum(axis=1)
    while len(centres) < count and distance.max() > 0:
        likely = random.choice(len(points), p=distance / distance.sum())  # k-means++ (Arthur & Vassilvitskii 2007)
        centres = np.vstack([centres, points[likely]])
        distance = np.minimum(distance, ((points - points[likely]) ** 2).sum(axis=1))
    for _ in range(ROUNDS):
        nearest = ((points[:, None] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)
        own = [np.flatnonzero(nearest == i) for i in range(len(centres))]
        moved = np.array([points[o].mean(axis=0) if len(o) else c for o, c in zip(own, centres, strict=True)])
        if np.array_equal(moved, centres):
            break
        centres = moved
    own = [(o, c) for o, c in zip(own, centres, strict=True) if len(o)]
    middle = [o[((points[o] - c) ** 2).sum(axis=1).argmin()] for o, c in own]
    return [(len(o) / len(points), stretches[m]) for (o, _), m in zip(own, middle, strict=True)]


def root(matrix, power):
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.maximum(values, 1e-12) ** power) @ vectors.T


def transport(source, target):
    """
    The linear map nearest to the identity that turns covariance `source` into `target` (optimal transport between
    Gaussians), held between 1/4 and 4 so that directions the source hardly has are not blown up.
    """
    ridge = 1e-5 * np.trace(target) / len(target) * np.eye(len(target))
    source, target = source + ridge, target + ridge
    half, inverse = root(source, 0.5), root(source, -0.5)
    values, vectors = np.linalg.eigh(inverse @ root(half @ target @ half, 0.5) @ inverse)
    return (vectors * np.clip(values, 0.25, 4)) @ vectors.T


def templates(stretches, mean, covariance, count, random):
    """
    Means and spectra of chosen stretches, corrected so that what is synthesised of them has the activity's mean and
    covariance: what that is, a trial shows. Motion and gravity are corrected apart, as only the first has an envelope.
    """
    scale = np.sqrt(np.diag(covariance)[:MOTIONS]) + 1e-3
    chosen = [Template(weight, *spectrum(stretch, scale)) for weight, stretch in choose(stretches, count, random)]
    trial = np.concatenate([synthesise(template, random, TRIALS) for template in chosen])
    weights = np.repeat([template.weight for template in chosen], len(trial) // len(chosen))
    centre, made = np.average(trial, axis=0, weights=weights), np.cov(trial.T, aweights=weights)
    correction = np.zeros_like(made)
    for part in (slice(MOTIONS), slice(MOTIONS, None)):
        correction[part, part] = transport(made[part, part], covariance[part, part])
    return [
        Template(
            template.weight,
            mean + correction @ (template.mean - centre),
            np.concatenate([template.amplitudes[:, :1], template.amplitudes[:, 1:] @ correction], axis=1),
        )
        for template in chosen
    ]
