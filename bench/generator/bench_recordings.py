"""Recordings in the CASAS format as arrays, without Spark."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from activity import gravity
from features.extract import extract
from recordings import COLUMNS

MOTION = tuple(COLUMNS[4:10])
FIELDS = {"".join(w.capitalize() if i else w for i, w in enumerate(c.split("_"))): c for c in COLUMNS}
"""The column of each field of the feature schema."""
GAP_MS = 1000


@dataclass(frozen=True)
class Recording:
    person: str
    stamps: np.ndarray
    """ms since the epoch, ascending."""
    cells: pd.DataFrame
    labels: np.ndarray

    def runs(self):
        """(label, samples [n, pitch roll motion …]) of one label and without a gap."""
        values = self.cells[["pitch", "roll", *MOTION]].to_numpy(float)
        cut = np.flatnonzero((self.labels[1:] != self.labels[:-1]) | (np.diff(self.stamps) > GAP_MS)) + 1
        for rows in np.split(np.arange(len(self.stamps)), cut):
            yield self.labels[rows[0]], values[rows]

    def windows(self, schema):
        """Features (float32) of the windows whose samples, at least half of all, share one label; and the labels."""
        size, advance = (round(seconds * 1000) for seconds in (schema.seconds, schema.advance_seconds))
        starts = np.arange(self.stamps[0] // advance * advance - size + advance, self.stamps[-1], advance)
        low, high = np.searchsorted(self.stamps, starts), np.searchsorted(self.stamps, starts + size)
        changes = np.concatenate([[0], np.cumsum(self.labels[1:] != self.labels[:-1])])
        enough = high - low >= schema.seconds * schema.hertz / 2
        low, high, starts = low[enough], high[enough], starts[enough]
        alike = changes[low] == changes[high - 1]
        low, high, starts = low[alike], high[alike], starts[alike]
        places = low[:, None] + np.arange((high - low).max())
        within = places < high[:, None]
        places = np.minimum(places, len(self.stamps) - 1)
        times = np.where(within, self.stamps[places] - starts[:, None], np.nan)
        columns = {
            field: np.where(within, self.cells[FIELDS[field]].to_numpy(float)[places], np.nan)
            for field in schema.fields
        }
        return extract(schema, times, columns).astype(np.float32), self.labels[low]


def read(directory):
    """The recordings of a directory, in order of their files."""
    for path in sorted(Path(directory).glob("*.csv*")):
        cells = pd.read_csv(path, skiprows=[1], low_memory=False)
        stamps = pd.to_datetime(cells["stamp"], format="%Y-%m-%d %H:%M:%S.%f")
        stamps = stamps.to_numpy("datetime64[ms]").astype(np.int64)
        order = np.argsort(stamps, kind="stable")
        labels = cells["user_activity_label"].to_numpy(object)[order]
        yield Recording(path.name.split(".csv")[0], stamps[order], cells.iloc[order], labels)


def channels(samples):
    """[n, motion … gravity …] of samples [n, pitch roll motion …]."""
    return np.concatenate([samples[:, 2:], gravity(samples[:, 0], samples[:, 1])], axis=1)
