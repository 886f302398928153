"""Images that are there more than once, which makes test images of training images."""

import hashlib
import itertools
from collections.abc import Iterator, Mapping

import numpy as np

from repcompare.data.photographs import NAMED, some
from repcompare.data.splits import Images


def image_hash(image: np.ndarray) -> int:
    """64 bits that tell the pixels of an image from those of others."""
    return int.from_bytes(hashlib.blake2b(image.tobytes(), digest_size=8).digest())


def duplicates(splits: Mapping[str, Images], hashes: Mapping[str, np.ndarray]) -> Iterator[str]:
    """A sentence for each split, and each two, that hold images with the same pixels.

    Args:
        splits: the images, by split.
        hashes: `image_hash` of each, uint64 (n,), by split.
    """
    for one, other in itertools.combinations_with_replacement(splits, 2):
        found, first = np.unique(hashes[one], return_index=True)
        at = np.minimum(np.searchsorted(found, hashes[other]), len(found) - 1)
        # Within a split every image finds itself, or the first that is the same.
        same = (found[at] == hashes[other]) & ((one != other) | (first[at] != np.arange(len(at))))
        places = np.flatnonzero(same)
        if len(places):
            named = [
                f"{splits[other].name(place)} is {splits[one].name(first[at[place]])}"
                for place in places[:NAMED]
            ]
            where = f"twice in {one}" if one == other else f"in {one} and in {other}"
            yield f"images that are {where}, {len(places)} of them: {some(named, len(places))}"
