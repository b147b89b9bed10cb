"""
The classifier: boosted trees and a small network, whose probabilities are averaged. Each errs where the other does not, and
the average is better on people left out than either.

As ONNX it has the input features [n, width] float32 and the outputs label [n] int64 and probabilities [n, classes] float32.
"""

import warnings
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime
import xgboost
from onnx import TensorProto, helper, numpy_helper
from onnxmltools import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

OPSET = 15
CLIP = 5.0
"""Standard deviations: what lies beyond is taken for this far, so that no odd window drives the network."""
HIDDEN = 128
NETWORKS = 3
"""Trained from different beginnings; side by side they are one wider network, whose logits are the mean of theirs."""
EPOCHS = 25
VISITS = 400_000
"""Rows seen in training: with many rows there are fewer epochs, with few no more than EPOCHS."""
PENALTY = 0.1
PROBABILITY_TOLERANCE = 1e-5


@dataclass(frozen=True)
class Network:
    """A perceptron with one hidden layer of rectified linear units, on standardised features; all float32."""

    mean: np.ndarray
    scale: np.ndarray
    weights: tuple[np.ndarray, np.ndarray]
    biases: tuple[np.ndarray, np.ndarray]

    def probabilities(self, rows: np.ndarray) -> np.ndarray:
        hidden = np.maximum(standardised(rows, self.mean, self.scale) @ self.weights[0] + self.biases[0], 0)
        logits = hidden @ self.weights[1] + self.biases[1]
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class Ensemble:
    """Without a network it is the trees alone."""

    trees: xgboost.Booster
    network: Network | None

    def probabilities(self, rows: np.ndarray) -> np.ndarray:
        """[n, classes] of [n, width] float32."""
        of_trees = self.trees.predict(xgboost.DMatrix(rows))
        return of_trees if self.network is None else (of_trees + self.network.probabilities(rows)) / 2


def standardised(rows: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    return np.clip((rows - mean) * scale, -CLIP, CLIP)


def train_network(rows: np.ndarray, classes: np.ndarray, weights: np.ndarray, seed: int) -> Network:
    """`rows` [n, width] float32, `classes` numbers of three or more classes, each at least once, `weights` of the rows."""
    mean = rows.mean(axis=0, dtype=np.float64)
    deviation = rows.std(axis=0, dtype=np.float64)
    scale = np.where(deviation > 0, 1 / np.where(deviation > 0, deviation, 1), 0)
    mean, scale = mean.astype(np.float32), scale.astype(np.float32)
    inputs = standardised(rows, mean, scale)
    trained = [_perceptron(inputs, classes, weights, seed + number) for number in range(NETWORKS)]
    first = np.concatenate([each.coefs_[0] for each in trained], axis=1)
    before = np.concatenate([each.intercepts_[0] for each in trained])
    second = np.concatenate([each.coefs_[1] for each in trained]) / NETWORKS
    after = np.mean([each.intercepts_[1] for each in trained], axis=0)
    first, before, second, after = (part.astype(np.float32) for part in (first, before, second, after))
    return Network(mean, scale, (first, second), (before, after))


def _perceptron(inputs: np.ndarray, classes: np.ndarray, weights: np.ndarray, seed: int) -> MLPClassifier:
    epochs = max(1, min(EPOCHS, VISITS // len(inputs)))
    size = min(256, len(inputs))
    network = MLPClassifier((HIDDEN,), alpha=PENALTY, batch_size=size, max_iter=epochs, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # so many epochs are wanted, and no more
        return network.fit(inputs, classes, sample_weight=weights)


def to_onnx(ensemble: Ensemble, width: int) -> bytes:
    ensemble.trees.feature_names = None
    inputs = [("features", FloatTensorType([None, width]))]
    # A graph without a name is given a random one, and the same training would have another sha256.
    model = convert_xgboost(ensemble.trees, name="classifier", initial_types=inputs, target_opset=OPSET)
    outputs = [output.name for output in model.graph.output]
    if outputs != ["label", "probabilities"]:
        raise RuntimeError(f"The exported model has the outputs {outputs}.")
    if ensemble.network is not None:
        _join(model.graph, ensemble.network)
        if all(each.domain for each in model.opset_import):
            model.opset_import.append(helper.make_opsetid("", OPSET))
    model.doc_string = ""
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _join(graph: onnx.GraphProto, network: Network) -> None:
    """Makes the probabilities of a graph of trees those of both, and the label that of the greatest."""
    [trees] = [node for node in graph.node if "probabilities" in node.output]
    of_trees = {"label": "trees_label", "probabilities": "trees_probabilities"}
    renamed = [of_trees.get(name, name) for name in trees.output]
    del trees.output[:]
    trees.output.extend(renamed)
    for other in [node for node in graph.node if "label" in node.output]:
        graph.node.remove(other)  # casts of the trees' label
    constants = {
        "mean": network.mean,
        "scale": network.scale,
        "low": np.array(-CLIP, np.float32),
        "high": np.array(CLIP, np.float32),
        "weights_1": network.weights[0],
        "biases_1": network.biases[0],
        "weights_2": network.weights[1],
        "biases_2": network.biases[1],
        "half": np.array(0.5, np.float32),
    }
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    graph.node.extend(
        [
            helper.make_node("Sub", ["features", "mean"], ["centred"]),
            helper.make_node("Mul", ["centred", "scale"], ["scaled"]),
            helper.make_node("Clip", ["scaled", "low", "high"], ["clipped"]),
            helper.make_node("Gemm", ["clipped", "weights_1", "biases_1"], ["summed"]),
            helper.make_node("Relu", ["summed"], ["hidden"]),
            helper.make_node("Gemm", ["hidden", "weights_2", "biases_2"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["network_probabilities"], axis=1),
            helper.make_node("Add", ["trees_probabilities", "network_probabilities"], ["both"]),
            helper.make_node("Mul", ["both", "half"], ["probabilities"]),
            helper.make_node("ArgMax", ["probabilities"], ["label"], axis=1, keepdims=0),
        ]
    )
    for output in graph.output:
        if output.name == "label":
            output.type.tensor_type.elem_type = TensorProto.INT64


def check_onnx(content: bytes, ensemble: Ensemble, rows: np.ndarray) -> float:
    """The greatest difference of a probability; raises RuntimeError where the two do not agree."""
    label, probabilities = session(content).run(["label", "probabilities"], {"features": rows})
    expected = ensemble.probabilities(rows)
    mismatches = int((label != expected.argmax(axis=1)).sum())
    difference = float(np.abs(probabilities - expected).max())
    if mismatches or difference > PROBABILITY_TOLERANCE:
        raise RuntimeError(f"ONNX and model disagree: {mismatches} labels of {len(rows)}, by up to {difference}.")
    return difference


def session(content: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
