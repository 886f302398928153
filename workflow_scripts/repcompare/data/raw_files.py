"""Where images of one's own lie: folders of classes, a file of arrays, or Parquet files.

Read while the workflow is parsed: the images are neither read nor counted.
"""

import contextlib
import os
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from repcompare.data.catalogue import DATA_SETS, IDS, DataError, Facts
from repcompare.data.npz import Header, headers

# What the split of test images may be called; of several it is the first one.
TEST_NAMES = ("test", "val", "validation")
IMAGES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
ARRAYS = (".npz", ".h5", ".hdf5")
# Grey or colour.
CHANNELS = (1, 3)


def raw_files(data: Mapping[str, Any]) -> list[str]:
    """The files that tell whether images of one's own have changed; none of a known data set.

    Of folders of classes the folders themselves, whose dates change as images come and go.

    Args:
        data: the section of a validated config.

    Raises:
        DataError: they are not there, or do not lie as they must.
    """
    if data["name"] in DATA_SETS:
        return []
    root = Path(data["root"])
    with _readable(root):
        splits, files = _splits_and_files(data["name"], root)
    if splits is not None:
        require_test_images(root, test_name(splits) is not None, data["test_samples"])
    return list(map(str, files))


@contextlib.contextmanager
def _readable(root: Path) -> Iterator[None]:
    """Tell of a path that cannot be looked at, as one too long or of another user, as of the data's."""
    try:
        yield
    except OSError as error:
        raise DataError(f"data.root: {root}: {error.strerror or error}") from error


def _splits_and_files(name: str, root: Path) -> tuple[Collection[str] | None, list[Path]]:
    """The splits, None if they cannot be known yet, and the files."""
    if name == "folder":
        folders = class_folders(root)
        return folders, [path for classes in folders.values() for path in classes.values()]
    if name == "parquet":
        files = parquet_files(root)
        return files, [path for paths in files.values() for path in paths]
    if name == IDS:
        if not root.is_file():
            raise DataError(f"data.root: {root}: no such file")
        # Its splits are known when it is read.
        return None, [root]
    path = arrays_file(root)
    return (array_splits(headers(path)) if path.suffix == ".npz" else None), [path]


def facts(data: Mapping[str, Any]) -> Facts:
    """What is known of the images of a config's `data`, which need not be valid, at a glance.

    The number of images in folders and in Parquet files, and all of an HDF5 file, is not.
    """
    name, test = data.get("name"), data.get("test_samples")
    if name in DATA_SETS:
        return Facts(*DATA_SETS[name])
    if name in ("folder", "parquet"):
        known = Facts(size=data.get("size"), channels=3, test=test)
        if name == "folder" and data.get("root"):
            root = Path(data["root"])
            try:
                with _readable(root):
                    return known._replace(classes=len(class_folders(root)["train"]))
            except DataError:
                return known
        return known
    if name != "arrays" or not str(data.get("root")).endswith(".npz"):
        return Facts(test=test)
    root = Path(data["root"])
    try:
        with _readable(root):
            found = headers(arrays_file(root))
        size, channels, _ = image_axes("train_images", found["train_images"].shape)
    except (DataError, KeyError):
        return Facts(test=test)
    train, split = found["train_images"].shape[0], test_name(array_splits(found))
    named = found.get("class_names", Header("", ())).shape
    classes = named[0] if named else None
    if split:
        return Facts(size, channels, train, found[f"{split}_images"].shape[0], classes)
    return Facts(size, channels, train - test if test else None, test, classes)


def test_name(splits: Collection[str]) -> str | None:
    """The split of test images; None if there is none."""
    return next((name for name in TEST_NAMES if name in splits), None)


def require_test_images(root: Path, there: bool, test_samples: int | None) -> None:
    """Raise DataError unless either there are test images or some are held out."""
    if there and test_samples is not None:
        text = f"got {test_samples}, but {root} has test images already, leave it out"
        raise DataError(f"data.test_samples: {text}")
    if not there and test_samples is None:
        text = f"missing, for {root} has no test images, allowed: an integer from 1 up"
        raise DataError(f"data.test_samples: {text}")


def class_folders(root: Path) -> dict[str, dict[str, Path]]:
    """The folder of each class, by split and class, sorted: `train`, and test images if there are.

    A folder without a folder `train` is that of the classes. Raises DataError.
    """
    if not root.is_dir():
        raise DataError(f"data.root: {root}: no such folder")
    inside = _folders(root)
    test = test_name(inside)
    if "train" not in inside:
        if test:
            raise DataError(f"data.root: {root}: a folder {test}, but no folder train")
        return {"train": inside}
    found = {"train": _folders(inside["train"])}
    if test:
        found[test] = _folders(inside[test])
        for name, path in found[test].items():
            if name not in found["train"]:
                raise DataError(f"data.root: {path}: no such class in {inside['train']}")
    return found


def _folders(folder: Path) -> dict[str, Path]:
    """The folders in a folder, but for hidden ones, by name in Unicode's composed form."""
    found: dict[str, Path] = {}
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            name = unicodedata.normalize("NFC", entry.name)
            if name in found:
                raise DataError(f"data.root: {entry.path}: {found[name]} has the same name")
            found[name] = folder / entry.name
        elif entry.name.lower().endswith(IMAGES):
            raise DataError(f"data.root: {entry.path}: an image that is in no class's folder")
    if not found:
        raise DataError(f"data.root: {folder}: holds no folders, allowed: one for each class")
    return dict(sorted(found.items()))


def arrays_file(root: Path) -> Path:
    """The file of arrays. Raises DataError."""
    if root.suffix not in ARRAYS:
        raise DataError(f"data.root: {root}: not a file of arrays, allowed: {', '.join(ARRAYS)}")
    if not root.is_file():
        raise DataError(f"data.root: {root}: no such file")
    return root


def array_splits(names: Collection[str]) -> list[str]:
    """The splits of a file that holds arrays of these names."""
    return [split for split in ("train", *TEST_NAMES) if f"{split}_images" in names]


def image_axes(name: str, shape: tuple[int, ...]) -> tuple[int, int, str]:
    """Side and channels of an array of images, and its axes: `NHW`, `NHWC` or `NCHW`.

    Raises DataError for any other shape.
    """
    if len(shape) == 3 and shape[1] == shape[2]:
        return shape[1], 1, "NHW"
    if len(shape) == 4 and shape[1] == shape[2] and shape[3] in CHANNELS:
        return shape[1], shape[3], "NHWC"
    if len(shape) == 4 and shape[2] == shape[3] and shape[1] in CHANNELS:
        return shape[2], shape[1], "NCHW"
    text = "allowed: (n, side, side), with 1 or 3 channels behind or before the sides"
    raise DataError(f"data.root: {name} is {shape}, {text}")


def parquet_files(root: Path) -> dict[str, list[Path]]:
    """The Parquet files of each split, sorted: `train`, and test images if there are.

    A file is of the split that its name begins with, or else its folder's; a single file is all
    there is. Raises DataError.
    """
    if root.is_file():
        return {"train": [root]}
    if not root.is_dir():
        raise DataError(f"data.root: {root}: no such file or folder")
    found: dict[str, list[Path]] = {}
    for path in sorted(root.rglob("*.parquet")):
        split = _split_of(path.name) or _split_of(path.parent.name)
        if split is None:
            text = f"allowed: a name that begins with train, {', '.join(TEST_NAMES)}"
            raise DataError(f"data.root: {path}: of no split, {text}")
        found.setdefault(split, []).append(path)
    if "train" not in found:
        raise DataError(f"data.root: {root}: no train*.parquet in it")
    test = test_name(found)
    return {split: found[split] for split in ("train", test) if split}


def _split_of(name: str) -> str | None:
    begins = re.match(rf"(train|{'|'.join(TEST_NAMES)})(?![a-z])", name)
    return begins[1] if begins else None
