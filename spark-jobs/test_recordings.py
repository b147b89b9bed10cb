import datetime
import gzip

import numpy as np
import pytest

from features.parity import features_of
from features.schema import load_schema
from recordings import COLUMNS, TURNED, labelled_windows, read_recordings, window_features

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
