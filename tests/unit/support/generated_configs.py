"""Config files that nobody would write: a sound one with a few things in it that do not belong there."""

import copy
import time
from pathlib import Path
from typing import NamedTuple

import yaml
from hypothesis import strategies as st

from repcompare.study.config import ConfigError, validate
from repcompare.study.config_file import read_config
from repcompare.study.schema import study_schema, with_defaults

SOUND = {
    "study": "small",
    "data": {"name": "digits", "train_samples": 200},
    "seeds": [0, 1],
    "architectures": {
        "resnet": {"factory": "resnet", "kwargs": {"blocks": [1], "width": 4}},
        "vgg": {"factory": "vgg", "kwargs": {"depth": 11}, "training": {"epochs": 2}},
        "theirs": {
            "factory": "torchvision",
            "kwargs": {"name": "resnet18"},
            "weights": "random",
            "input": {"mean": [0.5], "std": [0.5]},
            "layers": {"stage1": "layer1"},
            "classes": ["0", "1"],
        },
    },
    "training": {"adversarial": {"epsilon": "8/255"}},
    "activations": {"layers": ["stage1", "penultimate"]},
    "geometry": {"layer_pairs": [["vgg/seed0", "vgg/seed1"]]},
    "attack": {
        "epsilons": {"linf": ["16/255"], "l2": [0.5]},
        "variants": {"fgsm": {"steps": 1, "random_start": False}},
    },
    "features": {"nonrobust": {"epsilon": 0.5, "norm": "l2"}},
}
# As they stand in a file, without quotes.
WRITTEN = """
1:30|017|0o17|0x1F|1_000|1e400|-1e400|.inf|.nan|-0|2020-01-01|2020-13-41|on|no|~|null|<<|=|!!python/name:os.system
!!binary aGVsbG8=|!!set {1, 2}|!!int abc|!x y|&a [*a]|*nothing|[[[|{a: {b: [}|? x|@x|`x|%x|"a|'a|- a|a: b: c|#|---|...
$HOME/x|${NOPE}/x|~/x|~nobody/x|/dev/zero|/etc|con|COM1|pgd|noise|01|True|1.10|{seed}.pt|a{seed}b.npy|x.py:f|:|/
""".replace("\n", "|").strip("|").split("|")  # fmt: skip
WRITTEN += [
    "9" * 5000,
    f"1{'0' * 400}",
    "[" * 30 + "]" * 30,
    "x" * 5000,
    "\t",
    "|\n  a",
    "__use_yte__",
]
NAMES = [
    "factory",
    "weights",
    "activations",
    "epsilons",
    "root",
    "size",
    "name",
    "seeds",
    "18",
    "on",
]

SCALARS = (
    st.sampled_from([0, 1, -1, 2, 0.5, 1e308, 5e-324, 2**31, 2**63, 10**30, 10**400, True, None])
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.dates()
    | st.binary(max_size=5)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=5) | st.sampled_from(NAMES), inner, max_size=3)
    ),
    max_leaves=8,
)


def places(value, path=()):
    """The path of every entry of a config, sections before what is in them."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield (*path, key)
            yield from places(value[key], (*path, key))


@st.composite
def config_files(draw) -> bytes:
    """The bytes of a config file with one change or several, of what it says or how it is written."""
    config = copy.deepcopy(draw(st.sampled_from([SOUND, with_defaults(study_schema(), SOUND)])))
    written = {}
    for number in range(draw(st.integers(1, 3))):
        *path, key = draw(st.sampled_from(list(places(config))))
        section = config
        for step in path:
            section = section[step]
        action = draw(st.sampled_from(["other", "value", "text", "remove", "add", "rename"]))
        if action == "other":
            section[key] = draw(_like(section[key]))
        elif action == "remove":
            del section[key]
        elif action == "rename" and isinstance(section, dict):
            section[draw(st.sampled_from(NAMES) | st.text(max_size=6))] = section.pop(key)
        elif action == "add" and isinstance(section, dict):
            section[draw(st.sampled_from(NAMES) | st.text(max_size=6))] = draw(VALUES)
        elif action == "text":
            section[key] = f"WRITTEN{number}"
            written[f"WRITTEN{number}"] = draw(st.sampled_from(WRITTEN))
        else:
            section[key] = draw(VALUES)
        if not config:
            break
    text = yaml.safe_dump(config, allow_unicode=True, sort_keys=False)
    for mark, instead in written.items():
        text = text.replace(mark, instead)
    return _as_bytes(draw, text)


def _like(value):
    """Other values of the kind of one, none of them strange."""
    if isinstance(value, int) and not isinstance(value, bool):
        return st.integers(0, 300)
    if isinstance(value, float):
        return st.floats(0, 2)
    words = (*SOUND, *NAMES, "vgg", "resnet", "auto", "stage2", "4/255", "random")
    return st.sampled_from(words) if isinstance(value, str) else st.booleans() | st.none()


def _as_bytes(draw, text: str) -> bytes:
    action = draw(st.sampled_from(["as it is"] * 4 + ["twice", "cut", "into", "encoded"]))
    lines = text.splitlines(keepends=True)
    place = draw(st.integers(0, max(0, len(lines) - 1)))
    if action == "twice" and lines:
        lines.insert(place, lines[place])
    elif action == "cut" and lines:
        lines[place] = lines[place][draw(st.integers(1, 4)) :]
    elif action == "into" and lines:
        lines[place] = lines[place].rstrip("\n") + draw(st.sampled_from(WRITTEN)) + "\n"
    encoding = draw(st.sampled_from(["utf-16", "latin-1"])) if action == "encoded" else "utf-8"
    return "".join(lines).encode(encoding, "replace" if encoding == "latin-1" else "surrogatepass")


class Outcome(NamedTuple):
    """`accepted`, `refused` or, where neither is so, the name of the error; the words; processor time."""

    kind: str
    text: str
    seconds: float


def outcome(content: bytes, file: Path) -> Outcome:
    """What becomes of a config file of these bytes, as `make run` and `make plan` read it."""
    file.write_bytes(content)
    start, text = time.process_time(), ""
    try:
        validate(read_config(file))
        kind = "accepted"
    except ConfigError as error:
        kind, text = "refused", str(error)
    except Exception as error:
        kind, text = type(error).__name__, str(error)
    return Outcome(kind, text, time.process_time() - start)
