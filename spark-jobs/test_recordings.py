import datetime
import gzip
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.parity import features_of
from features.schema import load_schema
from recordings import COLUMNS, TURNED, labelled_windows, read_recordings, read_samples, window_features

SCHEMA = load_schema()
START = datetime.datetime(2020, 3, 2, 9, tzinfo=datetime.UTC)


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """20 s of a generated person: walking, then nobody says, one unreadable stamp, one empty cell."""
    random = np.random.default_rng(5)
    lines = [",".join(COLUMNS), ",".join(["dt", *"f" * 18, "s"])]
    for index in range(200):
        stamp = (START + datetime.timedelta(milliseconds=100 * index)).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        motion = [f"{value:.4f}" for value in random.standard_normal(9)]
        if index == 7:
            motion[3] = ""
        label = "walking" if index < 100 else ""
        lines.append(",".join(["soon" if index == 150 else stamp, *motion, *[""] * 8, "unplugged", label]))
    folder = tmp_path_factory.mktemp("recordings")
    with gzip.open(folder / "someone.p1.csv.gz", "wt") as file:
        file.write("\n".join(lines) + "\n")
    return str(folder)


def test_samples_are_read_with_their_gaps(spark, recording):
    rows = read_recordings(spark, recording, SCHEMA).collect()
    assert len(rows) == 200
    assert {row["person"] for row in rows} == {"someone.p1"}
    assert [row["stamp"] is None for row in rows].index(True) == 150
    assert rows[7]["rotationRateX"] is None
    assert rows[0]["stamp"] == START.timestamp() * 1000


def test_windows_are_those_of_the_stream(spark, recording):
    windows = labelled_windows(read_recordings(spark, recording, SCHEMA), SCHEMA).orderBy("start").collect()
    size, advance = SCHEMA.seconds, SCHEMA.advance_seconds
    begin = START.timestamp()
    assert [row["start"] / 1000 - begin for row in windows] == list(np.arange(-advance, 20, advance))
    for row in windows:
        stamps = [sample["stamp"] / 1000 for sample in row["samples"]]
        assert stamps == sorted(stamps)
        assert all(row["start"] / 1000 <= stamp < row["start"] / 1000 + size for stamp in stamps)
    assert [len(row["samples"]) for row in windows] == [25, 50, 50, 50, 50, 50, 49, 49, 25]
    # The window from 7.5 s on holds walking and nothing: no label.
    assert [row["label"] for row in windows] == ["walking"] * 4 + [None] * 5


def test_features_are_those_of_the_windows(spark, recording):
    windows = labelled_windows(read_recordings(spark, recording, SCHEMA), SCHEMA)
    computed = {(row["start"], row["turned"]): row["features"] for row in window_features(windows, SCHEMA).collect()}
    assert len(computed) == 2 * windows.count()
    for row in windows.collect():
        stamps = [sample["stamp"] for sample in row["samples"]]
        columns = {field: [sample[field] for sample in row["samples"]] for field in SCHEMA.fields}
        other = {field: [_negative(value) if field in TURNED else value for value in columns[field]] for field in columns}
        for way, is_turned in ((columns, False), (other, True)):
            [expected] = features_of(SCHEMA, [{"start": row["start"], "timestamps": stamps, "columns": way}])
            np.testing.assert_allclose(computed[row["start"], is_turned], expected, rtol=1e-5, atol=1e-5)


def _negative(value):
    return None if value is None else -value


def test_samples_are_the_last_labels_of_windows_that_people_were_asked_about(spark, tmp_path):
    def row(device, start, at, label, arm="unsure"):
        instant = datetime.datetime.fromtimestamp(start / 1000, datetime.UTC)
        return {
            "device_id": device,
            "window_start": instant,
            "annotated_at": datetime.datetime.fromtimestamp(at, datetime.UTC),
            "label": label,
            "arm": arm,
            "features": [0.5, float(at)],
            "offset": at,
        }

    def commit(name, schema_hash, rows, named=True):
        folder = tmp_path / "data" / f"features={schema_hash}" / "day=2026-01-31"
        folder.mkdir(parents=True, exist_ok=True)
        times = pa.timestamp("ms", tz="UTC")
        fields = {"window_start": times, "annotated_at": times, "features": pa.list_(pa.float32()), "offset": pa.int64()}
        types = [(key, fields.get(key, pa.string())) for key in rows[0]]
        pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema(types)), folder / f"{name}.parquet")
        if named:
            commits = tmp_path / "commits" / "log" / "0"
            commits.mkdir(parents=True, exist_ok=True)
            file = f"data/features={schema_hash}/day=2026-01-31/{name}.parquet"
            (commits / f"{name}.json").write_text(json.dumps({"next": 9, "files": [file], "rows": len(rows)}))

    commit("0", "abc", [row("anna", 5000, 1, "walking"), row("bert", 5000, 2, "sitting"), row("carl", 0, 3, "jogging", "random")])
    commit("1", "abc", [row("anna", 5000, 4, "sitting"), row("bert", 5000, 5, None)])
    commit("2", "other", [row("dora", 0, 6, "walking")])
    commit("3", "abc", [row("emil", 0, 7, "walking")], named=False)
    found = [tuple(each) for each in read_samples(spark, str(tmp_path), "abc").collect()]
    assert found == [("anna", 5000, "sitting", False, [0.5, 4.0])]
    assert read_samples(spark, str(tmp_path), "none").count() == 0
    with pytest.raises(SystemExit, match="is no feature store"):
        read_samples(spark, str(tmp_path / "nowhere"), "abc")
