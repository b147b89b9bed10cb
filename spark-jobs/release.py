"""A trained booster as a model release: ONNX, checked against the booster, in the file that the stream publishes."""

import base64
import hashlib
import json
from pathlib import Path

import numpy as np
import onnxruntime
import xgboost
from onnxmltools import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType

from evaluation import Calibration
from features.schema import FeatureSchema

MAX_BYTES = 800_000
"""Base64 and the other fields come on top, and a Kafka record is at most 1 MB unless configured otherwise."""
PROBABILITY_TOLERANCE = 1e-5


def to_onnx(booster: xgboost.Booster, width: int) -> bytes:
    """Input features [n, width] float32; outputs label [n] int64 and probabilities [n, classes] float32."""
    booster.feature_names = None
    inputs = [("features", FloatTensorType([None, width]))]
    # A graph without a name is given a random one, and the same training would have another sha256.
    model = convert_xgboost(booster, name="classifier", initial_types=inputs, target_opset=15)
    outputs = [output.name for output in model.graph.output]
    if outputs != ["label", "probabilities"]:
        raise RuntimeError(f"The exported model has the outputs {outputs}.")
    model.doc_string = ""
    return model.SerializeToString()


def check_onnx(onnx: bytes, booster: xgboost.Booster, rows: np.ndarray) -> float:
    """The greatest difference of a probability; raises RuntimeError where the two do not agree."""
    label, probabilities = _session(onnx).run(["label", "probabilities"], {"features": rows})
    expected = booster.predict(xgboost.DMatrix(rows))
    mismatches = int((label != expected.argmax(axis=1)).sum())
    difference = float(np.abs(probabilities - expected).max())
    if mismatches or difference > PROBABILITY_TOLERANCE:
        raise RuntimeError(f"ONNX and booster disagree: {mismatches} labels of {len(rows)}, by up to {difference}.")
    return difference


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
    [probabilities] = _session(onnx).run(["probabilities"], {"features": probe[None, :]})[0]
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


def write_release(path: Path, content: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _session(onnx: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
