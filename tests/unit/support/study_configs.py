"""Configs of a small study, with sections changed, and what is wrong with one."""

import pytest
import yaml

from repcompare.study.config import ConfigError, validate

PAIRS = "{activations: {layers: [stem]}, geometry: {layer_pairs: "

BASE = """
study: small
data: {name: digits}
architectures:
  vgg: {factory: vgg, kwargs: {width: 16}}
  resnext: {factory: resnext, seeds: [0, 5], training: {learning_rate: 0.05}}
"""


def config(changes: str = "") -> dict:
    """The base study, with sections of YAML merged into it."""
    return merged(yaml.safe_load(BASE), yaml.safe_load(changes) or {})


def merged(base: dict, changes: dict) -> dict:
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        base[key] = merged(base[key], value) if both else value
    return base


def problems(raw) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        validate(raw)
    return str(caught.value).splitlines()
