"""A trained model as a release: the file that the stream publishes."""

import base64
import hashlib

import numpy as np

from ensemble import session
from evaluation import Calibration
from features.schema import FeatureSchema

MAX_BYTES = 1_000_000
"""A larger one would be scored outside of the thread of its task (processors/models/classifier.ts)."""


def release(
    *,
    name: str,
    version: str,
    schema: FeatureSchema,
    labels: list[str],
    calibration: Calibration,
    metrics: dict[str, float],
    lineage: dict[str, str],
    onnx: bytes,
    probe: np.ndarray,
) -> dict:
    """As schemas/ModelRelease.avsc, less what publishing adds; `probe` is a feature vector that is nobody's."""
    if len(onnx) > MAX_BYTES:
        raise RuntimeError(f"The model has {len(onnx)} bytes, more than {MAX_BYTES}: fewer rounds, or less depth.")
    probe = probe.astype(np.float32)
    [probabilities] = session(onnx).run(["probabilities"], {"features": probe[None, :]})[0]
    return {
        "name": name,
        "version": version,
        "featureSchemaHash": schema.hash,
        "labels": labels,
        "temperature": calibration.temperature,
        "minimumConfidence": calibration.minimum_confidence,
        "minimumMargin": calibration.minimum_margin,
        "metrics": {key: round(value, 5) for key, value in metrics.items()},
        "lineage": lineage,
        "sha256": hashlib.sha256(onnx).hexdigest(),
        "size": len(onnx),
        "onnx": base64.b64encode(onnx).decode("ascii"),
        "probeFeatures": [float(value) for value in probe],
        "probeProbabilities": [float(value) for value in probabilities],
    }
