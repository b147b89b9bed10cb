"""
Trains a classifier of activities on labelled windows, and writes it as a model release.

    spark-submit spark-jobs/train.py --features DIR --name watch --version 2.0.0 --release FILE --report FILE ...

DIR is what extract_features.py wrote; with --recordings it is recordings in the CASAS format whose rows all have their labels, of which
the features are computed first. Addresses are any that Hadoop knows (file:, s3:). Every figure comes from grouped
cross-validation: each person is predicted by a model that has not seen them. The released model is then trained on everybody.
"""

import argparse
import atexit
import datetime
import json
import platform
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyspark
import sklearn
import xgboost
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from xgboost.spark import SparkXGBClassifier

from ensemble import Ensemble, Network, check_onnx, session, to_onnx, train_network
from evaluation import ERROR_RATIO, evaluate, fit_calibration
from features.schema import DEFAULT_PATH, load_schema
from recordings import labelled_windows, read_features, read_recordings, read_samples, window_features
from release import release
from report import read_json, say, write_json

CHECKED_ROWS = 1000
NETWORK_ROWS = 400_000
"""The network is trained on the driver, on no more windows than these."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train a classifier of activities and write it as a model release.")
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--features", help="what extract_features.py wrote")
    given.add_argument("--recordings", help="directory of CASAS recordings with a label on every row")
    parser.add_argument("--parent", help="a release: only its labels are learned, in its order")
    parser.add_argument("--samples", help="a feature store: what people labelled is learned too")
    parser.add_argument("--without", help="features of people to measure on, who are left out")
    parser.add_argument("--source", required=True, help="what they are and their licence, for the lineage")
    parser.add_argument("--name", required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--release", required=True, help="the release file to write")
    parser.add_argument("--report", required=True, help="the JSON report to write")
    parser.add_argument("--schema", default=DEFAULT_PATH, type=Path, help="the feature schema")
    parser.add_argument("--rounds", default=40, type=int)
    parser.add_argument("--depth", default=4, type=int)
    parser.add_argument("--learning-rate", default=0.3, type=float)
    parser.add_argument("--subsample", default=0.6, type=float, help="share of windows each tree sees")
    parser.add_argument("--colsample", default=0.25, type=float, help="share of features each tree sees")
    parser.add_argument("--no-network", action="store_true", help="trees alone: a model of a tenth of the size")
    parser.add_argument("--turned", action="store_true", help="show the network each window also as if worn the other way round")
    parser.add_argument("--turned-trees", action="store_true", help="show it to the trees as well: where people are few")
    parser.add_argument(
        "--error-ratio", default=ERROR_RATIO, type=float, help="accepted windows have at most this part of the error of all"
    )
    parser.add_argument(
        "--subset", type=lambda text: text.split(","), help="labels, such as walking,sitting: also measure the choice among these alone"
    )
    parser.add_argument("--folds", default=5, type=int)
    parser.add_argument("--seed", default=1, type=int)
    parser.add_argument("--workers", default=1, type=int, help="Spark tasks that train together")
    options = parser.parse_args()
    options.turned = options.turned or options.turned_trees
    return options


def main() -> None:
    options = arguments()
    schema = load_schema(options.schema)
    spark = SparkSession.builder.appName(f"train {options.name} {options.version}").getOrCreate()
    spark.sparkContext.setLogLevel("WARN")
    atexit.register(end_barrier_timer, spark.sparkContext._jvm)
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    spark.conf.set("spark.sql.execution.arrow.pyspark.enabled", "true")

    if options.features is not None:
        windows = read_features(spark, options.features, schema.hash)
    else:
        cut = labelled_windows(read_recordings(spark, options.recordings, schema), schema)
        windows = window_features(cut.where("label IS NOT NULL"), schema)
    if options.samples is not None:
        windows = windows.unionByName(read_samples(spark, options.samples, schema.hash))
    if options.without is not None:
        unseen = read_features(spark, options.without, schema.hash).select("person").distinct()
        windows = windows.join(unseen, "person", "left_anti")
    parent = None if options.parent is None else read_json(spark, options.parent)
    if parent is not None:
        windows = windows.where(F.col("label").isin(parent["labels"]))
    windows = (windows if options.turned else windows.where("NOT turned")).persist()
    own = windows.where("NOT turned").groupBy("person", "label").count().collect()
    per_label, per_person = Counter(), Counter()
    for person, label, count in own:
        per_label[label] += count
        per_person[person] += count
    labels, people = sorted(per_label) if parent is None else parent["labels"], sorted(per_person)
    missing = sorted(set(labels) - set(per_label))
    if missing:
        raise SystemExit(f"There is no window of these classes of the parent: {', '.join(missing)}.")
    say(f"{per_label.total()} windows of {len(people)} people, {len(labels)} classes, {schema.width} features")
    if len(labels) < 3:
        raise SystemExit(f"A classifier needs three classes or more; there are {len(labels)}.")
    strange = sorted(set(options.subset or []) - set(labels))
    if strange:
        raise SystemExit(f"No window is labelled {', '.join(strange)}, but {', '.join(labels)}.")
    if len(people) < options.folds:
        raise SystemExit(f"{options.folds} folds need at least as many people; there are {len(people)}.")
    rows = prepare(windows, people, labels, per_label, options).persist()

    tested = [test_fold(rows, fold, options, labels, schema.width) for fold in range(options.folds)]
    probabilities, truth, folds = (np.concatenate(parts) for parts in zip(*tested, strict=True))
    metrics = evaluate(probabilities, truth, folds, options.error_ratio) | {"people": float(len(people))}
    calibration = fit_calibration(probabilities, truth, options.error_ratio)

    say(f"of people left out: accuracy {metrics['accuracy']:.4f}, macro-F1 {metrics['macroF1']:.4f}")
    subset = None
    if options.subset is not None:
        places = [labels.index(label) for label in options.subset]
        subset = evaluate(probabilities, truth, folds, options.error_ratio, places)
        say(f"among {', '.join(options.subset)}: accuracy {subset['accuracy']:.4f}, macro-F1 {subset['macroF1']:.4f}")

    model = fit(rows, options)
    onnx = to_onnx(model, schema.width)
    some = rows.where("NOT turned").select("features").orderBy(F.xxhash64("person", "start")).limit(CHECKED_ROWS).collect()
    difference = check_onnx(onnx, model, np.array([row["features"] for row in some], dtype=np.float32))
    probe = mean_features(rows.where("NOT turned"), schema.width)
    lineage = {
        "data": options.source,
        **({} if parent is None else {"parent": f"{parent['name']}@{parent['version']}"}),
        "people": " ".join(people),
        "windows": str(per_label.total()),
        "evaluation": f"grouped cross-validation over people, {options.folds} folds; calibration cross-fitted",
        "script": "spark-jobs/train.py",
        "parameters": json.dumps(training_parameters(options)),
        **({"subset": " ".join(options.subset)} if options.subset is not None else {}),
        "seed": str(options.seed),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "versions": f"python {platform.python_version()}, pyspark {pyspark.__version__}, xgboost {xgboost.__version__}, "
        f"scikit-learn {sklearn.__version__}, numpy {np.__version__}",
    }
    content = release(
        name=options.name,
        version=options.version,
        schema=schema,
        labels=labels,
        calibration=calibration,
        metrics=metrics | {f"subset{name[0].upper()}{name[1:]}": value for name, value in (subset or {}).items()},
        lineage=lineage,
        onnx=onnx,
        probe=probe,
    )
    write_json(spark, options.release, content, indent=1)
    report = {
        "windowsByPerson": dict(sorted(per_person.items())),
        "windowsByLabel": dict(sorted(per_label.items())),
        "features": schema.width,
        "featureSchemaHash": schema.hash,
        "metrics": metrics,
        "subset": subset and {"labels": options.subset, **subset},
        "calibration": vars(calibration),
        "onnxBytes": len(onnx),
        "onnxGreatestDifference": difference,
        "f1PerLabel": f1_per_label(probabilities, truth, labels),
        "parameters": training_parameters(options),
    }
    write_json(spark, options.report, report)
    say(f"{options.release}: {len(onnx)} bytes of ONNX, which differs from the model by at most {difference:.1g}")
    spark.stop()


def end_barrier_timer(jvm) -> None:
    """Barrier stages, in which XGBoost trains, leave Spark 3.5 a thread that keeps spark-submit from ending with a local master."""
    context = jvm.java.lang.Class.forName("org.apache.spark.BarrierTaskContext$").getField("MODULE$").get(None)
    getattr(context, "org$apache$spark$BarrierTaskContext$$timer")().cancel()


def training_parameters(options: argparse.Namespace) -> dict:
    trees = tree_parameters(options)
    return {
        "trees": trees,
        "network": not options.no_network,
        "turned": options.turned,
        "turnedTrees": options.turned_trees,
        "errorRatio": options.error_ratio,
    }


def tree_parameters(options: argparse.Namespace) -> dict:
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
    windows: DataFrame, people: list[str], labels: list[str], per_label: Counter[str], options: argparse.Namespace
) -> DataFrame:
    """Adds class (number of the label), weight (all classes weigh the same) and fold (of the person)."""
    order = np.random.default_rng(options.seed).permutation(len(people))
    fold_of = {people[index]: position % options.folds for position, index in enumerate(order)}
    weight_of = {label: per_label.total() / len(labels) / count for label, count in per_label.items()}
    return (
        windows.withColumn("class", _lookup(dict(zip(labels, range(len(labels)), strict=True)), "label"))
        .withColumn("weight", _lookup(weight_of, "label"))
        .withColumn("fold", _lookup(fold_of, "person"))
        # Sampling depends on the order of rows: fixed here, it makes the training repeatable.
        .repartition(options.workers, "person")
        .sortWithinPartitions("person", "start", "turned")
    )


def _lookup(table: dict, column: str):
    pairs = [F.lit(value) for pair in table.items() for value in pair]
    return F.element_at(F.create_map(*pairs), F.col(column))


def fit(rows: DataFrame, options: argparse.Namespace) -> Ensemble:
    classifier = SparkXGBClassifier(
        features_col="features",
        label_col="class",
        weight_col="weight",
        num_workers=options.workers,
        **tree_parameters(options),
    )
    trees = classifier.fit(rows if options.turned_trees else rows.where("NOT turned")).get_booster()
    return Ensemble(trees, None if options.no_network else fit_network(rows, options))


def fit_network(rows: DataFrame, options: argparse.Namespace) -> Network:
    # The order of rows matters to the training, and the hash gives a sample where there are too many.
    order = F.xxhash64("person", "start", "turned")
    some = rows.select("features", "class", "weight").orderBy(order).limit(NETWORK_ROWS).toPandas()
    matrix = np.stack(some["features"].to_numpy())
    return train_network(matrix, some["class"].to_numpy(), some["weight"].to_numpy(), options.seed)


def test_fold(rows: DataFrame, fold: int, options: argparse.Namespace, labels: list[str], width: int):
    """Probabilities, true classes and the fold of the windows of the people left out; by ONNX, as they are served."""
    inside, left_out = rows.where(F.col("fold") != fold), rows.where((F.col("fold") == fold) & ~F.col("turned"))
    known = inside.select("class").distinct().count()
    if known < len(labels):
        raise SystemExit(f"Without fold {fold} only {known} of {len(labels)} classes are left: more people, or folds.")
    onnx = to_onnx(fit(inside, options), width)

    def predict(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        model = session(onnx)
        for batch in batches:
            matrix = batch.column("features").flatten().to_numpy().reshape(batch.num_rows, -1)
            [result] = model.run(["probabilities"], {"features": matrix})
            probabilities = pa.FixedSizeListArray.from_arrays(result.ravel(), result.shape[1])
            yield pa.RecordBatch.from_arrays(
                [batch.column("class"), probabilities.cast(pa.list_(pa.float32()))], names=["class", "probabilities"]
            )

    predicted = (
        left_out.select("class", "features").mapInArrow(predict, "class int, probabilities array<float>").collect()
    )
    truth = np.array([row["class"] for row in predicted])
    probabilities = np.array([row["probabilities"] for row in predicted], dtype=np.float64)
    say(f"fold {fold + 1} of {options.folds}: accuracy {(probabilities.argmax(axis=1) == truth).mean():.4f}")
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
