"""The trained models that lie in this package, and which of them is used when nobody says."""

from pathlib import Path

import msgspec
from msgspec import Struct

from classifiers.trained.serve import Model, ModelUnavailable

ARTIFACTS = Path(__file__).parent / "artifacts"
VARIANTS = ("permissive", "full")


class Default(Struct, frozen=True):
    """`artifacts/default.json`: the variant to use and, in a sentence, why."""

    default: str
    because: str


class Artifact(Struct, frozen=True):
    """One model of the package: where it lies, its version, or why it cannot be used."""

    variant: str
    folder: str
    is_default: bool
    version: str | None
    unavailable: str | None = None


def chosen(artifacts: Path = ARTIFACTS) -> Default:
    """The default and its reason, as the training decided; ModelUnavailable if that is missing or damaged."""
    path = artifacts / "default.json"
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Default)
    except (OSError, msgspec.DecodeError):
        raise ModelUnavailable(f"No readable {path}: train the models with `xunqun model train`.") from None
    if found.default not in VARIANTS:
        raise ModelUnavailable(f"{path} names the unknown variant {found.default!r}: use one of {', '.join(VARIANTS)}.")
    return found


def default_dir(variant: str = "default", artifacts: Path = ARTIFACTS) -> Path:
    """The folder of a variant: `default`, `permissive` or `full`. ModelUnavailable for another name."""
    if variant == "default":
        variant = chosen(artifacts).default
    if variant not in VARIANTS:
        raise ModelUnavailable(f"There is no model {variant!r}: use default, {' or '.join(VARIANTS)}.")
    return artifacts / variant


def list_artifacts(artifacts: Path = ARTIFACTS) -> tuple[Artifact, ...]:
    """Every variant, usable or not."""
    try:
        default = chosen(artifacts).default
    except ModelUnavailable:
        default = ""
    found = []
    for variant in VARIANTS:
        folder = artifacts / variant
        try:
            version, unavailable = Model.load(folder).version, None
        except ModelUnavailable as problem:
            version, unavailable = None, problem.reason
        found.append(Artifact(variant, str(folder), variant == default, version, unavailable))
    return tuple(found)
