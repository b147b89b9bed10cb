import base64
import json
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

import descriptive_statistics as statistics
from recordings import COLUMNS

BLOCK = 64


def signals(seed, samples=6000):
    """Pitch, roll and six channels of motion, correlated, with a rhythm, a drift and bursts."""
    random = np.random.default_rng(seed)
    t = np.arange(samples) / statistics.RATE
    burst = np.exp(0.5 * np.sin(2 * np.pi * 0.3 * t))
    motion = random.normal(size=(samples, 6)) @ random.normal(size=(6, 6)) * 0.2
    motion += np.outer(np.sin(2 * np.pi * 1.7 * t), random.normal(size=6))
    pitch, roll = 0.4 + 0.1 * np.sin(2 * np.pi * 0.2 * t), 3.1 + 0.2 * np.sin(2 * np.pi * 0.5 * t)
    return np.column_stack([pitch, (roll + np.pi) % (2 * np.pi) - np.pi, motion * burst[:, None] + 0.3])


def activity(samples):
    result = statistics.Activity(BLOCK, 1)
    result.add(np.concatenate([samples[:, 2:], statistics.gravity(samples[:, 0], samples[:, 1])], axis=1))
    return result


def test_gravity_does_not_jump_where_roll_wraps():
    before, after = statistics.gravity(np.array([0.3, 0.3]), np.array([np.pi - 1e-6, -np.pi + 1e-6]))
    np.testing.assert_allclose(before, after, atol=1e-5)


def test_mean_and_covariance_are_those_of_the_samples():
    samples = signals(1)
    samples[100, 3] = np.nan
    whole = np.delete(samples, 100, axis=0)
    whole = np.concatenate([whole[:, 2:], statistics.gravity(whole[:, 0], whole[:, 1])], axis=1)
    found = activity(samples)
    np.testing.assert_allclose(found.mean, whole.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(found.covariance, np.cov(whole.T, bias=True), atol=1e-12)


def test_spectrum_of_a_cosine_is_its_amplitude_and_phase():
    n = np.arange(BLOCK)
    stretch = np.zeros((BLOCK, 9))
    stretch[:, 6] = 3 + 2 * np.cos(2 * np.pi * 9 * n / BLOCK + 0.7)
    mean, amplitudes = statistics.spectrum(stretch, np.ones(6))
    assert mean[6] == pytest.approx(3)
    power = np.abs(amplitudes[:, 1 + 6]) ** 2 / 2
    assert power.sum() == pytest.approx(2, rel=1e-3)  # 2 squared, halved
    assert np.argmax(power) == 9 - 1


def test_transport_turns_one_covariance_into_the_other():
    random = np.random.default_rng(3)
    source, target = (np.cov(random.normal(size=(50, 4)).T @ np.eye(50)) for _ in range(2))
    matrix = statistics.transport(source, target)
    np.testing.assert_allclose(matrix, matrix.T)
    np.testing.assert_allclose(matrix @ source @ matrix.T, target, rtol=1e-3, atol=1e-3)


def test_templates_synthesise_the_mean_and_covariance():
    found = activity(signals(2))
    random = np.random.default_rng(5)
    made = np.concatenate([statistics.synthesise(*t, random, 400) for t in statistics.templates(found, 3)])
    scale = np.sqrt(np.diag(found.covariance))
    np.testing.assert_allclose((made.mean(axis=0) - found.mean) / scale, 0, atol=0.1)
    motion = slice(statistics.MOTIONS)
    relative = (np.cov(made.T) - found.covariance) / np.outer(scale, scale)
    np.testing.assert_allclose(relative[motion, motion], 0, atol=0.15)


def test_a_template_does_not_know_when_things_happened():
    samples = activity(signals(4)).stretches[0]
    shifted = np.roll(samples, 20, axis=0)  # another moment, the same spectrum but for the taper
    taken = [statistics.encode(*statistics.spectrum(s, np.ones(6))) for s in (samples, shifted)]
    sizes = [np.frombuffer(base64.b64decode(t["amplitude"]), np.uint8).astype(float) for t in taken]
    assert len(sizes[0]) == 10 * (BLOCK // 2 - 1)
    assert all(len(base64.b64decode(t["phase"])) == 9 * (BLOCK // 2 - 1) for t in taken)
    assert np.median(np.abs(sizes[0] - sizes[1])) * statistics.DECIBEL < 6


def test_stays_end_at_gaps_and_labels():
    row = lambda label, t: ("w1", label, t, *[0.0] * 8)
    rows = [row("a", 0.0), row("a", 0.1), row("b", 0.2), row("b", 30.2), row(None, 30.3), row("b", 30.4)]
    runs = [(label, len(samples)) for label, samples in statistics.stretches(rows)]
    assert runs == [("a", 2), ("b", 1), ("b", 1), (None, 1), ("b", 1)]
    [(device, _, stays, follows)] = statistics.summarise(iter(rows), BLOCK, 1, 1)
    assert device == "w1"
    assert follows == [(("a", "b"), 1)]
    assert [label for label, _ in stays] == ["a", "b", "b"]


@pytest.fixture(scope="module")
def spark():
    session = (
        SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", 1)
        # The workers import the job by its name, wherever the tests are started.
        .config("spark.executorEnv.PYTHONPATH", str(Path(__file__).parent))
        .getOrCreate()
    )
    yield session
    session.stop()


def write_recording(path, seed):
    names = ",".join(COLUMNS)
    rows = [names, "dt," + ",".join("s" if c in (*statistics.TEXTS, "user_activity_label") else "f" for c in COLUMNS[1:])]
    for half, label in enumerate(("rest", "run")):
        for i, (pitch, roll, *motion) in enumerate(signals(seed + half, 400)):
            t = half * 60 + i / 10
            stamp = f"2024-05-01 10:{int(t // 60):02d}:{t % 60:06.3f}"
            yaw = "" if i % 4 == 0 else "0.5"
            cells = [stamp, yaw, *(f"{v:.4f}" for v in (pitch, roll, *motion)), *[""] * 8, "unplugged", label]
            rows.append(",".join(cells))
    path.write_text("\n".join(rows) + "\n")


def test_profile_of_a_directory(spark, tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    for person in (1, 2, 3):
        write_recording(tmp_path / "in" / f"w.p{person}.csv", 10 * person)
    arguments = f"--recordings {tmp_path}/in --profile {tmp_path}/out.json --name made --source generated --people 2"
    monkeypatch.setattr("sys.argv", ["descriptive_statistics.py", *arguments.split()])
    monkeypatch.setattr(spark, "stop", lambda: None)
    statistics.main()
    profile = json.loads((tmp_path / "out.json").read_text())
    assert profile["lineage"]["rows"] == "2400"
    assert profile["labels"] == ["rest", "run"]
    assert [person["id"] for person in profile["people"]] == ["w.p1", "w.p3"]
    assert profile["missing"]["yaw"] == 0.25
    assert profile["missing"]["speed"] == 1
    assert profile["texts"]["batteryState"] == {"unplugged": 1}
    assert profile["dwell"]["run"] == {"mean": 40, "std": 0}
    assert profile["transitions"] == {"rest": {"run": 1}, "run": {}}
    assert len(profile["people"][0]["activities"]["rest"]["templates"]) == 3
