"""
What Databricks Labs DataGen makes of recordings: its analyzer looks at the rows of each activity, the program that it
writes is run as it is, for as many rows as there were, and they are put down as a recording of that activity.

    python databricks.py PLAN OUT

PLAN is that of measure.py; OUT gets a directory for each of its first two folds (everybody, and the first people left
out), named by its place: its analyzer takes long, and its worth hardly depends on who is left out.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from dbldatagen import DataAnalyzer
from pyspark.sql import SparkSession

from bench_recordings import MOTION, read
from recordings import COLUMNS

ATTRIBUTES = ("yaw", "pitch", "roll", *MOTION)


def main(plan, out):
    plan = json.loads(Path(plan).read_text())
    spark = (
        SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.shuffle.partitions", 1)
        .config("spark.sql.execution.arrow.pyspark.enabled", "true")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    everybody = list(read(plan["recordings"]))
    for number, left_out in enumerate(plan["folds"][:2]):
        directory = Path(out) / str(number)
        directory.mkdir(parents=True)
        known = [each for each in everybody if each.person not in left_out]
        rows = pd.concat([each.cells[list(ATTRIBUTES)].assign(label=each.labels) for each in known])
        for place, (label, own) in enumerate(rows.groupby("label")):
            frame = spark.createDataFrame(own.drop(columns="label")).cache()
            program = DataAnalyzer(sparkSession=spark, df=frame).scriptDataGeneratorFromData(suppressOutput=True)
            scope = {"spark": spark}
            exec(program.replace("rows=100000", f"rows={len(own)}"), scope)
            write(directory / f"{place}.csv", scope["generation_spec"].build().toPandas(), label)
            frame.unpersist()
        print(f"databricks: {number + 1} of the data sets made", file=sys.stderr, flush=True)
    spark.stop()


def write(path, made, label):
    stamps = pd.to_datetime(1_600_000_000_000 + 100 * np.arange(len(made)), unit="ms")
    made = made.assign(stamp=stamps.strftime("%Y-%m-%d %H:%M:%S.%f").str[:-3], user_activity_label=label)
    text = made.reindex(columns=COLUMNS).to_csv(index=False, float_format="%.4f").split("\n", 1)
    path.write_text(f"{text[0]}\n{','.join('f' for _ in COLUMNS)}\n{text[1]}")


if __name__ == "__main__":
    main(*sys.argv[1:])
