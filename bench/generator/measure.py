"""
How true generated recordings are, and what a model learns of them.

    python measure.py PLAN

PLAN is a JSON file: `recordings`, a directory; `folds`, lists of people left out, the first of which is empty;
`generators`, each with a `name`, whether it makes `people`, and a `directory` with generated recordings of everybody in
`0`, and of all but the people of list n in `n`. The last line printed is one JSON object.

Truth, by activity of a person, on average over all of them: the largest distance between the two distribution functions
(Kolmogorov & Smirnov) of each column, yaw left out, whose zero is arbitrary; the error of the correlations between
channels (motion and direction of gravity); that of the spectra, dB; that of the complex coherence between channels. A
generator that knows no people is compared with what it makes of the activity. What cannot be beaten without copying:
the same of one half of a person's recordings beside the other, cut in blocks and dealt out in turn.

Worth: a random forest trained on what was generated of some people scores the real windows of the others, beside one
trained on the real windows of the former. A generator that has not made a data set is left out of that fold.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from bench_recordings import MOTION, channels, read
from features.schema import load_schema
from scipy.stats import ks_2samp
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import f1_score

from surrogates import taper

COLUMNS = ("pitch", "roll", *MOTION)
BLOCK = 64
HALF = 128
"""Samples of the blocks of which halves of a recording are dealt out."""
TREES = 100
FLOOR = 1e-7
"""Power that counts as none: about the rounding of the recordings."""


def gathered(recordings):
    """{(person, label): [samples …]}."""
    found = {}
    for each in recordings:
        for label, samples in each.runs():
            found.setdefault((each.person, label), []).append(samples)
    return found


def coherences(runs):
    """Spectrum [frequencies, channels] and complex coherence [frequencies, pairs]; None without a whole block."""
    total = count = 0
    for samples in runs:
        signals = channels(samples)
        for start in range(0, len(signals) - BLOCK + 1, BLOCK // 2):
            block = signals[start : start + BLOCK]
            if np.isfinite(block).all():
                transform = np.fft.rfft((block - block.mean(axis=0)) * taper(BLOCK)[:, None], axis=0)[1 : BLOCK // 2]
                total = total + np.einsum("fi,fj->fij", transform.conj(), transform)
                count += 1
    if count == 0:
        return None
    cross = total * 2 / (count * BLOCK * np.sum(taper(BLOCK) ** 2))
    power = np.einsum("fii->fi", cross).real + FLOOR
    first, second = np.triu_indices(power.shape[1], 1)
    return power, cross[:, first, second] / np.sqrt(power[:, first] * power[:, second])


def compare(real, made):
    """Of {key: runs} the truth of those that both have."""
    distance, correlation, spectrum, coherence = [], [], [], []
    for key in sorted(set(real) & set(made)):
        ours, theirs = (np.concatenate(each[key]) for each in (real, made))
        distance.append([ks_2samp(ours[:, c], theirs[:, c], method="asymp").statistic for c in range(len(COLUMNS))])
        with np.errstate(divide="ignore", invalid="ignore"):
            difference = np.corrcoef(channels(ours).T) - np.corrcoef(channels(theirs).T)
        correlation.append(np.nanmean(np.abs(difference[np.triu_indices(len(difference), 1)])))
        one, other = coherences(real[key]), coherences(made[key])
        if one is not None and other is not None:
            spectrum.append(np.abs(10 * np.log10(other[0] / one[0])).mean())
            coherence.append(np.abs(other[1] - one[1]).mean())
    return {
        "activities": len(distance),
        "activitiesWithout": len(set(real) - set(made)),
        "kolmogorovSmirnov": dict(zip(COLUMNS, np.mean(distance, axis=0).round(4).tolist(), strict=True)),
        "kolmogorovSmirnovMean": round(float(np.mean(distance)), 4),
        "correlationError": round(float(np.mean(correlation)), 4),
        "spectrumErrorDecibel": round(float(np.mean(spectrum)), 3),
        "coherenceError": round(float(np.mean(coherence)), 4),
    }


def halves(real):
    one, other = {}, {}
    for key, runs in real.items():
        for samples in runs:
            for place, start in enumerate(range(0, len(samples), HALF)):
                (one, other)[place % 2].setdefault(key, []).append(samples[start : start + HALF])
    return one, other


def windows(recordings, schema):
    """Features, labels, people."""
    parts = [(*each.windows(schema), each.person) for each in recordings]
    people = np.concatenate([[person] * len(labels) for _, labels, person in parts])
    return np.concatenate([x for x, _, _ in parts]), np.concatenate([y for _, y, _ in parts]), people


def score(train, labels, test, truth):
    forest = RandomForestClassifier(TREES, n_jobs=1, random_state=1).fit(train, labels.astype(str))
    return float(f1_score(truth.astype(str), forest.predict(test), average="macro"))


def made_of_everybody(directory, has_people, everybody):
    """{(person, label): [samples …]}, of the people that the generated ones stand for, in the order of their files."""
    made = list(read(Path(directory) / "0"))
    if has_people:
        named = [replace(each, person=person) for each, person in zip(made, everybody, strict=True)]
        return gathered(named)
    return {(person, label): runs for (_, label), runs in gathered(made).items() for person in everybody}


def main(plan):
    schema = load_schema()
    plan = json.loads(Path(plan).read_text())
    generators = {each["name"]: each["directory"] for each in plan["generators"]}
    everybody = list(read(plan["recordings"]))
    real = gathered(everybody)
    truth = {"half of the recordings": compare(*halves(real))}
    for each in plan["generators"]:
        made = made_of_everybody(each["directory"], each["people"], [recording.person for recording in everybody])
        truth[each["name"]] = compare(real, made)
        print(f"measure: truth of {each['name']}", file=sys.stderr, flush=True)
    features, labels, people = windows(everybody, schema)
    splits = []
    for number, left_out in enumerate(plan["folds"]):
        if not left_out:
            continue
        test = np.isin(people, left_out)
        split = {"real": score(features[~test], labels[~test], features[test], labels[test])}
        for name, directory in generators.items():
            if not (Path(directory) / str(number)).exists():
                continue
            made, made_labels, _ = windows(read(Path(directory) / str(number)), schema)
            split[name] = score(made, made_labels, features[test], labels[test])
        splits.append({"people": left_out, **split})
        print(f"measure: {splits[-1]}", file=sys.stderr, flush=True)
    worth = {}
    for name in ("real", *generators):
        own = [split for split in splits if name in split]
        of_real = sum(split[name] for split in own) / sum(split["real"] for split in own)
        mean = sum(split[name] for split in own) / len(own)
        worth[name] = {"macroF1": round(mean, 4), "ofReal": round(of_real, 4), "folds": len(own)}
    found = {"featureSchema": schema.hash, "windows": len(labels), "truth": truth, "worth": worth, "splits": splits}
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
