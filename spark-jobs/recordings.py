"""Recordings in the CASAS smartwatch format to labelled windows and their features, on Spark."""

import json
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from features.extract import extract
from features.schema import FeatureSchema

COLUMNS = (
    "stamp yaw pitch roll rotation_rate_x rotation_rate_y rotation_rate_z user_acceleration_x user_acceleration_y "
    "user_acceleration_z location_type latitude_distance_from_mean longitude_distance_from_mean "
    "altitude_distance_from_mean course speed horizontal_accuracy vertical_accuracy battery_state user_activity_label"
).split()

TURNED = ("pitch", "roll", "rotationRateX", "rotationRateY", "userAccelerationX", "userAccelerationY")
"""Fields that change their sign when the device is turned about the axis through its face."""


def read_recordings(spark: SparkSession, path: str, schema: FeatureSchema) -> DataFrame:
    """
    One row a sample: person (the file's name), stamp (ms since the epoch; null where unreadable), label, and the
    schema's fields as double. Stamps are taken as UTC.
    """
    texts = StructType([StructField(name, StringType()) for name in COLUMNS])
    # Of the two header rows Spark skips the first; the second holds types, "dt" for the stamp.
    rows = spark.read.csv(path, schema=texts, header=True, enforceSchema=False).where(F.col("stamp") != "dt")
    person = F.regexp_extract(F.input_file_name(), r"([^/]+?)\.csv(\.gz)?$", 1)
    return rows.select(
        F.when(person != "", person).alias("person"),
        F.unix_millis(F.col("stamp").cast("timestamp")).alias("stamp"),
        F.col("user_activity_label").alias("label"),
        *(F.col(_column(field)).cast("double").alias(field) for field in schema.fields),
    )


def labelled_windows(samples: DataFrame, schema: FeatureSchema) -> DataFrame:
    """
    Hopping windows as the stream cuts them: [start, start + size), start a multiple of the advance since the epoch.

    One row a window: person, start, label (null unless its samples share one), samples (sorted by time).
    """
    size, advance = (round(seconds * 1000) for seconds in (schema.seconds, schema.advance_seconds))
    newest = F.col("stamp") - F.pmod(F.col("stamp"), F.lit(advance))
    starts = F.filter(
        F.sequence(newest - (size // advance) * advance, newest, F.lit(advance)),
        lambda start: start > F.col("stamp") - size,
    )
    sample = F.struct(F.col("stamp"), *(F.col(field) for field in schema.fields))
    return (
        samples.where(F.col("stamp").isNotNull())
        .withColumn("start", F.explode(starts))
        .groupBy("person", "start")
        .agg(
            # Not count_distinct, for which Spark would send every sample twice.
            F.when((F.min("label") == F.max("label")) & (F.count("label") == F.count("*")), F.min("label")).alias("label"),
            F.sort_array(F.collect_list(sample)).alias("samples"),
        )
    )


def window_features(windows: DataFrame, schema: FeatureSchema) -> DataFrame:
    """
    person, start, label, turned, features (float32, schema.width of them): of each window as it was worn, and (turned) as it
    would have been on the other wrist, half a turn about the axis through the watch's face.

    Those turned are to train with, and never to measure by.
    """

    def compute(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            times, columns = _padded(schema, batch.column("start"), batch.column("samples"))
            other = {field: -values if field in TURNED else values for field, values in columns.items()}
            for is_turned, way in ((False, columns), (True, other)):
                vectors = extract(schema, times, way).astype(np.float32)
                features = pa.FixedSizeListArray.from_arrays(vectors.ravel(), schema.width).cast(pa.list_(pa.float32()))
                own = [batch.column(name) for name in ("person", "start", "label")]
                yield pa.RecordBatch.from_arrays(
                    [*own, pa.array(np.full(batch.num_rows, is_turned)), features],
                    names=["person", "start", "label", "turned", "features"],
                )

    return windows.mapInArrow(compute, "person string, start long, label string, turned boolean, features array<float>")


def read_features(spark: SparkSession, address: str, schema_hash: str) -> DataFrame:
    """
    person, start, label, turned, features: what extract_features.py wrote of one feature schema.

    @raises SystemExit if there is nothing of it
    """
    try:
        windows = spark.read.parquet(f"{address}/schema={schema_hash}")
    except AnalysisException as cause:
        raise SystemExit(f"{address} holds no features of the schema {schema_hash}: {cause.desc}") from cause
    return windows.select(F.col("person").cast("string").alias("person"), "start", "label", "turned", "features")


def read_samples(spark: SparkSession, store: str, schema_hash: str) -> DataFrame:
    """
    person, start, label, turned, features: windows that people labelled, of a feature store (processors/feature-store).

    Of each window its last annotation counts, if it is a label; the random arm is left out, which measures.

    @raises SystemExit if it is no feature store
    """
    try:
        commits = spark.read.text(f"{store}/commits", wholetext=True, recursiveFileLookup=True).collect()
    except AnalysisException as cause:
        raise SystemExit(f"{store} is no feature store, or an empty one: {cause.desc}") from cause
    files = [file for row in commits for file in json.loads(row["value"])["files"] if f"features={schema_hash}/" in file]
    if not files:
        return spark.createDataFrame([], "person string, start long, label string, turned boolean, features array<float>")
    rows = spark.read.parquet(*(f"{store}/{file}" for file in files))
    order = Window.partitionBy("device_id", "window_start").orderBy(F.desc("annotated_at"), F.desc("offset"))
    return (
        rows.withColumn("place", F.row_number().over(order))
        .where("place = 1 AND label IS NOT NULL AND arm = 'unsure'")
        .select(
            F.col("device_id").alias("person"),
            F.unix_millis("window_start").alias("start"),
            "label",
            F.lit(False).alias("turned"),
            "features",
        )
    )


def _padded(schema: FeatureSchema, starts: pa.Array, samples: pa.ListArray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """As `extract` takes them."""
    offsets = samples.offsets.to_numpy()
    lengths = np.diff(offsets)
    rows = np.repeat(np.arange(len(lengths)), lengths)
    positions = np.arange(offsets[0], offsets[-1]) - np.repeat(offsets[:-1], lengths)

    def padded(values: np.ndarray) -> np.ndarray:
        result = np.full((len(lengths), lengths.max(initial=1)), np.nan)
        result[rows, positions] = values
        return result

    cells = samples.flatten()
    stamps = cells.field("stamp").to_numpy(zero_copy_only=False)
    times = padded(stamps - np.repeat(starts.to_numpy(), lengths))
    return times, {field: padded(_doubles(cells.field(field))) for field in schema.fields}


def _doubles(column: pa.Array) -> np.ndarray:
    return column.cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False)


def field_name(column: str) -> str:
    """rotation_rate_x in the files is rotationRateX in the schemas."""
    head, *tail = column.split("_")
    return head + "".join(word.capitalize() for word in tail)


def _column(field: str) -> str:
    """rotationRateX in the schemas is rotation_rate_x in the files."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in field)
