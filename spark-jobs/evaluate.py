"""
A model release on labelled windows: how right it is, and how well it knows.

    spark-submit spark-jobs/evaluate.py --features DIR --release FILE --report FILE [--classes a,b,…]

DIR is what extract_features.py wrote; the windows of the release's own feature schema are taken. The metrics are those of
`tickerwatch evaluate` (processors/evaluation), and the same of each person. Addresses are any that Hadoop knows.
"""

import argparse
import base64
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ensemble import session
from evaluation import BINS, calibrate, is_accepted, only
from recordings import read_features
from report import read_json, say, write_json

GROUP = ("person", "truth", "guess", "accepted", "bin")


def main() -> None:
    parser = argparse.ArgumentParser(description="Evaluate a model release on features of labelled windows.")
    parser.add_argument("--features", required=True, help="what extract_features.py wrote, any Hadoop address")
    parser.add_argument("--release", required=True, help="the release file, any Hadoop address")
    parser.add_argument("--report", required=True, help="the JSON report to write")
    parser.add_argument(
        "--classes", type=lambda text: text.split(","), help="keep the windows with these labels, and choose between these only"
    )
    options = parser.parse_args()
    spark = SparkSession.builder.appName("evaluate").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    release = read_json(spark, options.release)
    say(f"{release['name']}@{release['version']} on {options.features}")
    windows = read_features(spark, options.features, release["featureSchemaHash"]).where("NOT turned")
    report = evaluate_release(windows, release, options.classes)
    write_json(spark, options.report, report)
    metrics = report["metrics"]
    say(f"{metrics['windows']} windows: accuracy {metrics['accuracy']:.4f}, macro-F1 {metrics['macroF1']:.4f}")
    spark.stop()


def evaluate_release(windows: DataFrame, release: dict, classes: list[str] | None = None) -> dict:
    """`windows` has person, label and features. @raises SystemExit if none can be scored"""
    labels = release["labels"] if classes is None else classes
    strange = [label for label in labels if label not in release["labels"]]
    if strange:
        raise SystemExit(f"The release has no class {', '.join(strange)}, but {', '.join(release['labels'])}.")
    known = F.col("label").isin(labels)
    other = {row["label"]: row["count"] for row in windows.where(~known).groupBy("label").count().collect()}
    counts = score(windows.where(known), release, labels).groupBy(*GROUP).agg(F.count("*").alias("n"), F.sum("confidence").alias("sum")).collect()
    if not counts:
        raise SystemExit(f"None of the windows has one of the labels {', '.join(labels)}.")
    people = sorted({row["person"] for row in counts})
    return {
        "release": f"{release['name']}@{release['version']}",
        "featureSchemaHash": release["featureSchemaHash"],
        "windowsWithOtherLabels": dict(sorted(other.items())),
        "metrics": metrics(counts, labels),
        "perPerson": {person: _short(metrics([r for r in counts if r["person"] == person], labels)) for person in people},
    }


def score(windows: DataFrame, release: dict, labels: list[str]) -> DataFrame:
    """Of each window: person, truth and guess (numbers of `labels`, between which is chosen), accepted, bin and confidence."""
    onnx, places = base64.b64decode(release["onnx"]), [release["labels"].index(label) for label in labels]
    thresholds = release["minimumConfidence"], release["minimumMargin"]
    temperature, width = release["temperature"], len(release["probeFeatures"])

    def compute(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        model = session(onnx)
        for batch in batches:
            rows = batch.column("features").flatten().to_numpy().reshape(-1, width)
            [raw] = model.run(["probabilities"], {"features": rows})
            calibrated = only(calibrate(raw.astype(np.float64), temperature), places)[:, places]
            confidence = calibrated.max(axis=1)
            columns = {
                "person": batch.column("person"),
                "truth": pa.array([labels.index(label) for label in batch.column("label").to_pylist()], pa.int32()),
                "guess": pa.array(calibrated.argmax(axis=1), pa.int32()),
                "accepted": pa.array(is_accepted(calibrated, *thresholds)),
                "bin": pa.array(np.minimum((confidence * BINS).astype(int), BINS - 1), pa.int32()),
                "confidence": pa.array(confidence),
            }
            yield pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))

    result = "person string, truth int, guess int, accepted boolean, bin int, confidence double"
    return windows.select("person", "label", "features").mapInArrow(compute, result)


def metrics(counts: list, labels: list[str]) -> dict:
    """Of `counts`: rows with GROUP, n (windows) and sum (of their confidences)."""
    confusion = np.zeros((len(labels), len(labels)), dtype=np.int64)
    gaps = np.zeros(BINS)
    accepted, accepted_right = 0, 0
    for row in counts:
        right = row["truth"] == row["guess"]
        confusion[row["truth"], row["guess"]] += row["n"]
        gaps[row["bin"]] += row["sum"] - right * row["n"]
        accepted += row["accepted"] * row["n"]
        accepted_right += row["accepted"] * right * row["n"]
    windows, hits = int(confusion.sum()), np.diag(confusion)
    occurring, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    f1 = [_share(2 * hit, both) for hit, both in zip(hits, occurring + predicted, strict=True)]
    return {
        "windows": windows,
        "accuracy": float(hits.sum() / windows),
        "macroF1": float(np.mean([value for value in f1 if value is not None])),
        "perClass": {
            label: {
                "windows": int(occurring[number]),
                "precision": _share(hits[number], predicted[number]),
                "recall": _share(hits[number], occurring[number]),
                "f1": f1[number],
            }
            for number, label in enumerate(labels)
        },
        "confusion": {"labels": labels, "counts": confusion.tolist()},
        "routedShare": float(1 - accepted / windows),
        "routedAccuracy": _share(hits.sum() - accepted_right, windows - accepted),
        "acceptedAccuracy": _share(accepted_right, accepted),
        "calibrationError": float(np.abs(gaps).sum() / windows),
    }


def _short(metrics: dict) -> dict:
    return {name: metrics[name] for name in ("windows", "accuracy", "macroF1", "routedShare", "calibrationError")}


def _share(part, whole) -> float | None:
    return None if whole == 0 else float(part / whole)


if __name__ == "__main__":
    main()
