"""The feature schema: schemas/features.json, checked, hashed and laid out as a list of columns."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

DEFAULT_PATH = Path(__file__).resolve().parents[2] / "schemas" / "features.json"


@dataclass(frozen=True)
class Feature:
    """One column of the feature vector: a statistic of one channel, or of a pair of them."""

    name: str
    channels: tuple[str, ...]
    primitive: str
    parameters: dict


@dataclass(frozen=True)
class FeatureSchema:
    """Plain data, so that Spark can ship it to its executors."""

    hash: str
    hertz: float
    seconds: float
    advance_seconds: float
    limit: float
    tolerance: float
    transform_length: int
    fields: tuple[str, ...]
    channels: dict[str, dict]
    features: tuple[Feature, ...]

    @property
    def width(self) -> int:
        return len(self.features)


def load_schema(path: Path = DEFAULT_PATH) -> FeatureSchema:
    """Reads the schema; raises ValueError where it names what it does not define."""
    return parse_schema(json.loads(Path(path).read_text(encoding="utf-8")))


def parse_schema(document: dict) -> FeatureSchema:
    content = _without_doc(document)
    known = set(content["fields"])
    for name, channel in content["channels"].items():
        for source in channel["inputs"]:
            if source not in known:
                raise ValueError(f"Channel {name} reads {source}, which is neither a field nor a channel before it.")
        known.add(name)
    features = tuple(_features(content, known))
    names = [feature.name for feature in features]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"Features listed twice: {', '.join(twice)}.")
    return FeatureSchema(
        hash=feature_schema_hash(document),
        hertz=content["sampleRate"]["hertz"],
        seconds=content["window"]["seconds"],
        advance_seconds=content["window"]["advanceSeconds"],
        limit=content["missing"]["limit"],
        tolerance=10.0 ** -content["tolerance"]["digits"],
        transform_length=content["grid"]["transformLength"],
        fields=tuple(content["fields"]),
        channels=content["channels"],
        features=features,
    )


def feature_schema_hash(document: dict) -> str:
    canonical = json.dumps(_without_doc(document), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8")).hexdigest()[:16]


def _features(content: dict, known: set[str]):
    for group in content["features"]:
        for channels in group.get("pairs") or [[name] for name in group["channels"]]:
            for channel in channels:
                if channel not in known:
                    raise ValueError(f"A feature reads {channel}, which is neither a field nor a channel.")
            for name in group["statistics"]:
                statistic = content["statistics"].get(name)
                if statistic is None:
                    raise ValueError(f"A feature names the statistic {name}, which is not defined.")
                parameters = {key: value for key, value in statistic.items() if key != "primitive"}
                yield Feature(
                    name=".".join([*channels, name]),
                    channels=tuple(channels),
                    primitive=statistic["primitive"],
                    parameters=parameters,
                )


def _without_doc(value):
    if isinstance(value, dict):
        return {key: _without_doc(item) for key, item in value.items() if key != "doc"}
    if isinstance(value, list):
        return [_without_doc(item) for item in value]
    return value
