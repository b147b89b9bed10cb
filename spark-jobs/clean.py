"""
Recordings in the CASAS smartwatch format (two header rows, sparse labels) to clean readings in Parquet.

    spark-submit spark-jobs/clean.py --recordings DIR --out DIR --report FILE [--labels labels/casas.csv] [--timezone ZONE]

Every row of every file becomes one row of OUT/readings (by person and day) or one of OUT/quarantine (the row as it stands,
with the reason): the job fails if they do not add up. Addresses are any that Hadoop knows (file:, s3:). What is in OUT
already is replaced.
"""

import argparse
import datetime
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from recordings import COLUMNS, field_name
from report import say, write_json

TEXTS = ("location_type", "battery_state", "user_activity_label")
NUMBERS = tuple(column for column in COLUMNS if column not in (*TEXTS, "stamp"))
TYPES = ",".join("dt" if column == "stamp" else "s" if column in TEXTS else "f" for column in COLUMNS)
REQUIRED = NUMBERS[:9]
"""The motion columns: a row without one of them is no reading."""
RANGES = {
    **dict.fromkeys(NUMBERS, (-1e9, 1e9)),
    **dict.fromkeys(("yaw", "pitch", "roll"), (-3.15, 3.15)),
    **dict.fromkeys(("rotation_rate_x", "rotation_rate_y", "rotation_rate_z"), (-100, 100)),
    **dict.fromkeys(("user_acceleration_x", "user_acceleration_y", "user_acceleration_z"), (-50, 50)),
    **dict.fromkeys(("latitude_distance_from_mean", "longitude_distance_from_mean"), (-360, 360)),
    "course": (-1, 360),
}
"""Inclusive; rad, rad/s, G, degrees. A watch says -1 for a course that it does not know."""
EARLIEST = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC).timestamp() * 1000
DAY = 86_400_000
BACKFILL = 300_000
"""Milliseconds before a prompt's answer that its label holds for."""
STAMP = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,9})?$"
DECIMAL = r"^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$"
_STAMP, _DECIMAL = (pattern.strip("^$") for pattern in (STAMP, DECIMAL))
USUAL = (
    f"^{_STAMP}"
    + f",{_DECIMAL}" * len(REQUIRED)
    + "".join(r',[^,"]*' if column in TEXTS else f",(?:{_DECIMAL})?" for column in COLUMNS[1 + len(REQUIRED) :])
    + "$"
)
"""A row with nothing to find fault with but the size of its numbers: one look, instead of one at each cell."""
NOT_FINITE = r"(?i)^[-+]?(?:nan|inf|infinity)$"


@dataclass(frozen=True)
class RecordingFile:
    name: str
    unpacked: int | None
    """Bytes modulo 2^32, as the end of a .gz says; None for a plain file."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Clean recordings: CASAS files to Parquet by person and day.")
    parser.add_argument("--recordings", required=True, help="directory of .csv and .csv.gz files, one person per file")
    parser.add_argument("--out", required=True, help="gets readings/ and quarantine/; what is there is replaced")
    parser.add_argument("--report", required=True, help="the JSON report to write")
    parser.add_argument("--labels", help="CSV with the columns raw and class; without it labels stay as they are")
    parser.add_argument("--timezone", default="UTC", help="IANA zone of the stamps")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    spark = SparkSession.builder.appName("clean recordings").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    spark.conf.set("spark.sql.session.timeZone", options.timezone)
    spark.conf.set("spark.sql.ansi.enabled", "false")
    report = clean(spark, options.recordings, options.out, options.labels)
    write_json(spark, options.report, report)
    say(f"{report['rowsIn']} rows in = {report['rowsOut']} readings + {report['rowsQuarantined']} quarantined")
    if report["labelsWithoutClass"]:
        unknown = ", ".join(f"{label} {count}" for label, count in report["labelsWithoutClass"].items())
        say(f"without a label, since the table has no class for what their wearers said: {unknown}")
    spark.stop()


def clean(spark: SparkSession, recordings: str, out: str, labels: str | None) -> dict:
    """Does the work; answers with the report. @raises SystemExit for files that are no recordings"""
    files = inspect(spark, recordings)
    say(f"{len(files)} recordings in {recordings}")
    lines = read_lines(spark, recordings)
    counted = {
        row["file"]: row
        for row in lines.groupBy("file").agg(F.count_if("data").alias("rows"), F.sum("bytes").alias("bytes")).collect()
    }
    rows_in = sum(row["rows"] for row in counted.values())
    say(f"{rows_in} rows")

    rows = parse(lines.where("data"), int(datetime.datetime.now(datetime.UTC).timestamp() * 1000))
    quarantine = rows.where(F.col("fault").isNotNull()).select(
        "person", "file", F.col("fault.code").alias("reason"), F.col("fault.text").alias("detail"), "line"
    )
    quarantine.write.mode("overwrite").parquet(f"{out}/quarantine")
    readings = with_labels(rows.where(F.col("fault").isNull()), label_table(spark, labels))
    readings.write.mode("overwrite").partitionBy("person", "day").parquet(f"{out}/readings")

    written, quarantined = (spark.read.parquet(f"{out}/{name}") for name in ("readings", "quarantine"))
    reasons = {row["reason"]: row["count"] for row in quarantined.groupBy("reason").count().orderBy("reason").collect()}
    per_person = {row["person"]: row["count"] for row in written.groupBy("person").count().orderBy("person").collect()}
    rows_out, rows_quarantined = sum(per_person.values()), sum(reasons.values())
    if rows_in != rows_out + rows_quarantined:
        raise RuntimeError(f"{rows_in} rows came in, {rows_out} went out and {rows_quarantined} were quarantined.")
    return {
        "files": len(files),
        "rowsIn": rows_in,
        "rowsOut": rows_out,
        "rowsQuarantined": rows_quarantined,
        "quarantinedByReason": reasons,
        "readingsByPerson": per_person,
        "readingsByLabel": count_by(written.where("label IS NOT NULL"), "label"),
        "readingsWithoutLabel": written.where("label IS NULL").count(),
        "labelsWithoutClass": count_by(written.where("raw_label IS NOT NULL AND label IS NULL"), "raw_label"),
        "damagedFiles": damaged(files, counted),
    }


def inspect(spark: SparkSession, directory: str) -> list[RecordingFile]:
    """The recordings of a directory. @raises SystemExit, naming the first file whose two header rows are not those of one"""
    jvm, hadoop = spark.sparkContext._jvm, spark.sparkContext._jsc.hadoopConfiguration()
    root = jvm.org.apache.hadoop.fs.Path(directory)
    file_system = root.getFileSystem(hadoop)
    if not file_system.exists(root):
        raise SystemExit(f"{directory} does not exist.")
    paths = [status.getPath() for status in file_system.listStatus(root) if status.isFile()]
    codecs = jvm.org.apache.hadoop.io.compress.CompressionCodecFactory(hadoop)
    files = []
    for path in sorted(paths, key=lambda path: path.toString()):
        address = path.toString()
        if not address.endswith((".csv", ".csv.gz")):
            continue
        packed = codecs.getCodec(path)
        stream = file_system.open(path)
        try:
            unpacked = gzip_size(jvm, file_system, path) if packed else None
            stream = packed.createInputStream(stream) if packed else stream
            reader = jvm.java.io.BufferedReader(jvm.java.io.InputStreamReader(stream, "UTF-8"))
            header = [(reader.readLine() or "").removeprefix("\ufeff") for _ in range(2)]
        except Exception as cause:
            raise SystemExit(f"{address} is not a recording: it cannot be read ({cause}).") from cause
        finally:
            stream.close()
        if header != [",".join(COLUMNS), TYPES]:
            raise SystemExit(f"{address} is not a recording: its first two rows do not name 20 columns and their types.")
        files.append(RecordingFile(path.getName(), unpacked))
    if not files:
        raise SystemExit(f"{directory} holds no .csv or .csv.gz file.")
    return files


def gzip_size(jvm, file_system, path) -> int | None:
    """The last four bytes of a gzip file: what it unpacks to, modulo 2^32 (RFC 1952)."""
    stream = file_system.open(path)
    try:
        stream.seek(max(0, file_system.getFileStatus(path).getLen() - 4))
        return jvm.java.lang.Integer.reverseBytes(stream.readInt()) % 2**32
    finally:
        stream.close()


def damaged(files: list[RecordingFile], counted: dict) -> dict[str, str]:
    """Files that cannot be read to their end, and how far they went. A .gz of several parts counts as one of them."""
    found = {}
    for file in files:
        row = counted.get(file.name)
        read = row["bytes"] if row else 0
        # A byte order mark is not counted; a line end after the last row may not be there.
        if file.unpacked is not None and (file.unpacked - read + 1) % 2**32 > 4:
            found[file.name] = f"{read} bytes could be read; by its last bytes it has {file.unpacked}"
    return found


def read_lines(spark: SparkSession, directory: str) -> DataFrame:
    """
    person, file, line (without its end), bytes (with it), data (whether it is a row, not a header or blank).

    What a damaged file holds before the damage is read.
    """
    lines = (
        spark.read.option("lineSep", "\n")
        .option("pathGlobFilter", "*.{csv,csv.gz}")
        .option("ignoreCorruptFiles", "true")
        .text(directory)
    )
    line = F.regexp_replace("value", "^\ufeff|\r$", "")
    return lines.select(
        F.regexp_extract(F.input_file_name(), r"([^/]+?)\.csv(\.gz)?$", 1).alias("person"),
        F.element_at(F.split(F.input_file_name(), "/"), -1).alias("file"),
        line.alias("line"),
        (F.octet_length("value") + 1).alias("bytes"),
        (~line.isin("", ",".join(COLUMNS), TYPES)).alias("data"),
    )


def parse(lines: DataFrame, now: int) -> DataFrame:
    """
    person, file, line, stamp (ms since the epoch), day, the other columns by their names in SensorReading.avsc, and fault
    (code, text): null for a usable reading, else the first thing that is wrong with it. `now` in ms since the epoch.
    """
    strings = ", ".join(f"{column} string" for column in (*COLUMNS, "miscounted"))
    form = {"columnNameOfCorruptRecord": "miscounted", "escape": '"', "mode": "PERMISSIVE"}
    cells = lines.select("person", "file", "line", F.from_csv("line", strings, form).alias("cells"))
    cell = {column: F.col(f"cells.{column}") for column in COLUMNS}
    stamp = F.when(cell["stamp"].rlike(STAMP), F.unix_millis(cell["stamp"].cast("timestamp")))
    faults = [
        fault("ROW_CELLS_MISCOUNTED", F.col("cells.miscounted").isNotNull(), F.lit(f"it has not {len(COLUMNS)} cells")),
        fault("ROW_STAMP_INVALID", stamp.isNull(), said("stamp", cell["stamp"])),
        fault("ROW_STAMP_ABSURD", (stamp < EARLIEST) | (stamp > now + DAY), said("stamp", cell["stamp"])),
        *(wrong for column in NUMBERS for wrong in number_faults(column, cell[column])),
    ]
    odd = ~F.col("line").rlike(USUAL) | ~F.coalesce(stamp.between(EARLIEST, now + DAY), F.lit(False))
    for column, (low, high) in RANGES.items():
        odd |= ~F.coalesce(cell[column].cast("double").between(low, high), F.lit(column not in REQUIRED))
    return cells.select(
        "person",
        "file",
        "line",
        stamp.alias("stamp"),
        F.substring(cell["stamp"], 1, 10).alias("day"),
        *(cell[column].cast("double").alias(field_name(column)) for column in NUMBERS),
        *(cell[column].alias(field_name(column)) for column in TEXTS),
        F.when(odd, F.coalesce(*faults)).alias("fault"),
    )


def number_faults(column: str, cell: Column) -> list[Column]:
    low, high = RANGES[column]
    value = cell.cast("double")
    faults = [
        fault("ROW_NUMBER_NOT_FINITE", cell.rlike(NOT_FINITE), said(column, cell)),
        fault("ROW_NUMBER_INVALID", cell.isNotNull() & ~cell.rlike(DECIMAL), said(column, cell)),
        fault("ROW_NUMBER_OUT_OF_RANGE", (value < low) | (value > high), said(column, cell)),
    ]
    missing = fault("ROW_NUMBER_MISSING", cell.isNull(), F.lit(f"{column} is empty"))
    return [missing, *faults] if column in REQUIRED else faults


def fault(code: str, condition: Column, text: Column) -> Column:
    return F.when(condition, F.struct(F.lit(code).alias("code"), text.alias("text")))


def said(column: str, cell: Column) -> Column:
    return F.concat(F.lit(f"{column} is "), F.coalesce(F.substring(cell, 1, 40), F.lit("empty")))


def label_table(spark: SparkSession, address: str | None) -> dict[str, str] | None:
    """Raw label, spelled as `plain` does, → class; None if labels are to stay as they are."""
    if address is None:
        return None
    rows = spark.read.csv(address, schema="raw string, class string", header=True, enforceSchema=False).collect()
    return {row["raw"].strip().lower().replace("_", " "): row["class"] for row in rows}


def plain(raw: Column) -> Column:
    """Without regard to capitals, spaces around, and underscores for spaces: people's labels differ in these."""
    return F.translate(F.lower(F.trim(raw)), "_", " ")


def with_labels(rows: DataFrame, table: dict[str, str] | None) -> DataFrame:
    """
    Adds label and raw_label. A label that stands on one row alone, its neighbours having none, was asked for by a prompt and
    names what was done before: it holds for the readings of the 300 s before it too, as far as the prompt before.
    """
    by_time = Window.partitionBy("person").orderBy("stamp")
    backwards = Window.partitionBy("person").orderBy(F.desc("stamp"))
    own = F.col("userActivityLabel")
    alone = F.lag(own).over(by_time).isNull() & F.lead(own).over(by_time).isNull()
    answered = rows.withColumn("prompt", F.when(own.isNotNull(), F.struct("stamp", own.alias("label"), alone.alias("alone"))))
    following = answered.withColumn("prompt", F.last("prompt", ignorenulls=True).over(backwards))
    holds = F.col("prompt.alone") & (F.col("prompt.stamp") - F.col("stamp") <= BACKFILL)
    raw = F.coalesce(own, F.when(holds, F.col("prompt.label")))
    if table is None:
        label = raw
    else:
        pairs = [F.lit(text) for pair in table.items() for text in pair]
        label = F.element_at(F.create_map(*pairs), plain(raw))
    return following.select(
        "person",
        "day",
        "stamp",
        *(field_name(column) for column in COLUMNS if column not in ("stamp", "user_activity_label")),
        label.alias("label"),
        raw.alias("raw_label"),
    )


def count_by(frame: DataFrame, column: str) -> dict[str, int]:
    return {row[column]: row["count"] for row in frame.groupBy(column).count().orderBy(column).collect()}


if __name__ == "__main__":
    main()
