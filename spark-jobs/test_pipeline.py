"""The jobs one after the other, each as it is run: recordings → clean → features → train → evaluate."""

import datetime
import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from clean import TYPES
from features.schema import load_schema
from recordings import COLUMNS

HERE = Path(__file__).parent
START = datetime.datetime(2020, 3, 2, 9, tzinfo=datetime.UTC)
PEOPLE, SECONDS = 3, 60
MINUTES = 10
"""In which a job must have ended."""
MOTION = {"resting": (0.0, 0.02), "walking": (1.8, 0.3), "jogging": (2.7, 1.0)}
"""Hz and G, of the steps."""


def recording(person):
    """Each activity for a minute, with a tempo of the person's own; one row is no reading."""
    random = np.random.default_rng(person)
    lines = [",".join(COLUMNS), TYPES]
    for part, (label, (hertz, strength)) in enumerate(MOTION.items()):
        tempo = hertz * random.uniform(0.95, 1.05)
        for tick in range(SECONDS * 10):
            at = part * SECONDS + tick / 10
            swing = strength * np.sin(2 * np.pi * tempo * at)
            motion = np.array([0.1, 0.2, -0.3, *(swing * np.array([2, 1, 0.5])), *(swing * np.array([1, 0.3, 0.6]))])
            cells = [f"{value:.4f}" for value in motion + 0.01 * random.standard_normal(9)]
            stamp = (START + datetime.timedelta(seconds=at)).strftime("%Y-%m-%d %H:%M:%S.%f")
            lines.append(",".join([stamp, *cells, *[""] * 8, "unplugged", label]))
    lines.append("broken")
    return "\n".join(lines) + "\n"


def run(job, *arguments):
    environment = os.environ | {"PYSPARK_PYTHON": sys.executable, "PYTHONPATH": str(HERE)}
    configuration = ["--master", "local[1]", "--conf", "spark.ui.enabled=false", "--conf", "spark.sql.shuffle.partitions=1"]
    command = [str(Path(sys.executable).parent / "spark-submit"), *configuration, str(HERE / f"{job}.py"), *map(str, arguments)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=MINUTES * 60)
    # spark-submit passes on what the job says as standard output.
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pipeline")
    (folder / "recordings").mkdir()
    for person in range(PEOPLE):
        (folder / f"recordings/p{person}.csv.gz").write_bytes(gzip.compress(recording(person).encode()))
    run("clean", "--recordings", folder / "recordings", "--out", folder / "clean", "--report", folder / "clean.json")
    readings = folder / "clean/readings"
    run("extract_features", "--readings", readings, "--out", folder / "features", "--report", folder / "features.json")
    given = ["--features", folder / "features", "--source", "generated", "--name", "test", "--version", "1.0.0"]
    given += ["--folds", PEOPLE, "--rounds", 5, "--depth", 2, "--turned", "--subset", "resting,walking"]
    run("train", *given, "--release", folder / "release.json", "--report", folder / "train.json")
    release = folder / "release.json"
    evaluation = ["--features", folder / "features", "--release", release]
    run("evaluate", *evaluation, "--report", folder / "evaluate.json")
    run("evaluate", *evaluation, "--classes", "walking,resting", "--report", folder / "two.json")
    return folder


def report(folder, name):
    return json.loads((folder / f"{name}.json").read_text())


def test_every_row_and_window_is_accounted_for(folder):
    cleaned, featured, trained, evaluated = (report(folder, name) for name in ("clean", "features", "train", "evaluate"))
    rows = PEOPLE * len(MOTION) * SECONDS * 10
    assert (cleaned["rowsIn"], cleaned["rowsOut"], cleaned["rowsQuarantined"]) == (rows + PEOPLE, rows, PEOPLE)
    assert featured["readings"] == rows
    # Of each person 73 windows, two of which lie across a change of activity.
    assert featured["windowsByPerson"] == {f"p{person}": 71 for person in range(PEOPLE)}
    assert featured["windowsWithoutOneLabel"] == 2 * PEOPLE
    assert trained["windowsByPerson"] == featured["windowsByPerson"]
    assert evaluated["metrics"]["windows"] == featured["windows"] == trained["metrics"]["windows"]


def test_features_lie_under_the_hash_of_their_schema(folder):
    assert report(folder, "features")["featureSchemaHash"] == load_schema().hash
    [only] = (folder / "features").iterdir()
    assert only.name == f"schema={load_schema().hash}"


def test_the_release_says_what_it_is_and_the_metrics_are_of_people_left_out(folder):
    release = report(folder, "release")
    assert release["labels"] == sorted(MOTION)
    assert release["featureSchemaHash"] == load_schema().hash
    assert len(release["probeFeatures"]) == load_schema().width
    assert release["lineage"]["people"] == "p0 p1 p2"
    assert release["metrics"]["people"] == PEOPLE
    assert release["metrics"]["macroF1"] > 0.8
    assert report(folder, "train")["onnxGreatestDifference"] < 1e-5


def test_the_evaluation_of_everybody_is_made_of_that_of_each(folder):
    evaluated = report(folder, "evaluate")
    metrics, per_person = evaluated["metrics"], evaluated["perPerson"]
    assert evaluated["release"] == "test@1.0.0"
    assert list(per_person) == ["p0", "p1", "p2"]
    assert metrics["accuracy"] > 0.9
    right = sum(each["accuracy"] * each["windows"] for each in per_person.values())
    assert right == pytest.approx(metrics["accuracy"] * metrics["windows"])
    assert np.sum(metrics["confusion"]["counts"]) == metrics["windows"]
    assert {label: each["windows"] for label, each in metrics["perClass"].items()} == report(folder, "features")["windowsByLabel"]


def test_some_classes_are_measured_alone(folder):
    trained, two, counts = report(folder, "train"), report(folder, "two"), report(folder, "features")["windowsByLabel"]
    assert trained["subset"]["windows"] == two["metrics"]["windows"] == counts["resting"] + counts["walking"]
    assert two["windowsWithOtherLabels"] == {"jogging": counts["jogging"]}
    assert two["metrics"]["confusion"]["labels"] == ["walking", "resting"]
    assert two["metrics"]["macroF1"] > 0.9
    release = report(folder, "release")
    assert release["metrics"]["subsetMacroF1"] == pytest.approx(trained["subset"]["macroF1"], abs=1e-5)
    assert release["lineage"]["subset"] == "resting walking"


def test_features_of_another_schema_are_refused(folder):
    release = report(folder, "release") | {"featureSchemaHash": "0" * 16}
    (folder / "foreign.json").write_text(json.dumps(release))
    given = ["--features", folder / "features", "--release", folder / "foreign.json", "--report", folder / "none.json"]
    with pytest.raises(AssertionError, match="holds no features of the schema 0000000000000000"):
        run("evaluate", *given)
