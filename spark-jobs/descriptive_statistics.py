"""
Descriptive statistics of labelled recordings, per person and activity: a table, and the *generator profile* from which
processors/generator makes new watch data.

    spark-submit spark-jobs/descriptive_statistics.py --recordings DIR --source "…" --name watch \
      --profile watch.json.gz --table statistics --report report.json

DIR holds recordings in the CASAS smartwatch format (.csv or .csv.gz, one person per file) with an activity label on
their rows. Every address may be any that Hadoop knows (file:, s3:). Spark only sorts the rows by person and time; what
is gathered of an activity takes the same memory however long it was recorded.
"""

import argparse
import json
import time
import zlib

import numpy as np
import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from activity import CHANNELS, RATE, TIME_LEVELS, Activity, gravity
from generator_profile import assemble, compressed, documents
from recordings import COLUMNS
from report import say, write_bytes, write_json

TEXTS = ("location_type", "battery_state")
MOTION = tuple(COLUMNS[4:10])
CELLS = tuple(column for column in COLUMNS if column not in ("stamp", "user_activity_label"))
"""Those that may be missing."""
GAP = 1.0
"""Seconds without a sample that end a stay in an activity."""
MAX_RUN = 36_000
"""Samples of a longer stay are worked off in parts, to bound memory."""

TEMPLATE = pa.struct([
    ("weight", pa.float64()),
    ("mean", pa.list_(pa.float64())),
    ("real", pa.list_(pa.list_(pa.float64()))),
    ("imaginary", pa.list_(pa.list_(pa.float64()))),
])
"""Amplitudes are [signal][frequency]: the envelope, then the channels."""
TABLE = pa.schema([
    ("person", pa.string()),
    ("label", pa.string()),
    ("rows", pa.int64()),
    ("mean", pa.list_(pa.float64())),
    ("covariance", pa.list_(pa.float64())),
    ("quantiles", pa.list_(pa.list_(pa.float64()))),
    ("spectrum", pa.list_(pa.list_(pa.float64()))),
    ("cross_spectrum_real", pa.list_(pa.list_(pa.float64()))),
    ("cross_spectrum_imaginary", pa.list_(pa.list_(pa.float64()))),
    ("templates", pa.list_(TEMPLATE)),
    ("stays", pa.int64()),
    ("dwell", pa.list_(pa.float64())),
    ("gaps", pa.int64()),
    ("gap", pa.list_(pa.float64())),
    ("next", pa.map_(pa.string(), pa.int64())),
    ("next_after_gap", pa.map_(pa.string(), pa.int64())),
    ("missing", pa.map_(pa.string(), pa.float64())),
    ("missing_run", pa.map_(pa.string(), pa.float64())),
])
"""
A row per person and activity. What follows the mean is null where no stretch is long enough for a template.
covariance: upper triangle, row by row. quantiles [channel][level], spectrum [channel][frequency], cross-spectrum
[pair][frequency], pairs i < j in order. dwell, gap: quantiles, s. next: how often which activity followed.
missing: share of cells by column; missing_run: mean length of a run of them, samples.
Beside these the table has the column profile: the generator profile of this activity alone, as JSON; null where it has no
template.
"""
TABLE_DDL = """
    person string, label string, rows long, mean array<double>, covariance array<double>,
    quantiles array<array<double>>, spectrum array<array<double>>,
    cross_spectrum_real array<array<double>>, cross_spectrum_imaginary array<array<double>>,
    templates array<struct<weight: double, mean: array<double>, real: array<array<double>>,
    imaginary: array<array<double>>>>,
    stays long, dwell array<double>, gaps long, gap array<double>,
    next map<string, long>, next_after_gap map<string, long>,
    missing map<string, double>, missing_run map<string, double>
"""


def read(spark, address):
    """The rows of all files, typed; rows without a readable stamp, such as the two of the header, fall out."""
    raw = spark.read.csv(address, schema=", ".join(f"{column} string" for column in COLUMNS))
    person = F.regexp_extract(F.input_file_name(), r"([^/]+?)\.csv(\.gz)?$", 1).alias("person")
    numbers = [column for column in CELLS if column not in TEXTS]
    typed = [F.when(~F.isnan(F.col(c).cast("double")), F.col(c).cast("double")).alias(c) for c in numbers]
    stamp = F.to_timestamp("stamp").cast("double").alias("stamp")
    return raw.select(person, stamp, *typed, *TEXTS, "user_activity_label").where("stamp is not null")


def runs(batches):
    """
    Batches (person, label, stamp, cells …) in order of person and time, as runs of samples with one label and without
    a gap: (person, label, first stamp, last stamp, cells [n, CELLS] with NaN where missing).
    """
    person = label = None
    stamps, cells = np.empty(0), np.empty((0, len(CELLS)))
    for batch in batches:
        people, labels = (batch.column(name).to_numpy(zero_copy_only=False) for name in ("person", "label"))
        times = batch.column("stamp").to_numpy(zero_copy_only=False)
        values = np.column_stack([batch.column(c).cast(pa.float64()).fill_null(np.nan).to_numpy() for c in CELLS])
        changes = (people[1:] != people[:-1]) | (labels[1:] != labels[:-1]) | (np.diff(times) > GAP)
        edges = [0, *(np.flatnonzero(changes) + 1), len(times)]
        for start, end in zip(edges, edges[1:], strict=False):
            if start == end:
                continue
            goes_on = len(stamps) > 0 and (people[start], labels[start]) == (person, label)
            if len(stamps) > 0 and not (goes_on and times[start] - stamps[-1] <= GAP and len(stamps) < MAX_RUN):
                yield person, label, stamps[0], stamps[-1], cells
                stamps, cells = stamps[:0], cells[:0]
            person, label = people[start], labels[start]
            stamps = np.concatenate([stamps, times[start:end]])
            cells = np.concatenate([cells, values[start:end]])
    if len(stamps) > 0:
        yield person, label, stamps[0], stamps[-1], cells


def summarise(batches, block, count, seed):
    """The table's rows of what `runs` takes, a list per person."""
    person, activities, before = None, {}, None
    for own, label, first, last, cells in runs(batches):
        if own != person:
            if activities:
                yield [describe(person, name, activity, count) for name, activity in activities.items()]
            person, activities, before = own, {}, None
        if label is None:
            before = None
            continue
        if label not in activities:
            # crc32, not hash(): Python salts the latter anew in every worker.
            activities[label] = Activity(block, [seed, zlib.crc32(f"{person}/{label}".encode())])
        activity = activities[label]
        pitch, roll = (cells[:, CELLS.index(name)] for name in ("pitch", "roll"))
        motion = cells[:, [CELLS.index(name) for name in MOTION]]
        activity.add(np.concatenate([motion, gravity(pitch, roll)], axis=1))
        absent = np.isnan(cells)
        goes_on = before is not None and before[0] == label and first - before[1] <= GAP
        for column, name in enumerate(CELLS):
            activity.add_missing(name, absent[:, column], goes_on and before[2][column])
        if goes_on:
            activity.dwell[-1] += len(cells) / RATE
        else:
            activity.dwell.append(len(cells) / RATE)
            if before is not None:
                left, wait = activities[before[0]], first - before[1]
                if wait > GAP:
                    left.gaps.append(wait)
                (left.next_after_gap if wait > GAP else left.next)[label] += 1
        before = label, last, absent[-1]
    if activities:
        yield [describe(person, name, activity, count) for name, activity in activities.items()]


def describe(person, label, activity, count):
    """An activity of a person as a row of the table."""
    row = {
        "person": person,
        "label": label,
        "rows": activity.rows,
        "stays": len(activity.dwell),
        "dwell": np.quantile(activity.dwell, TIME_LEVELS),
        "gaps": len(activity.gaps),
        "gap": np.quantile(activity.gaps, TIME_LEVELS) if activity.gaps else [],
        "next": sorted(activity.next.items()),
        "next_after_gap": sorted(activity.next_after_gap.items()),
        "missing": [(name, activity.missing[name] / activity.rows) for name in CELLS],
        "missing_run": [(name, activity.missing[name] / runs) for name, runs in activity.missing_runs.items() if runs],
    }
    if activity.blocks == 0:
        return row
    cross = activity.cross_spectrum
    first, second = np.triu_indices(len(CHANNELS), 1)
    pairs = cross[:, first, second].T
    return row | {
        "mean": activity.mean,
        "covariance": activity.covariance[np.triu_indices(len(CHANNELS))],
        "quantiles": list(activity.quantiles),
        "spectrum": list(np.einsum("fii->if", cross).real),
        "cross_spectrum_real": list(pairs.real),
        "cross_spectrum_imaginary": list(pairs.imag),
        "templates": [
            {
                "weight": template.weight,
                "mean": template.mean,
                "real": list(template.amplitudes.T.real),
                "imaginary": list(template.amplitudes.T.imag),
            }
            for template in activity.templates(count)
        ],
    }


def statistics(rows, block, count, seed):
    """A data frame of the table's rows. There are as many partitions as files, which are as many as people."""

    def compute(batches):
        for activities in summarise(batches, block, count, seed):
            yield pa.RecordBatch.from_pylist(activities, schema=TABLE)

    present = [F.when(F.col(c).isNotNull(), F.lit(1.0)).alias(c) if c in TEXTS else F.col(c) for c in CELLS]
    return (
        rows.select("person", F.col("user_activity_label").alias("label"), "stamp", *present)
        .repartition(max(1, len(rows.inputFiles())), "person")
        .sortWithinPartitions("person", "stamp")
        .mapInArrow(compute, TABLE_DDL)
    )


def main():
    parser = argparse.ArgumentParser(description="Describe labelled recordings, and make a generator profile of them.")
    parser.add_argument("--recordings", required=True, help="directory of CASAS recordings, any Hadoop address")
    parser.add_argument("--source", required=True, help="what they are and their licence, for the lineage")
    parser.add_argument("--name", required=True, help="what the profile is of, such as watch")
    parser.add_argument("--profile", help="the profile to write, JSON compressed with gzip, any Hadoop address")
    parser.add_argument("--table", help="gets name=NAME/ of statistics, Parquet, any Hadoop address")
    parser.add_argument("--report", help="where the report goes, JSON, any Hadoop address")
    parser.add_argument("--people", type=int, default=1000, help="how many people the profile keeps at most")
    parser.add_argument("--templates", type=int, default=8, choices=range(1, 33), help="per person and activity")
    parser.add_argument("--block", type=int, default=64, help="samples in a template, a power of two")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began = time.monotonic()

    spark = (
        SparkSession.builder.appName(f"descriptive statistics of {options.name}")
        .config("spark.sql.session.timeZone", "UTC")
        .getOrCreate()
    )
    rows = read(spark, options.recordings)
    table = statistics(rows, options.block, options.templates, options.seed).persist()
    say("describing every person's activities")
    found = sorted(table.collect(), key=lambda row: (row["person"], row["label"]))
    if not any(row["templates"] for row in found):
        raise SystemExit(f"{options.recordings} holds no activity of {options.block} samples without a gap")
    total, labelled = rows.agg(F.count("*"), F.count("user_activity_label")).first()
    report = {
        "recordings": options.recordings,
        "rows": total,
        "unlabelledRows": total - labelled,
        "people": len({row["person"] for row in found}),
        "labels": sorted({row["label"] for row in found}),
        "activities": len(found),
        "activitiesWithoutTemplate": sum(not row["templates"] for row in found),
        "templates": sum(len(row["templates"] or ()) for row in found),
    }
    if report["rows"] - report["unlabelledRows"] != sum(row["rows"] for row in found):
        raise SystemExit("the labelled rows and those described differ in number: the recordings changed meanwhile")
    say(f"{report['activities']} activities of {report['people']} people, {total} rows")
    lineage = {
        "source": options.source,
        "script": "spark-jobs/descriptive_statistics.py",
        "people": str(report["people"]),
        "rows": str(total),
        "templates": str(options.templates),
        "seed": str(options.seed),
    }
    texts = texts_of(rows)
    if options.table:
        everybody = assemble(options.name, found, texts, block=options.block, people=len(found), lineage=lineage)
        profiles = spark.createDataFrame(documents(everybody), "person string, label string, profile string")
        address = f"{options.table}/name={options.name}"
        table.join(profiles, ["person", "label"], "left").coalesce(1).write.mode("overwrite").parquet(address)
        say(f"wrote {address}")
    if options.profile:
        profile = assemble(options.name, found, texts, block=options.block, people=options.people, lineage=lineage)
        content = compressed(profile)
        write_bytes(spark, options.profile, content)
        report |= {"profileBytes": len(content), "profilePeople": len(profile["people"])}
        say(f"wrote {options.profile}, {len(content)} bytes")
    report["seconds"] = round(time.monotonic() - began, 1)
    if options.report:
        write_json(spark, options.report, report)
    print(json.dumps(report))
    spark.stop()


def texts_of(rows):
    """Shares of the most frequent values of the text columns."""
    texts = {}
    for column in TEXTS:
        counts = rows.where(F.col(column).isNotNull()).groupBy(column).count().orderBy(F.desc("count"), column).take(20)
        total = sum(row["count"] for row in counts)
        texts[column] = {row[column]: round(row["count"] / total, 4) for row in counts}
    return texts


if __name__ == "__main__":
    main()
