"""Small images of one's own, in every kind of file, and the data files made of them."""

import io
from pathlib import Path

import h5py
import numpy as np
from PIL import Image

from repcompare.stages.prepare_data import prepare_data

SETTINGS = {"fit_samples": 0, "train_samples": None}
PHOTOGRAPHS = {"name": "folder", "size": 8, "crop": 1.0}


def random_images(n: int, *shape: int, seed: int = 0) -> np.ndarray:
    """Images uint8 (n, *shape)."""
    return np.random.default_rng(seed).integers(256, size=(n, *shape), dtype=np.uint8)


def png(image: np.ndarray) -> bytes:
    """A PNG file of an image uint8 (H, W, 3)."""
    content = io.BytesIO()
    Image.fromarray(image).save(content, "PNG")
    return content.getvalue()


def image_folder(root: Path, numbers: dict[str, int], seed: int = 0) -> Path:
    """A folder with so many images of 8x8 in each folder below it, such as `train/cat`."""
    for place, (folder, number) in enumerate(numbers.items()):
        (root / folder).mkdir(parents=True)
        for i, image in enumerate(random_images(number, 8, 8, 3, seed=100 * seed + place)):
            (root / folder / f"{i}.png").write_bytes(png(image))
    return root


def prepared(path: Path, root: Path, **settings) -> dict[str, dict[str, np.ndarray]]:
    """What the data file holds that is made at `path` of a folder of photographs: by split and name."""
    settings = {**PHOTOGRAPHS, "test_samples": None, **SETTINGS, **settings}
    prepare_data(path, settings=settings, root=str(root))
    with h5py.File(path) as file:
        return {split: {k: v[:] for k, v in group.items()} for split, group in file.items()}
