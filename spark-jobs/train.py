"""
Trains a classifier of activities on labelled recordings, and writes it as a model release.

    spark-submit spark-jobs/train.py --recordings DIR --name watch --version 1.1.0 --release FILE --report FILE ...

DIR holds recordings in the CASAS smartwatch format (.csv or .csv.gz, one person per file); it may be any address
Hadoop knows (file:, s3:). Every figure comes from grouped cross-validation: each person is predicted by a model that
has not seen them. The released model is then trained on everybody.
"""

import argparse
import datetime
import json
import platform
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyspark
import xgboost
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from xgboost.spark import SparkXGBClassifier

from evaluation import evaluate, fit_calibration
from features.schema import DEFAULT_PATH, load_schema
from recordings import labelled_windows, read_recordings, window_features
from release import check_onnx, release, to_onnx, write_release

CHECKED_ROWS = 1000


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train a classifier of activities and write it as a model release.")
    parser.add_argument("--recordings", required=True, help="directory of CASAS recordings, any Hadoop address")
    parser.add_argument("--source", required=True, help="what they are and their licence, for the lineage")
    parser.add_argument("--name", required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--release", required=True, type=Path, help="the release file to write")
    parser.add_argument("--report", required=True, type=Path, help="the JSON report to write")
    parser.add_argument("--schema", default=DEFAULT_PATH, type=Path, help="the feature schema")
    parser.add_argument("--rounds", default=40, type=int)
    parser.add_argument("--depth", default=4, type=int)
    parser.add_argument("--learning-rate", default=0.3, type=float)
    parser.add_argument("--subsample", default=0.8, type=float, help="share of windows each tree sees")
    parser.add_argument("--colsample", default=0.5, type=float, help="share of features each tree sees")
    parser.add_argument("--folds", default=5, type=int)
    parser.add_argument("--seed", default=1, type=int)
    parser.add_argument("--workers", default=1, type=int, help="Spark tasks that train together")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    schema = load_schema(options.schema)
    spark = SparkSession.builder.appName(f"train {options.name} {options.version}").getOrCreate()
    spark.sparkContext.setLogLevel("WARN")
    spark.conf.set("spark.sql.session.timeZone", "UTC")

    samples = read_recordings(spark, options.recordings, schema)
    featured = window_features(labelled_windows(samples, schema), schema).persist()
    labelled = featured.where("label IS NOT NULL")
    per_label = {row["label"]: row["count"] for row in labelled.groupBy("label").count().collect()}
    labels = sorted(per_label)
    counts = samples.select(
        F.count("*").alias("samples"), F.count_if(F.isnull("stamp")).alias("samplesWithoutTime")
    ).first().asDict() | {"windows": featured.count(), "windowsOfOneLabel": sum(per_label.values())}
    people = sorted(row["person"] for row in labelled.select("person").distinct().collect())
    if len(people) < options.folds:
        raise SystemExit(f"{options.folds} folds need at least as many people; there are {len(people)}.")
    rows = prepare(labelled, people, labels, per_label, options).persist()

    tested = [test_fold(rows, fold, options, labels) for fold in range(options.folds)]
    probabilities, truth, folds = (np.concatenate(parts) for parts in zip(*tested, strict=True))
    metrics = evaluate(probabilities, truth, folds) | {"people": float(len(people))}
    calibration = fit_calibration(probabilities, truth)

    booster = fit(rows, options)
    onnx = to_onnx(booster, schema.width)
    some = rows.select("features").orderBy(F.xxhash64("person", "start")).limit(CHECKED_ROWS).collect()
    difference = check_onnx(onnx, booster, np.array([row["features"] for row in some], dtype=np.float32))
    probe = mean_features(rows, schema.width)
    lineage = {
        "data": options.source,
        "people": " ".join(people),
        "windows": str(counts["windowsOfOneLabel"]),
        "evaluation": f"grouped cross-validation over people, {options.folds} folds; calibration cross-fitted",
        "script": "spark-jobs/train.py",
        "parameters": json.dumps(training_parameters(options)),
        "seed": str(options.seed),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "versions": f"python {platform.python_version()}, pyspark {pyspark.__version__}, xgboost {xgboost.__version__}, "
        f"numpy {np.__version__}",
    }
    content = release(
        name=options.name,
        version=options.version,
        schema=schema,
        labels=labels,
        calibration=calibration,
        metrics=metrics,
        lineage=lineage,
        onnx=onnx,
        probe=probe,
    )
    write_release(options.release, content)
    report = {
        "counts": counts,
        "people": people,
        "windowsPerLabel": per_label,
        "features": schema.width,
        "featureSchemaHash": schema.hash,
        "metrics": metrics,
        "calibration": vars(calibration),
        "onnxBytes": len(onnx),
        "onnxGreatestDifference": difference,
        "f1PerLabel": f1_per_label(probabilities, truth, labels),
        "parameters": training_parameters(options),
    }
    options.report.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps({"release": str(options.release), **metrics}))
    spark.stop()


def training_parameters(options: argparse.Namespace) -> dict:
    return {
        "n_estimators": options.rounds,
        "max_depth": options.depth,
        "learning_rate": options.learning_rate,
        "subsample": options.subsample,
        "colsample_bytree": options.colsample,
        "tree_method": "hist",
        "random_state": options.seed,
    }


def prepare(
    labelled: DataFrame, people: list[str], labels: list[str], per_label: dict[str, int], options: argparse.Namespace
) -> DataFrame:
    """Adds class (number of the label), weight (all classes weigh the same) and fold (of the person)."""
    order = np.random.default_rng(options.seed).permutation(len(people))
    fold_of = {people[index]: position % options.folds for position, index in enumerate(order)}
    total = sum(per_label.values())
    weight_of = {label: total / len(labels) / count for label, count in per_label.items()}
    return (
        labelled.withColumn("class", _lookup(dict(zip(labels, range(len(labels)), strict=True)), "label"))
        .withColumn("weight", _lookup(weight_of, "label"))
        .withColumn("fold", _lookup(fold_of, "person"))
        # Sampling depends on the order of rows: fixed here, it makes the training repeatable.
        .repartition(options.workers, "person")
        .sortWithinPartitions("person", "start")
    )


def _lookup(table: dict, column: str):
    pairs = [F.lit(value) for pair in table.items() for value in pair]
    return F.element_at(F.create_map(*pairs), F.col(column))


def fit(rows: DataFrame, options: argparse.Namespace) -> xgboost.Booster:
    classifier = SparkXGBClassifier(
        features_col="features",
        label_col="class",
        weight_col="weight",
        num_workers=options.workers,
        **training_parameters(options),
    )
    return classifier.fit(rows).get_booster()


def test_fold(rows: DataFrame, fold: int, options: argparse.Namespace, labels: list[str]):
    """Probabilities, true classes and the fold of the windows of the people left out."""
    inside, left_out = rows.where(F.col("fold") != fold), rows.where(F.col("fold") == fold)
    known = inside.select("class").distinct().count()
    if known < len(labels):
        raise SystemExit(f"Without fold {fold} only {known} of {len(labels)} classes are left: more people, or folds.")
    raw = bytes(fit(inside, options).save_raw())

    def predict(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        booster = xgboost.Booster(model_file=bytearray(raw))
        for batch in batches:
            features = batch.column("features")
            matrix = features.flatten().to_numpy().reshape(len(features), -1)
            result = booster.predict(xgboost.DMatrix(matrix))
            probabilities = pa.FixedSizeListArray.from_arrays(result.ravel(), result.shape[1])
            yield pa.RecordBatch.from_arrays(
                [batch.column("class"), probabilities.cast(pa.list_(pa.float32()))], names=["class", "probabilities"]
            )

    predicted = (
        left_out.select("class", "features").mapInArrow(predict, "class int, probabilities array<float>").collect()
    )
    truth = np.array([row["class"] for row in predicted])
    probabilities = np.array([row["probabilities"] for row in predicted], dtype=np.float64)
    return probabilities, truth, np.full(len(truth), fold)


def mean_features(rows: DataFrame, width: int) -> np.ndarray:
    """The average window: a vector to probe the model with that is nobody's."""
    means = rows.agg(*(F.avg(F.col("features")[index]) for index in range(width))).first()
    return np.array(means, dtype=np.float64)


def f1_per_label(probabilities: np.ndarray, truth: np.ndarray, labels: list[str]) -> dict[str, float]:
    guess = probabilities.argmax(axis=1)
    result = {}
    for number, label in enumerate(labels):
        hits = int(((guess == number) & (truth == number)).sum())
        result[label] = round(2 * hits / max(1, int((guess == number).sum() + (truth == number).sum())), 4)
    return result


if __name__ == "__main__":
    main()
