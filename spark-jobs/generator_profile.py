"""
The generator profile: what processors/generator needs of the statistics, small. Its form is that of
processors/generator/profile.ts.

Amplitudes and phases are written with one character each, a digit of base 64: amplitudes in steps of 1 dB below the
greatest, which is 63 (0 is nothing), phases in 64ths of a turn after the envelope's.
"""

import gzip
import json

import numpy as np

from activity import CHANNELS, LEVELS, RATE, TIME_LEVELS

DIGITS = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", np.uint8)


def digits(values):
    return DIGITS[values.astype(int).ravel()].tobytes().decode("ascii")


def encode_sizes(sizes):
    """Amplitudes as (the greatest, digits)."""
    peak = significant(sizes.max())
    steps = np.round(20 * np.log10(np.maximum(sizes, 1e-12) / max(peak, 1e-12))) + 63
    return peak, digits(np.clip(steps, 0, 63))


def encode_template(template):
    amplitudes = np.array(template["real"]) + 1j * np.array(template["imaginary"])
    peak, sizes = encode_sizes(np.abs(amplitudes))
    phase = np.angle(amplitudes * amplitudes[0].conj())[1:]
    return {
        "weight": round(template["weight"], 4),
        "mean": [significant(value) for value in template["mean"]],
        "peak": peak,
        "amplitude": sizes,
        "phase": digits(np.round(phase / (2 * np.pi) * 64) % 64),
    }


def significant(value, figures=4):
    return float(f"{value:.{figures}g}") + 0.0


def field(column):
    """rotation_rate_x is the field rotationRateX of schemas/SensorReading.avsc."""
    head, *tail = column.split("_")
    return head + "".join(word.capitalize() for word in tail)


def encode_activity(row, labels):
    """`labels` are those of the person's activities that are kept."""
    peak, sizes = encode_sizes(np.sqrt(row["spectrum"]))
    return {
        "seconds": row["rows"] / RATE,
        "mean": [significant(value) for value in row["mean"]],
        "covariance": [significant(value, 3) for value in row["covariance"]],
        "quantiles": [[significant(value, 3) for value in channel] for channel in row["quantiles"]],
        "spectrum": {"peak": peak, "amplitude": sizes},
        "templates": [encode_template(template) for template in row["templates"]],
        "dwell": [round(value, 1) for value in row["dwell"]],
        "next": {label: times for label, times in row["next"].items() if label in labels},
        "gap": [round(value, 1) for value in row["gap"]],
        "nextAfterGap": {label: times for label, times in row["next_after_gap"].items() if label in labels},
    }


def encode_person(person, rows):
    kept = [row for row in rows if row["templates"]]
    labels = {row["label"] for row in kept}
    total = sum(row["rows"] for row in rows)
    missing = {}
    for column in rows[0]["missing"]:
        cells = sum(row["missing"][column] * row["rows"] for row in rows)
        runs = sum(row["missing"][column] * row["rows"] / row["missing_run"].get(column, 1) for row in rows)
        if cells > 0:
            missing[field(column)] = {"share": round(cells / total, 5), "run": round(cells / max(runs, 1), 1)}
    return {
        "id": person,
        "missing": missing,
        "activities": {row["label"]: encode_activity(row, labels) for row in kept},
    }


def assemble(name, table, texts, *, block, people, lineage):
    """The profile of the table's rows; `people` of them at most, evenly over the order of their ids."""
    by_person = {}
    for row in table:
        by_person.setdefault(row["person"], []).append(row)
    able = [person for person, rows in sorted(by_person.items()) if any(row["templates"] for row in rows)]
    count = min(people, len(able))
    chosen = [able[int((i + 0.5) * len(able) / count)] for i in range(count)]
    return {
        "name": name,
        "lineage": lineage,
        "rate": RATE,
        "block": block,
        "channels": list(CHANNELS),
        "levels": list(LEVELS),
        "timeLevels": list(TIME_LEVELS),
        "texts": {field(column): shares for column, shares in texts.items()},
        "people": [encode_person(person, by_person[person]) for person in chosen],
    }


def documents(profile):
    """
    The profile as one for each person and activity: (person, label, JSON). Each says all that the whole profile says of it, so
    that the whole can be made of them again; none is longer than a column of text of a warehouse may be.
    """
    return [
        (person["id"], label, to_json(profile | {"people": [person | {"activities": {label: activity}}]}))
        for person in profile["people"]
        for label, activity in person["activities"].items()
    ]


def to_json(value):
    return json.dumps(value, separators=(",", ":"))


def compressed(profile):
    """A person a line, the same bytes for the same profile."""
    text = to_json(profile).replace('{"id"', '\n{"id"')
    return gzip.compress(text.encode() + b"\n", mtime=0)
