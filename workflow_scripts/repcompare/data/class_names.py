"""Classes by name: which outputs of a network are the classes of a study."""

import difflib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

# ImageNet's 1,000 classes in the order of their synsets, each a line of synset and name.
IMAGENET_CLASSES = Path(__file__).with_name("imagenet_classes.txt")


def output_names(classes: str | Sequence[str]) -> list[tuple[str, ...]]:
    """The names that each output goes by: of a list, of a file with one a line, or of `imagenet`."""
    if not isinstance(classes, str):
        return [(name,) for name in classes]
    if classes != "imagenet":
        lines = Path(classes).read_text(encoding="utf-8").splitlines()
        return [(line.strip(),) for line in lines if line.strip()]
    lines = IMAGENET_CLASSES.read_text(encoding="utf-8").splitlines()
    return [(synset, name) for synset, _, name in (line.partition(" ") for line in lines)]


def outputs_of(classes: Sequence[str], outputs: Sequence[tuple[str, ...]]) -> list[int]:
    """The place among `outputs` of each of `classes`, by name: case, spaces and `_` do not count.

    Raises:
        ValueError: classes that no output, or more than one, goes by.
    """
    places = {_plain(name): place for place, names in enumerate(outputs) for name in names}
    counts = Counter(_plain(name) for names in outputs for name in set(names))
    unknown = [name for name in classes if _plain(name) not in places]
    if unknown:
        close = difflib.get_close_matches(_plain(unknown[0]), places, n=1, cutoff=0.7)
        meant = f" (did you mean {close[0]}?)" if close else ""
        shown = ", ".join(unknown[:10]) + (", …" if len(unknown) > 10 else "")
        raise ValueError(f"does not know {shown}{meant}")
    double = [name for name in classes if counts[_plain(name)] > 1]
    if double:
        raise ValueError(f"more than one output is named {', '.join(double)}")
    return [places[_plain(name)] for name in classes]


def _plain(name: str) -> str:
    return name.replace("_", " ").casefold().strip()
