"""What no schema can say: whether the parts of a config fit each other and the data."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from repcompare.data.catalogue import DATA_SETS, IDS, OWN, DataSet, Facts
from repcompare.data.raw_files import facts
from repcompare.messages import OF_PATH, cut
from repcompare.study.epsilon import parse_epsilon
from repcompare.study.networks import answers, by_activations, layers_of, network_problems
from repcompare.study.schema import KeyPath, Problem, hint, study_schema
from repcompare.vocabulary import NORMS

# The least bound that images of float32 are held to: it is still far larger than their rounding.
LEAST_FLOAT = 1e-4
# Of all models of a study: its jobs are several times as many, and blocks grow with their square.
MOST_MODELS = 10_000
# Of a list, of which it is said what was likely meant.
FIRST = 5
# What Windows takes for devices, whatever the ending: results with such a folder cannot be copied there.
DEVICES = {
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{kind}{n}" for kind in ("com", "lpt") for n in range(10)),
}
# The difference of logits ratio has the third largest logit in it.
DLR_CLASSES = 3


def study_problems(config: Any, unsound: list[KeyPath]) -> Iterator[Problem]:
    """What no schema can say: whether the parts of the config fit each other and the data."""
    get = _sound(config, unsound)
    names = config.get("architectures") if isinstance(config, Mapping) else None
    names = list(names) if isinstance(names, Mapping) else []
    yield from _name_problems(get, names)
    models = sum(len(_seeds(get, name)) for name in names)
    if models > MOST_MODELS:
        text = f"{models:,} models, allowed: at most {MOST_MODELS:,}"
        yield Problem(1, ("architectures",), text)
        return
    yield from _architecture_problems(get, names)
    yield from _data_problems(get, unsound)
    keys = ("name", "root", "size", "test_samples")
    data_set = facts({key: get("data", key) for key in keys})
    yield from _sample_problems(get, data_set)
    yield from _crop_problems(get, names, data_set)
    yield from _epsilon_problems(get, data_set)
    yield from _search_problems(get)
    yield from _class_problems(get, data_set)
    yield from _adversarial_problems(get, names, data_set)
    yield from _layer_problems(get, names)
    yield from _layer_pair_problems(get, names)
    yield from _answer_problems(get, names)
    if models == 1 and get("architectures"):
        text = "a single model has nothing to be compared with, add a seed or an architecture"
        yield Problem(3, ("architectures",), text)


def counted_problems(config: Mapping[str, Any], data_set: DataSet) -> list[Problem]:
    """What a validated config asks for that its data, now that they are counted, do not have."""
    get = _sound(config, [])
    counted = Facts(*data_set)
    return [*_sample_problems(get, counted), *_class_problems(get, counted)]


def _sound(config: Any, unsound: list[KeyPath]) -> Any:
    """What looks up a key of the config."""

    def get(*path: str | int) -> Any:
        """The value at `path`; None if it is absent, null, or refused already in any part."""
        if any(bad[: len(path)] == path[: len(bad)] for bad in unsound):
            return None
        value = config
        for step in path:
            value = value.get(step) if isinstance(value, Mapping) else None
        return value

    return get


def _seeds(get: Any, name: Any) -> Sequence[int]:
    """The seeds of an architecture; none where they cannot be known."""
    return get("architectures", name, "seeds") or get("seeds") or ()


def _name_problems(get: Any, names: list[Any]) -> Iterator[Problem]:
    """Names of folders that some system would not have, or would take for one."""
    for path, name in ((("study",), get("study")), *((("architectures", n), n) for n in names)):
        if name is not None and name.split(".")[0].lower() in DEVICES:
            yield Problem(3, path, f"{name} is a device on Windows, which has no such folder")
    first: dict[str, str] = {}
    for name in sorted(names):
        other = first.setdefault(name.lower(), name)
        if other != name:
            text = f"differs from {other} only in case, which some file systems do not tell apart"
            yield Problem(3, ("architectures", name), text)


def _architecture_problems(get: Any, names: list[Any]) -> Iterator[Problem]:
    for name in names:
        entry = get("architectures", name)
        if entry is not None:
            yield from network_problems(str(name), entry, _seeds(get, name))
        if entry is not None and get("data", "name") == IDS and not by_activations(entry):
            text = f"{IDS} has no images to show a network, allowed: activations"
            yield Problem(3, ("architectures", str(name)), text)


def _answer_problems(get: Any, names: list[Any]) -> Iterator[Problem]:
    """Transfer and the input features of a pair need two networks that tell the classes apart."""
    entries = {name: get("architectures", name) for name in names}
    answering = [name for name, entry in entries.items() if entry is not None and answers(entry)]
    numbers = [len(_seeds(get, name)) for name in answering]
    if len(answering) < len(names) and None not in entries.values() and sum(numbers) < 2:
        for section in ("attack", "features"):
            if get(section) is not None:
                text = "needs two networks that tell the classes apart, "
                text += f"{sum(numbers) or 'none'} of this study does, allowed: null"
                yield Problem(3, (section,), text)


def _data_problems(get: Any, unsound: list[KeyPath]) -> Iterator[Problem]:
    name, root = get("data", "name"), get("data", "root")
    if name == "digits" and root is not None:
        yield Problem(3, ("data", "root"), "the digits come with scikit-learn, leave it out")
    if name is None:
        return
    has, properties = OWN.get(name, ()), study_schema()["properties"]["data"]["properties"]
    for key, what in (("root", "some text"), ("size", "an integer from 1 up")):
        needed = name in OWN if key == "root" else key in has
        if needed and get("data", key) is None and ("data", key) not in unsound:
            yield Problem(1, ("data", key), f"missing, {name} needs it, allowed: {what}")
    for key in ("size", "crop", "test_samples"):
        given = get("data", key)
        if key not in has and given not in (properties[key]["default"], None):
            what = "test images of its own" if key == "test_samples" else "images of a size already"
            what = "no images" if name == IDS else what
            yield Problem(3, ("data", key), f"got {given}, but {name} has {what}, leave it out")


def _sample_problems(get: Any, data_set: Facts) -> Iterator[Problem]:
    train, fit = get("data", "train_samples"), get("data", "fit_samples") or 0
    name = get("data", "name")
    name = name if name in DATA_SETS else cut(str(get("data", "root")), OF_PATH)
    if fit == 1:
        text = "got 1, which no map can be fitted on, allowed: 0, or an integer from 2 up"
        yield Problem(2, ("data", "fit_samples"), text)
    if train is not None and data_set.classes is not None and train < data_set.classes:
        text = f"got {train}, but {name} has {data_set.classes} classes, and each needs an image"
        yield Problem(3, ("data", "train_samples"), text)
    left = None if data_set.train is None else data_set.train - fit
    total = f"{name} has {data_set.train} training images"
    if left is not None and left < 1:
        yield Problem(3, ("data", "fit_samples"), f"got {fit}, but {total}, and some must be left")
    elif left is not None and train is not None and train > left:
        text = f"got {train}, but {total}" + (f", {fit} of them in fit_samples" if fit else "")
        yield Problem(3, ("data", "train_samples"), text)
    available = fit or min((n for n in (train, left) if n is not None), default=None)
    cap = get("activations", "fit_samples")
    enough = available is None or cap is None or cap <= available
    if not enough and (left is None or left >= 1):
        text = f"got {cap}, but there are {available} to fit on"
        yield Problem(3, ("activations", "fit_samples"), text)
    for section in ("attack", "features"):
        samples = get(section, "samples")
        test = data_set.test
        if samples is not None and test is not None and samples > test:
            text = f"got {samples}, but {name} has {test} test images"
            yield Problem(3, (section, "samples"), text)


def _crop_problems(get: Any, names: list[Any], data_set: Facts) -> Iterator[Problem]:
    for section in _training_sections(names):
        padding = get(*section, "crop_padding")
        size = data_set.size
        if padding is not None and size is not None and padding >= size:
            text = f"got {padding}, but the images are only {size} pixels wide"
            yield Problem(3, (*section, "crop_padding"), text)


def _epsilon_problems(get: Any, data_set: Facts) -> Iterator[Problem]:
    rounded = get("attack", "quantise") is not False
    for section in (("attack",), *_variants(get)):
        for norm in NORMS:
            seen: list[tuple[str, float]] = []
            path: KeyPath = (*section, "epsilons", norm)
            for index, given in enumerate(get(*path) or ()):
                label, epsilon, wrong = _radius(given, norm, data_set, rounded=rounded)
                if wrong:
                    yield Problem(2, (*path, index), wrong)
                for other, value in seen:
                    if math.isclose(epsilon, value, rel_tol=1e-9):
                        yield Problem(
                            2, (*path, index), f"{label} is in the list already, as {other}"
                        )
                seen.append((label, epsilon))


def _radius(given: Any, norm: str, data_set: Facts, *, rounded: bool) -> tuple[str, float, str]:
    """The label and the radius of a ball, and what is wrong with it, if anything.

    Images that are `rounded` to 8 bits cannot change by less than a grey level, in either norm.
    """
    try:
        label, epsilon = parse_epsilon(given)
    except ValueError as error:
        return str(given), math.nan, str(error)
    label = cut(label)
    if epsilon < (1 / 255 if rounded else LEAST_FLOAT):
        bits, least = (8, "1/255") if rounded else (32, f"{LEAST_FLOAT:g}")
        wrong = f"got {label}, but {bits}-bit images cannot change by less than {least}"
        return label, epsilon, wrong
    values = (data_set.size or math.inf) ** 2 * (data_set.channels or math.inf)
    largest = diameter(norm, values)
    if epsilon > largest:
        return label, epsilon, f"got {label}, but no two images are further apart than {largest:g}"
    return label, epsilon, ""


def diameter(norm: str, values: float) -> float:
    """The distance of the furthest two images of so many values in [0, 1].

    What the balls say of themselves, without torch: a norm is named for its order, `l2` or `linf`.
    """
    return values ** (1 / float(norm.removeprefix("l")))


def _variants(get: Any) -> list[KeyPath]:
    return [("attack", "variants", name) for name in get("attack", "variants") or ()]


def _search_problems(get: Any) -> Iterator[Problem]:
    for path in _variants(get):
        if path[-1] in ("pgd", "noise"):
            yield Problem(2, path, f"{path[-1]} is an attack already, choose another name")
    for path in (("attack",), *_variants(get)):
        search = _search(get, path)
        same = search["random_start"] is False and not search["input_diversity"]
        if same and (search["restarts"] or 1) > 1:
            text = f"got {search['restarts']}, but without a random start all are the same"
            yield Problem(3, (*path, "restarts"), text)
        if search["schedule"] == "adaptive":
            yield from _adaptive_problems(get, path, search)
        if search["objective"] == "dlr" and search["target"] not in (None, "none"):
            text = f"got dlr, which is of the label, but the target is {search['target']}"
            yield Problem(3, (*path, "objective"), f"{text}, allowed: cross_entropy, margin")


def _search(get: Any, path: KeyPath) -> dict[str, Any]:
    """The settings of the search at `path`: a variant has those of `attack` that it does not change."""
    names = study_schema()["properties"]["attack"]["properties"]["variants"]
    own = {key: get(*path, key) for key in names["additionalProperties"]["properties"]}
    return {key: get("attack", key) if own[key] is None else own[key] for key in own}


def _adaptive_problems(get: Any, path: KeyPath, search: Mapping[str, Any]) -> Iterator[Problem]:
    """What an adaptive search decides by itself, or cannot do."""
    if search["momentum"]:
        text = f"got {search['momentum']:g}, but the adaptive schedule has a momentum of its own"
        yield Problem(3, (*path, "momentum"), f"{text}, allowed: 0")
    if search["input_diversity"]:
        text = (
            f"got {search['input_diversity']:g}, but the adaptive schedule compares what an image"
        )
        text += " meets from step to step, allowed: 0"
        yield Problem(3, (*path, "input_diversity"), text)
    given, default = get(*path, "step_size"), None
    if path == ("attack",):
        default = study_schema()["properties"]["attack"]["properties"]["step_size"]["default"]
    if given not in (None, default):
        text = (
            f"got {given:g}, but the adaptive schedule sets the length of its steps, leave it out"
        )
        yield Problem(3, (*path, "step_size"), text)


def _class_problems(get: Any, data_set: Facts) -> Iterator[Problem]:
    number = data_set.classes
    if number is None or number >= DLR_CLASSES:
        return
    for path in (("attack",), *_variants(get)):
        if get(*path, "objective") == "dlr":
            text = f"got dlr, which needs {DLR_CLASSES} classes or more, but there are {number}"
            yield Problem(3, (*path, "objective"), f"{text}, allowed: cross_entropy, margin")


def _adversarial_problems(get: Any, names: list[Any], data_set: Facts) -> Iterator[Problem]:
    sections = [(*section, "adversarial") for section in _training_sections(names)]
    nonrobust: KeyPath = ("features", "nonrobust")
    for path in [*sections, nonrobust]:
        given, norm = get(*path, "epsilon"), get(*path, "norm") or "linf"
        if given is not None:
            # What is trained on is never stored; images of non-robust features are, in 8 bits.
            _, _, wrong = _radius(given, norm, data_set, rounded=path == nonrobust)
            if wrong:
                yield Problem(2, (*path, "epsilon"), wrong)


def _training_sections(names: list[Any]) -> list[KeyPath]:
    return [("training",), *(("architectures", name, "training") for name in names)]


def _layer_problems(get: Any, names: list[Any]) -> Iterator[Problem]:
    """Layers that no network of the study has, where it is known of each what it has."""
    entries = [get("architectures", name) for name in names]
    if None in entries:
        return
    there = [layers_of(entry) for entry in entries]
    known = {layer for layers in there for layer in layers or ()}
    if None in there or not known:
        return
    for index, layer in enumerate(get("activations", "layers") or ()):
        if layer not in known:
            text = f"no network of the study has {layer}, allowed: {', '.join(sorted(known))}"
            yield Problem(3, ("activations", "layers", index), text)


def _layer_pair_problems(get: Any, names: list[Any]) -> Iterator[Problem]:
    models = [f"{name}/seed{seed}" for name in names for seed in _seeds(get, name)]
    known = set(models)
    pairs = get("geometry", "layer_pairs") or ()
    measures, layers = get("geometry", "measures"), get("activations", "layers")
    if pairs and measures and "cka_debiased" not in measures:
        text = "layers are compared by cka_debiased, add it to geometry.measures"
        yield Problem(3, ("geometry", "layer_pairs"), text)
    if pairs and layers is not None and set(layers) <= {"penultimate"}:
        text = "no layer but the representation is stored, add others to activations.layers"
        yield Problem(3, ("geometry", "layer_pairs"), text)
    for index, pair in enumerate(pairs):
        path: KeyPath = ("geometry", "layer_pairs", index)
        if pair[0] == pair[1]:
            yield Problem(2, path, f"{pair[0]} is given twice, allowed: two different models")
        for model in pair:
            if model not in known:
                # To compare with every name takes long, and nobody mends so many at once.
                meant = hint(model, models) if index < FIRST else ""
                text = f"the study has no model {cut(model)}{meant}"
                yield Problem(3, path, text)
