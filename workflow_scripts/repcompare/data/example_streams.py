"""A random stream for each example, of a seed and its id alone.

So that neither the batch size nor the order of the images changes what is drawn for one.
"""

from collections.abc import Iterator

import numpy as np

# What a stream is drawn for.
START, NOISE, TARGET, DIVERSITY, INVERSION = range(5)


def example_streams(
    ids: np.ndarray, seed: int, purpose: int, restart: int = 0
) -> Iterator[np.random.Generator]:
    """A generator for each of `ids`; those of different purposes or restarts do not overlap."""
    counter = [0, 0, restart, purpose]
    return (np.random.Generator(np.random.Philox(key=[seed, int(i)], counter=counter)) for i in ids)
