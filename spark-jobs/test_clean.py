import datetime
import gzip
from pathlib import Path

import pytest

from clean import TYPES, clean, label_table
from recordings import COLUMNS

START = datetime.datetime(2020, 3, 2, 9, tzinfo=datetime.UTC)
HEADER = [",".join(COLUMNS), TYPES]


def row(seconds, label="", **cells):
    """A row of a still watch, that many seconds after the start; cells by column name replace its own."""
    stamp = (START + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M:%S.%f")
    values = dict.fromkeys(COLUMNS, "") | dict.fromkeys(COLUMNS[1:10], "0.5") | {"stamp": stamp, "battery_state": "full"}
    return ",".join((values | {"user_activity_label": label} | cells).values())


def put(folder, name, rows, *, end="\n", mark="", cut=None):
    content = (mark + end.join([*HEADER, *rows]) + end).encode()
    packed = gzip.compress(content) if name.endswith(".gz") else content
    (folder / name).write_bytes(packed[:cut])


FAULTY = {
    "ROW_CELLS_MISCOUNTED": ["2020-03-02 09:00:00.000,1,2", row(1) + ",more"],
    "ROW_STAMP_INVALID": [row(2, stamp="soon"), row(2, stamp=""), row(2, stamp="2020-02-30 09:00:00.000")],
    "ROW_STAMP_ABSURD": [row(3, stamp="1970-01-01 00:00:00.000"), row(3, stamp="2199-01-01 00:00:00.000")],
    "ROW_NUMBER_INVALID": [row(4, yaw="west"), row(4, speed="fast"), row(4, pitch="1d")],
    "ROW_NUMBER_NOT_FINITE": [row(5, roll="nan"), row(5, user_acceleration_x="NaN"), row(5, speed="-inf")],
    "ROW_NUMBER_OUT_OF_RANGE": [row(6, yaw="4"), row(6, rotation_rate_z="-101"), row(6, user_acceleration_y="1e300")],
    "ROW_NUMBER_MISSING": [row(7, rotation_rate_x="")],
}
BAD = [text for texts in FAULTY.values() for text in texts]
ANSWERS = {400: " Eating ", 500: "Watch_TV", 900: "Juggling"}
BROKEN_ROWS = 20_000


@pytest.fixture(scope="module")
def cleaned(spark, tmp_path_factory):
    """The report on recordings of several people, each with a difficulty of their own, and a reader of what was written."""
    folder = tmp_path_factory.mktemp("clean")
    recordings = folder / "recordings"
    recordings.mkdir()
    quoted = row(12, user_activity_label='"watch TV, then ""rest"""')
    put(recordings, "faulty.csv", [row(10), *BAD, "", row(11, speed="1.5"), quoted])
    put(recordings, "prompted.csv.gz", [row(second, ANSWERS.get(second, "")) for second in range(0, 1001, 10)])
    put(recordings, "labelled.csv", [row(second, "walking" if second >= 20 else "") for second in range(40)])
    put(recordings, "sw1.p1.csv", [row(second) for second in range(10)])
    put(recordings, "sw1.p2.csv", [row(9.5), row(10.5, "Work"), row(86_400)])
    put(recordings, "marked.csv", [row(0), row(1, "Work")], end="\r\n", mark="\ufeff")
    put(recordings, "packed.csv.gz", [row(0), row(1, "Work")], end="\r\n", mark="\ufeff")
    broken = [row(second / 10, user_acceleration_x=f"{second % 977 / 1000}") for second in range(BROKEN_ROWS)]
    put(recordings, "broken.csv.gz", broken, cut=-5000)
    (recordings / "notes.txt").write_text("no recording\n")
    table = folder / "labels.csv"
    table.write_text("raw,class\neating,Eat\nwatch tv,Relax\nwork,Work\nwalking,Exercise\n")
    report = clean(spark, str(recordings), str(folder / "out"), str(table))

    def readings(person):
        return spark.read.parquet(f"{folder}/out/readings").where(f"person = '{person}'").orderBy("stamp").collect()

    return report, readings, folder


def seconds(reading):
    return (reading["stamp"] - START.timestamp() * 1000) / 1000


def test_the_counts_add_up(cleaned):
    report, _, _ = cleaned
    assert report["rowsIn"] == report["rowsOut"] + report["rowsQuarantined"]
    broken = report["readingsByPerson"].pop("broken")
    assert report["readingsByPerson"] == {
        "faulty": 3,
        "prompted": 101,
        "labelled": 40,
        "sw1.p1": 10,
        "sw1.p2": 3,
        "marked": 2,
        "packed": 2,
    }
    assert report["rowsOut"] == 161 + broken
    assert report["rowsOut"] == report["readingsWithoutLabel"] + sum(report["readingsByLabel"].values())


def test_each_faulty_row_is_quarantined_as_it_stands_with_its_reason(spark, cleaned):
    report, readings, folder = cleaned
    assert report["quarantinedByReason"] == {code: len(texts) for code, texts in sorted(FAULTY.items())}
    kept = spark.read.parquet(f"{folder}/out/quarantine").collect()
    assert sorted((each["reason"], each["line"]) for each in kept) == sorted(
        (code, text) for code, texts in FAULTY.items() for text in texts
    )
    assert next(each["detail"] for each in kept if each["line"] == FAULTY["ROW_NUMBER_INVALID"][0]) == "yaw is west"
    assert {(each["person"], each["file"]) for each in kept} == {("faulty", "faulty.csv")}
    first, second, third = readings("faulty")
    assert [seconds(each) for each in (first, second, third)] == [10, 11, 12]
    assert (first["speed"], second["speed"], first["batteryState"]) == (None, 1.5, "full")
    assert third["raw_label"] == 'watch TV, then "rest"'


def test_a_prompts_label_holds_for_the_five_minutes_before_it(cleaned):
    report, readings, _ = cleaned
    labelled = {label: [] for label in ("Eat", "Relax", None)}
    for each in readings("prompted"):
        labelled[each["label"]].append(seconds(each))
    assert labelled["Eat"] == list(range(100, 401, 10))
    assert labelled["Relax"] == list(range(410, 501, 10))
    assert report["labelsWithoutClass"] == {"Juggling": 31, 'watch TV, then "rest"': 3}


def test_each_class_of_the_casas_recordings_has_labels(spark):
    table = label_table(spark, str(Path(__file__).parent / "labels/casas.csv"))
    assert len(table) == 155
    assert set(table.values()) == set("Eat Errands Exercise Hobby Housework Hygiene Other Relax Sleep Socialize Travel Work".split())


def test_labels_on_every_row_are_not_carried_back(cleaned):
    _, readings, _ = cleaned
    assert [each["label"] for each in readings("labelled")] == [None] * 20 + ["Exercise"] * 20


def test_prompts_are_each_wearers_own(cleaned):
    _, readings, _ = cleaned
    assert [each["label"] for each in readings("sw1.p1")] == [None] * 10
    assert [each["label"] for each in readings("sw1.p2")] == ["Work", "Work", None]


def test_people_and_days_are_folders(cleaned):
    _, _, folder = cleaned
    days = sorted(path.name for path in (folder / "out/readings/person=sw1.p2").iterdir())
    assert days == ["day=2020-03-02", "day=2020-03-03"]


def test_a_byte_order_mark_and_windows_line_ends_are_no_fault(cleaned):
    _, readings, _ = cleaned
    for person in ("marked", "packed"):
        assert [(seconds(each), each["label"], each["yaw"]) for each in readings(person)] == [
            (0, "Work", 0.5),
            (1, "Work", 0.5),
        ]


def test_a_file_that_breaks_off_gives_what_came_before_and_is_named(cleaned):
    report, readings, _ = cleaned
    [(name, reason)] = report["damagedFiles"].items()
    assert name == "broken.csv.gz"
    assert "bytes could be read" in reason
    stamps = [seconds(each) for each in readings("broken")]
    assert BROKEN_ROWS / 10 < len(stamps) < BROKEN_ROWS
    assert stamps == [index / 10 for index in range(len(stamps))]


def test_what_is_no_recording_is_refused_before_anything_is_written(spark, tmp_path):
    out = str(tmp_path / "out")
    with pytest.raises(SystemExit, match=r"holds no \.csv"):
        clean(spark, str(tmp_path), out, None)
    put(tmp_path, "a.csv", [row(0)])
    (tmp_path / "b.csv").write_text("window,stamp,i\n0,2024-01-12,1\n")
    with pytest.raises(SystemExit, match=r"b\.csv is not a recording: its first two rows"):
        clean(spark, str(tmp_path), out, None)
    assert not (tmp_path / "out").exists()
    with pytest.raises(SystemExit, match="does not exist"):
        clean(spark, str(tmp_path / "nowhere"), out, None)


def test_a_run_replaces_what_the_one_before_wrote_and_labels_stay_without_a_table(spark, tmp_path):
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    put(recordings, "p1.csv", [row(0), row(1, yaw="west"), row(2, "Chess")])
    clean(spark, str(recordings), str(tmp_path / "out"), None)
    put(recordings, "p1.csv", [row(0), row(2, "Chess")])
    report = clean(spark, str(recordings), str(tmp_path / "out"), None)
    assert (report["rowsIn"], report["rowsOut"], report["rowsQuarantined"]) == (2, 2, 0)
    assert report["readingsByLabel"] == {"Chess": 2}
