"""How many images are computed at a time.

Read while the workflow is parsed, for what jobs are to ask of a cluster: neither torch nor numpy is
imported.
"""

import math
from collections.abc import Sequence

# Of an image of CIFAR's size, in which batch sizes are given.
VALUES = 3 * 32 * 32


def images_at_once(batch_size: int, shape: Sequence[int]) -> int:
    """How many images of a shape (C, H, W) are computed at a time, at least one.

    `batch_size` images of up to 3,072 values, as CIFAR's have; of larger ones as many as have the
    values of so many of CIFAR's, for a network's memory grows with the values that it sees.
    """
    return max(1, min(batch_size, batch_size * VALUES // math.prod(shape)))
