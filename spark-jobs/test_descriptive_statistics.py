import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

import activity
import descriptive_statistics as job
import generator_profile
import surrogates
from recordings import COLUMNS

BLOCK = 64


def signals(seed, samples=6000):
    """Pitch, roll and six channels of motion, correlated, with a rhythm, a drift and bursts."""
    random = np.random.default_rng(seed)
    t = np.arange(samples) / activity.RATE
    burst = np.exp(0.5 * np.sin(2 * np.pi * 0.3 * t))
    motion = random.normal(size=(samples, 6)) @ random.normal(size=(6, 6)) * 0.2
    motion += np.outer(np.sin(2 * np.pi * 1.7 * t), random.normal(size=6))
    pitch, roll = 0.4 + 0.1 * np.sin(2 * np.pi * 0.2 * t), 3.1 + 0.2 * np.sin(2 * np.pi * 0.5 * t)
    return np.column_stack([pitch, (roll + np.pi) % (2 * np.pi) - np.pi, motion * burst[:, None] + 0.3])


def channels(samples):
    return np.concatenate([samples[:, 2:], activity.gravity(samples[:, 0], samples[:, 1])], axis=1)


def gathered(samples):
    result = activity.Activity(BLOCK, 1)
    result.add(channels(samples))
    return result


def test_gravity_does_not_jump_where_roll_wraps():
    before, after = activity.gravity(np.array([0.3, 0.3]), np.array([np.pi - 1e-6, -np.pi + 1e-6]))
    np.testing.assert_allclose(before, after, atol=1e-5)


def test_moments_and_quantiles_are_those_of_the_whole_samples():
    samples = signals(1)
    samples[100, 3] = np.nan
    whole = channels(np.delete(samples, 100, axis=0))
    found = activity.Activity(BLOCK, 1)
    for part in np.array_split(channels(samples), 7):
        found.add(part)
    assert found.rows == 6000
    np.testing.assert_allclose(found.mean, whole.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(found.covariance, np.cov(whole.T, bias=True), atol=1e-12)
    np.testing.assert_allclose(found.quantiles, np.quantile(whole, activity.LEVELS, axis=0).T, atol=1e-12)


def test_a_sample_is_drawn_evenly_and_bounded():
    sample = activity.Sample(1000, np.random.default_rng(1))
    for start in range(0, 50_000, 700):
        sample.add(np.arange(start, min(start + 700, 50_000)))
    assert len(sample.rows) == 1000
    assert len(set(sample.rows)) == 1000
    counts = np.histogram(sample.rows, bins=5, range=(0, 50_000))[0]
    assert counts.min() > 150


def test_spectrum_and_cross_spectrum_sum_up_to_the_covariance():
    found = gathered(signals(3))
    cross = found.cross_spectrum
    scale = np.sqrt(np.diag(found.covariance))
    np.testing.assert_allclose((cross.real.sum(axis=0) - found.covariance) / np.outer(scale, scale), 0, atol=0.1)
    np.testing.assert_allclose(cross, np.conj(np.swapaxes(cross, 1, 2)), atol=1e-12)


def test_phase_of_the_cross_spectrum_says_which_channel_is_ahead():
    n = np.arange(6400)
    samples = np.random.default_rng(1).normal(size=(6400, 9)) * 1e-3
    samples[:, 0] += np.cos(2 * np.pi * 9 * n / BLOCK)
    samples[:, 1] += np.cos(2 * np.pi * 9 * n / BLOCK + 0.7)
    found = activity.Activity(BLOCK, 1)
    found.add(samples)
    assert np.angle(found.cross_spectrum[9 - 1, 0, 1]) == pytest.approx(0.7, abs=0.01)


def test_spectrum_of_a_cosine_is_its_amplitude_and_phase():
    n = np.arange(BLOCK)
    stretch = np.zeros((BLOCK, 9))
    stretch[:, 6] = 3 + 2 * np.cos(2 * np.pi * 9 * n / BLOCK + 0.7)
    mean, amplitudes = surrogates.spectrum(stretch, np.ones(6))
    assert mean[6] == pytest.approx(3)
    power = np.abs(amplitudes[:, 1 + 6]) ** 2 / 2
    assert power.sum() == pytest.approx(2, rel=1e-3)  # 2 squared, halved
    assert np.argmax(power) == 9 - 1


def test_transport_turns_one_covariance_into_the_other():
    random = np.random.default_rng(3)
    source, target = (np.cov(random.normal(size=(50, 4)).T @ np.eye(50)) for _ in range(2))
    matrix = surrogates.transport(source, target)
    np.testing.assert_allclose(matrix, matrix.T)
    np.testing.assert_allclose(matrix @ source @ matrix.T, target, rtol=1e-3, atol=1e-3)


def test_templates_synthesise_the_mean_and_covariance():
    found = gathered(signals(2))
    random = np.random.default_rng(5)
    templates = found.templates(3)
    assert sum(template.weight for template in templates) == pytest.approx(1)
    made = [surrogates.synthesise(t, random, max(1, round(1200 * t.weight))) for t in templates]
    made = np.concatenate(made)
    scale = np.sqrt(np.diag(found.covariance))
    np.testing.assert_allclose((made.mean(axis=0) - found.mean) / scale, 0, atol=0.1)
    motion = slice(surrogates.MOTIONS)
    relative = (np.cov(made.T) - found.covariance) / np.outer(scale, scale)
    np.testing.assert_allclose(relative[motion, motion], 0, atol=0.15)


def test_chosen_stretches_stand_for_their_share():
    random = np.random.default_rng(1)
    still, lively = (random.normal(scale=scale, size=(BLOCK, 9)) for scale in (0.01, 2))
    stretches = [still + random.normal(scale=0.001, size=(BLOCK, 9)) for _ in range(30)]
    stretches += [lively + random.normal(scale=0.001, size=(BLOCK, 9)) for _ in range(10)]
    chosen = surrogates.choose(stretches, 2, random)
    assert sorted((weight, stretch.std() > 1) for weight, stretch in chosen) == [(0.25, True), (0.75, False)]
    assert len(surrogates.choose(stretches[:1] * 5, 4, random)) == 1


def test_a_template_does_not_know_when_things_happened():
    samples = channels(signals(4))[:BLOCK]
    shifted = np.roll(samples, 20, axis=0)  # another moment, the same spectrum but for the taper
    taken = []
    for stretch in (samples, shifted):
        mean, amplitudes = surrogates.spectrum(stretch, np.ones(6))
        template = {"weight": 1, "mean": mean, "real": amplitudes.T.real, "imaginary": amplitudes.T.imag}
        taken.append(generator_profile.encode_template(template))
    sizes = [[generator_profile.DIGITS.tolist().index(ord(c)) for c in t["amplitude"]] for t in taken]
    assert len(sizes[0]) == 10 * (BLOCK // 2 - 1)
    assert all(len(t["phase"]) == 9 * (BLOCK // 2 - 1) for t in taken)
    assert np.median(np.abs(np.subtract(*sizes))) < 6  # dB


def batches(rows, size):
    """Of rows (person, label, stamp): all cells are there but the texts, and every third yaw."""
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        columns = {
            "person": pa.array([person for person, _, _ in part]),
            "label": pa.array([label for _, label, _ in part], pa.string()),
            "stamp": pa.array([float(stamp) for _, _, stamp in part]),
        }
        for cell in job.CELLS:
            columns[cell] = pa.array([None if cell in job.TEXTS else 0.5] * len(part), pa.float64())
        columns["yaw"] = pa.array([None if (start + i) % 3 == 0 else 0.5 for i in range(len(part))], pa.float64())
        yield pa.RecordBatch.from_pydict(columns)


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_stays_end_at_gaps_and_labels_wherever_batches_end(size):
    rows = [("w1", "a", 0.0), ("w1", "a", 0.1), ("w1", "b", 0.2), ("w1", "b", 30.2), ("w1", None, 30.3), ("w1", "b", 30.4)]
    rows += [("w1", "a", 40), ("w2", "a", 41), ("w2", "a", 41.1), ("w2", "a", 41.2)]
    runs = [(person, label, len(cells)) for person, label, _, _, cells in job.runs(batches(rows, size))]
    assert runs == [
        *[("w1", "a", 2), ("w1", "b", 1), ("w1", "b", 1), ("w1", None, 1), ("w1", "b", 1), ("w1", "a", 1)],
        ("w2", "a", 3),
    ]
    first, second = ({a["label"]: a for a in person} for person in job.summarise(batches(rows, size), BLOCK, 1, 1))
    assert {label: (a["rows"], a["stays"], a["gaps"]) for label, a in first.items()} == {"a": (3, 2, 0), "b": (3, 3, 2)}
    assert first["a"]["next"] == [("b", 1)]
    assert first["b"]["next_after_gap"] == [("a", 1), ("b", 1)]
    assert first["b"]["gap"][0] == pytest.approx(9.6)
    assert first["b"]["gap"][-1] == pytest.approx(30)
    assert second["a"]["dwell"][0] == pytest.approx(0.3)
    assert dict(second["a"]["missing"])["battery_state"] == 1
    assert dict(second["a"]["missing_run"])["battery_state"] == 3
    assert dict(second["a"]["missing"])["roll"] == 0


def test_a_long_stay_is_worked_off_in_parts(monkeypatch):
    rows = [("w1", "a", i / 10) for i in range(1000)]
    [[whole]] = job.summarise(batches(rows, 50), BLOCK, 1, 1)
    monkeypatch.setattr(job, "MAX_RUN", 100)
    [[parts]] = job.summarise(batches(rows, 50), BLOCK, 1, 1)
    for name in ("rows", "stays", "missing", "missing_run", "next"):
        assert parts[name] == whole[name]
    np.testing.assert_allclose(parts["dwell"], whole["dwell"])


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


def write_recording(path, seed, labels=("rest", "run")):
    names = ",".join(COLUMNS)
    rows = [names, "dt," + ",".join("s" if c in (*job.TEXTS, "user_activity_label") else "f" for c in COLUMNS[1:])]
    for half, label in enumerate(labels):
        for i, (pitch, roll, *motion) in enumerate(signals(seed + half, 400)):
            t = half * 60 + i / 10
            stamp = f"2024-05-01 10:{int(t // 60):02d}:{t % 60:06.3f}"
            yaw = "" if i % 4 == 0 else "0.5"
            cells = [stamp, yaw, *(f"{v:.4f}" for v in (pitch, roll, *motion)), *[""] * 8, "unplugged", label]
            rows.append(",".join(cells))
    path.write_text("\n".join(rows) + "\n")


def test_profile_table_and_report_of_a_directory(spark, tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    for person in (1, 2, 3):
        write_recording(tmp_path / "in" / f"w.p{person}.csv", 10 * person, ("rest", "run" if person < 3 else ""))
    arguments = f"--recordings {tmp_path}/in --name made --source generated --templates 3"
    outputs = f"--profile {tmp_path}/out.json.gz --table {tmp_path}/table --report {tmp_path}/report.json"
    monkeypatch.setattr("sys.argv", ["descriptive_statistics.py", *arguments.split(), *outputs.split()])
    monkeypatch.setattr(spark, "stop", lambda: None)
    job.main()
    profile = json.loads(gzip.decompress((tmp_path / "out.json.gz").read_bytes()))
    assert profile["lineage"]["rows"] == "2400"
    assert [(p["id"], sorted(p["activities"])) for p in profile["people"]] == [
        ("w.p1", ["rest", "run"]),
        ("w.p2", ["rest", "run"]),
        ("w.p3", ["rest"]),
    ]
    first = profile["people"][0]
    assert first["missing"]["yaw"] == {"share": 0.25, "run": 1.0}
    assert first["missing"]["speed"]["share"] == 1
    assert profile["texts"]["batteryState"] == {"unplugged": 1}
    rest = first["activities"]["rest"]
    assert set(rest["dwell"]) == {40}
    assert (rest["next"], rest["nextAfterGap"], rest["gap"][0]) == ({}, {"run": 1}, 20.1)
    assert 1 <= len(rest["templates"]) <= 3
    table = {(row["person"], row["label"]): row for row in spark.read.parquet(f"{tmp_path}/table").collect()}
    assert len(table) == 5
    assert {row["name"] for row in table.values()} == {"made"}
    parts = [json.loads(table[key]["profile"]) for key in sorted(table)]
    assert all(part | {"people": []} == profile | {"people": []} for part in parts)
    people = {}
    for [person] in (part["people"] for part in parts):
        person["activities"] |= people.get(person["id"], person)["activities"]
        people[person["id"]] = person
    assert list(people.values()) == profile["people"]
    np.testing.assert_allclose(table["w.p1", "rest"]["mean"], rest["mean"], rtol=1e-3, atol=1e-3)
    assert np.shape(table["w.p1", "rest"]["cross_spectrum_real"]) == (36, 31)
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["rows"], report["unlabelledRows"], report["people"], report["activities"]) == (2400, 400, 3, 5)
    assert report["profileBytes"] == (tmp_path / "out.json.gz").stat().st_size
