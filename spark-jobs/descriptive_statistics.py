"""
Descriptive statistics of labelled recordings, as the *generator profile* from which processors/generator makes new
watch data.

    spark-submit spark-jobs/descriptive_statistics.py --recordings DIR --profile watch.json --name watch --source "…"

DIR holds recordings in the CASAS smartwatch format (.csv or .csv.gz, one device per file) with an activity label on
their rows; it and the profile may be at any address Hadoop knows (file:, s3:). The profile holds, of the people and
activities asked for, the mean and covariance of each motion channel and a few *templates*; of everybody, dwell times,
the probabilities of going from one activity to another, and the share of missing cells.

A template is the spectrum of one short stretch: of each channel, and of the envelope that they share, the amplitude
at each frequency and its phase relative to the envelope's. Phases between frequencies, which would give the recording
back, are not kept. Signals synthesised with phases that are random but common to all channels have the same spectra
and cross-spectra (Prichard & Theiler, Generating surrogate data for time series with several simultaneously measured
variables, Phys. Rev. Lett. 73, 1994).

Attitude angles wrap, so they are replaced by the direction of gravity that pitch and roll stand for, and yaw is left
out: it follows from the rotation about the vertical.
"""

import argparse
import base64
import itertools
import json
import zlib
from collections import Counter, defaultdict

import numpy as np
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from recordings import COLUMNS

TEXTS = ("location_type", "battery_state")
MOTION = tuple(COLUMNS[4:10])
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
GAP = 1.0
"""Seconds without a sample that end a stretch of recording."""
MOTIONS = len(MOTION)
"""The first channels, those with an envelope; the others are the direction of gravity."""
MAX_ENVELOPE = 2.0
"""The most that an envelope lifts a moment, as a logarithm."""
TRIALS = 32
"""Blocks synthesised of each template to see what comes out."""
DECIBEL = 0.3
"""Step of an encoded amplitude."""
MAX_STRETCHES = 256
"""Stretches of a person's activity held in memory, of which the templates are chosen."""
MAX_STRETCH_SAMPLES = 36_000
"""A longer stay in one activity is worked off in parts, to bound memory."""


def field(column):
    """rotation_rate_x is the field rotationRateX of schemas/SensorReading.avsc."""
    head, *tail = column.split("_")
    return head + "".join(word.capitalize() for word in tail)


def gravity(pitch, roll):
    """The unit vector that points down, in the axes of the watch."""
    return np.stack([np.sin(roll) * np.cos(pitch), -np.sin(pitch), -np.cos(roll) * np.cos(pitch)], axis=-1)


class Activity:
    """What is gathered of one person's activity while their recording streams by."""

    def __init__(self, block, seed):
        self.block = block
        self.random = np.random.default_rng(seed)
        self.count = 0
        self.sum = np.zeros(len(CHANNELS))
        self.products = np.zeros((len(CHANNELS), len(CHANNELS)))
        self.seen = 0
        self.stretches = []

    def add(self, samples):
        """`samples` [n, channels], evenly spaced, NaN where missing."""
        whole = samples[np.isfinite(samples).all(axis=1)]
        self.count += len(whole)
        self.sum += whole.sum(axis=0)
        self.products += whole.T @ whole
        for start in range(0, len(samples) - self.block + 1, self.block // 2):
            stretch = samples[start : start + self.block]
            if not np.isfinite(stretch).all():
                continue
            self.seen += 1
            if len(self.stretches) < MAX_STRETCHES:
                self.stretches.append(stretch)
                continue
            place = self.random.integers(self.seen)  # reservoir sampling: each stretch is as likely to be held
            if place < MAX_STRETCHES:
                self.stretches[place] = stretch

    @property
    def mean(self):
        return self.sum / self.count

    @property
    def covariance(self):
        return self.products / self.count - np.outer(self.mean, self.mean)


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
    """
    Of a stretch [block, channels]: its mean [channels], and complex amplitudes [block / 2 - 1, 1 + channels] of the
    cosines at 1, 2 … cycles per block; first those of its envelope, then those of the channels without it.
    The taper is the one that the generator cross-fades its blocks with.
    """
    block = len(stretch)
    taper = np.sin(np.pi * (np.arange(block) + 0.5) / block)
    mean = stretch.mean(axis=0)
    level = envelope(stretch, scale)
    even = stretch - mean
    even[:, :MOTIONS] /= np.exp(level)[:, None]
    signals = np.concatenate([level[:, None], even], axis=1)
    transform = np.fft.rfft(signals * taper[:, None], axis=0)[1 : block // 2]
    return mean, 2 * transform / np.sqrt(block * np.sum(taper**2))


def synthesise(mean, amplitudes, random, times):
    """Samples [times × block, channels] of a template: the same as processors/generator/synthesis.ts, block by block."""
    block = 2 * (len(amplitudes) + 1)
    waves = np.exp(2j * np.pi * np.outer(np.arange(block), np.arange(1, block // 2)) / block)
    phases = np.exp(2j * np.pi * random.random((times, 1, len(amplitudes), 1)))
    signals = np.real(waves[None] @ (amplitudes[None] * phases[:, 0])).reshape(times * block, -1)
    even = signals[:, 1:]
    even[:, :MOTIONS] *= np.exp(np.minimum(signals[:, :1], MAX_ENVELOPE))
    samples = mean + even
    samples[:, MOTIONS:] /= np.linalg.norm(samples[:, MOTIONS:], axis=1, keepdims=True)
    return samples


def choose(stretches, count):
    """Stretches that stand for all: the middle ones of equal shares in order of their liveliness."""
    spread = np.array([np.log(stretch.var(axis=0) + 1e-6).mean() for stretch in stretches])
    order = np.argsort(spread, kind="stable")
    count = min(count, len(order))
    return [stretches[order[int((i + 0.5) * len(order) / count)]] for i in range(count)]


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


def templates(activity, count):
    """
    Means and spectra of chosen stretches, corrected so that what is synthesised of them has the activity's mean and
    covariance: what that is, a trial shows. Motion and gravity are corrected apart, as only the first has an envelope.
    """
    scale = np.sqrt(np.diag(activity.covariance)[:MOTIONS]) + 1e-3
    spectra = [spectrum(stretch, scale) for stretch in choose(activity.stretches, count)]
    trial = np.concatenate([synthesise(*template, activity.random, TRIALS) for template in spectra])
    centre, covariance = trial.mean(axis=0), np.cov(trial.T)
    correction = np.zeros_like(covariance)
    for part in (slice(MOTIONS), slice(MOTIONS, None)):
        correction[part, part] = transport(covariance[part, part], activity.covariance[part, part])
    return [
        (
            activity.mean + correction @ (mean - centre),
            np.concatenate([amplitudes[:, :1], amplitudes[:, 1:] @ correction], axis=1),
        )
        for mean, amplitudes in spectra
    ]


def encode(mean, amplitudes):
    """A template as it stands in the profile: by rows the envelope and the channels, the lowest frequency first."""
    size = np.abs(amplitudes.T)
    peak = float(f"{size.max():.4g}")
    steps = np.round(20 * np.log10(np.maximum(size, 1e-12) / peak) / DECIBEL) + 255
    phase = np.angle(amplitudes.T * amplitudes[:, 0].conj())[1:]
    return {
        "mean": rounded(mean),
        "peak": peak,
        "amplitude": packed(np.clip(steps, 0, 255)),
        "phase": packed(np.round(phase / (2 * np.pi) * 256) % 256),
    }


def packed(values):
    return base64.b64encode(values.astype(np.uint8).tobytes()).decode("ascii")


def rounded(values, digits=4):
    return [round(float(value), digits) + 0.0 for value in values]


def describe(activity, count):
    """An activity of a person as it stands in the profile; None if there is too little of it."""
    if not activity.stretches:
        return None
    upper = np.triu_indices(len(CHANNELS))
    return {
        "mean": rounded(activity.mean),
        "covariance": [float(f"{value:.4g}") for value in activity.covariance[upper]],
        "templates": [encode(*template) for template in templates(activity, count)],
    }


def summarise(rows, block, count, seed):
    """
    Of rows (device, label, seconds, pitch, roll, motion …), in order of device and time: per device its activities,
    its stays (label, seconds), and the labels that follow each other.
    """
    for device, own in itertools.groupby(rows, key=lambda row: row[0]):
        activities, stays, follows, before = {}, [], Counter(), None
        for label, samples in stretches(own):
            if label is None:
                before = None
                continue
            if label not in activities:
                # crc32, not hash(): Python salts the latter anew in every worker.
                activities[label] = Activity(block, [seed, zlib.crc32(f"{device}/{label}".encode())])
            activities[label].add(np.concatenate([samples[:, 2:], gravity(samples[:, 0], samples[:, 1])], axis=1))
            if label == before:
                stays[-1] = (label, stays[-1][1] + len(samples) / RATE)
            else:
                if before is not None:
                    follows[before, label] += 1
                stays.append((label, len(samples) / RATE))
            before = label
        yield device, {label: describe(a, count) for label, a in activities.items()}, stays, list(follows.items())


def stretches(rows):
    """Runs of rows with one label and without a gap, as (label, samples [n, pitch roll motion …])."""
    label, last, samples = None, None, []
    for row in rows:
        stamp = row[2]
        cut = len(samples) >= MAX_STRETCH_SAMPLES
        if samples and (row[1] != label or stamp - last > GAP or cut):
            yield label, np.array(samples, dtype=float)
            samples = []
        label, last = row[1], stamp
        samples.append([np.nan if cell is None else cell for cell in row[3:]])
    if samples:
        yield label, np.array(samples, dtype=float)


def assemble(name, summaries, missing, texts, *, block, people, seed, lineage):
    """The profile. `people` of those who did every activity are kept, evenly over the order of their ids."""
    summaries = sorted(summaries)
    labels = sorted({label for _, activities, _, _ in summaries for label in activities})
    complete = [(d, a) for d, a, _, _ in summaries if all(a.get(label) for label in labels)]
    if not complete:
        raise SystemExit("nobody did every activity for long enough: there is nothing to keep a profile of")
    people = min(people, len(complete))
    kept = [complete[int((i + 0.5) * len(complete) / people)] for i in range(people)]
    dwell, follows = defaultdict(list), defaultdict(Counter)
    for _, _, stays, pairs in summaries:
        for label, seconds in stays:
            dwell[label].append(seconds)
        for (before, after), times in pairs:
            follows[before][after] += times
    return {
        "name": name,
        "lineage": {**lineage, "script": "spark-jobs/descriptive_statistics.py", "seed": str(seed)},
        "rate": RATE,
        "block": block,
        "channels": list(CHANNELS),
        "labels": labels,
        "missing": missing,
        "texts": texts,
        "dwell": {
            label: {"mean": round(float(np.mean(dwell[label])), 1), "std": round(float(np.std(dwell[label])), 1)}
            for label in labels
        },
        "transitions": {
            label: {after: round(n / follows[label].total(), 4) for after, n in sorted(follows[label].items())}
            for label in labels
        },
        "people": [{"id": device, "activities": {l: activities[l] for l in labels}} for device, activities in kept],
    }


def read(spark, address):
    """The rows of all files, typed; the two header rows have no stamp and fall out."""
    raw = spark.read.csv(address, schema=", ".join(f"{column} string" for column in COLUMNS))
    device = F.regexp_extract(F.input_file_name(), r"([^/]+?)\.csv(\.gz)?$", 1).alias("device")
    numbers = [column for column in COLUMNS if column not in (*TEXTS, "stamp", "user_activity_label")]
    typed = [F.when(~F.isnan(F.col(c).cast("double")), F.col(c).cast("double")).alias(c) for c in numbers]
    stamp = F.to_timestamp("stamp").cast("double").alias("stamp")
    return raw.select(device, stamp, *typed, *TEXTS, "user_activity_label").where("stamp is not null")


def main():
    parser = argparse.ArgumentParser(description="Make a generator profile of labelled recordings.")
    parser.add_argument("--recordings", required=True, help="directory of CASAS recordings, any Hadoop address")
    parser.add_argument("--source", required=True, help="what they are and their licence, for the lineage")
    parser.add_argument("--name", required=True, help="what the profile is of, such as watch")
    parser.add_argument("--profile", required=True, help="the JSON file to write, any Hadoop address")
    parser.add_argument("--people", type=int, default=10, help="how many people to keep")
    parser.add_argument("--templates", type=int, default=3, help="how many templates per person and activity")
    parser.add_argument("--block", type=int, default=64, help="samples in a template, even")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    block, count, seed = options.block, options.templates, options.seed

    spark = (
        SparkSession.builder.appName(f"descriptive statistics of {options.name}")
        .config("spark.sql.session.timeZone", "UTC")
        .getOrCreate()
    )
    rows = read(spark, options.recordings).cache()
    cells = [column for column in COLUMNS if column not in ("stamp", "user_activity_label")]
    shares = rows.agg(F.count("*").alias("rows"), *[F.avg(F.col(c).isNull().cast("int")).alias(c) for c in cells]).first()
    if shares["rows"] == 0:
        raise SystemExit(f"{options.recordings} holds no rows of recordings")
    texts = {}
    for column in TEXTS:
        counts = rows.where(F.col(column).isNotNull()).groupBy(column).count().orderBy(F.desc("count"), column).take(20)
        total = sum(row["count"] for row in counts)
        texts[field(column)] = {row[column]: round(row["count"] / total, 4) for row in counts}
    summaries = (
        rows.select("device", "user_activity_label", "stamp", "pitch", "roll", *MOTION)
        .repartition("device")
        .sortWithinPartitions("device", "stamp")
        .rdd.mapPartitions(lambda part: summarise(part, block, count, seed))
        .collect()
    )
    profile = assemble(
        options.name,
        summaries,
        {field(column): round(shares[column], 4) for column in cells},
        texts,
        block=block,
        people=options.people,
        seed=seed,
        lineage={"source": options.source, "people": str(len(summaries)), "rows": str(shares["rows"])},
    )
    write(spark, options.profile, profile)
    spark.stop()


def write(spark, address, profile):
    """Through Hadoop's file systems, because the driver may run on a cluster and the address may be in S3."""
    jvm = spark.sparkContext._jvm
    path = jvm.org.apache.hadoop.fs.Path(address)
    files = path.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration())
    files.setWriteChecksum(False)  # a local disk would get a .crc file beside the profile
    out = files.create(path, True)
    try:
        out.write(bytearray(json.dumps(profile, separators=(",", ":")).replace('{"id"', '\n{"id"').encode() + b"\n"))
    finally:
        out.close()


if __name__ == "__main__":
    main()
