"""What a job says: progress for people, and its report as JSON at any address Hadoop knows (file:, s3:)."""

import json
import sys
import time

from pyspark.sql import SparkSession


def say(text: str) -> None:
    """A line of progress."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def write_json(spark: SparkSession, address: str, value: object, indent: int = 2) -> None:
    write_bytes(spark, address, json.dumps(value, indent=indent, ensure_ascii=False).encode() + b"\n")


def write_bytes(spark: SparkSession, address: str, content: bytes) -> None:
    """Through Hadoop's file systems, because the driver may run on a cluster and the address may be in S3."""
    jvm = spark.sparkContext._jvm
    path = jvm.org.apache.hadoop.fs.Path(address)
    files = path.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration())
    files.setWriteChecksum(False)  # a local disk would get a .crc file beside it
    out = files.create(path, True)
    try:
        out.write(bytearray(content))
    finally:
        out.close()


def read_json(spark: SparkSession, address: str) -> object:
    """A JSON document of at most a few MB, from any address Hadoop knows."""
    rows = spark.read.text(address, wholetext=True).collect()
    return json.loads(rows[0]["value"])
