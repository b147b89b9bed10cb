"""
Clean readings (of clean.py) to labelled windows with their features, in Parquet by feature schema and person.

    spark-submit spark-jobs/extract_features.py --readings DIR --out DIR --report FILE

Writes OUT/schema=HASH/person=…: start (ms since the epoch), label, features (float32), and turned: true for the same window of
a watch worn the other way round, to train with. HASH is that of the feature schema, so
that features of different definitions never lie in one place. What is there for this schema is replaced.
"""

import argparse
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from features.schema import DEFAULT_PATH, load_schema
from recordings import labelled_windows, window_features
from report import say, write_json


def main() -> None:
    parser = argparse.ArgumentParser(description="Features of the labelled windows of clean readings.")
    parser.add_argument("--readings", required=True, help="readings/ of clean.py, any Hadoop address")
    parser.add_argument("--out", required=True, help="gets schema=HASH/person=…")
    parser.add_argument("--report", required=True, help="the JSON report to write")
    parser.add_argument("--schema", default=DEFAULT_PATH, type=Path, help="the feature schema")
    options = parser.parse_args()
    schema = load_schema(options.schema)
    spark = SparkSession.builder.appName(f"features {schema.hash}").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")

    readings = spark.read.parquet(options.readings).withColumn("person", F.col("person").cast("string"))
    windows = labelled_windows(readings, schema)
    say(f"windows of {schema.seconds} s every {schema.advance_seconds} s, {schema.width} features, schema {schema.hash}")
    address = f"{options.out}/schema={schema.hash}"
    labelled = windows.where("label IS NOT NULL")
    window_features(labelled, schema).write.mode("overwrite").partitionBy("person").parquet(address)

    written = spark.read.parquet(address).where("NOT turned").groupBy("person", "label").count().collect()
    per_label, per_person = {}, {}
    for person, label, count in written:
        per_label[label] = per_label.get(label, 0) + count
        per_person[str(person)] = per_person.get(str(person), 0) + count
    report = {
        "features": schema.width,
        "featureSchemaHash": schema.hash,
        "address": address,
        "readings": readings.count(),
        "windows": sum(per_label.values()),
        "windowsWithoutOneLabel": windows.where("label IS NULL").count(),
        "windowsByLabel": dict(sorted(per_label.items())),
        "windowsByPerson": dict(sorted(per_person.items())),
    }
    write_json(spark, options.report, report)
    say(f"{report['windows']} windows of {len(per_person)} people in {address}")
    spark.stop()


if __name__ == "__main__":
    main()
