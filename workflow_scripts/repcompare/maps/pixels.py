"""Images as a representation: the source of a control map that has learnt nothing."""

from dataclasses import dataclass

import numpy as np

from repcompare.representations.moments import Rows


@dataclass(frozen=True)
class Pixels:
    """The first `n` images of a split as rows of pixels in [0, 1], read only as they are sliced."""

    images: Rows
    n: int

    @property
    def shape(self) -> tuple[int, int]:
        """(n, pixels times channels)."""
        return self.n, int(np.prod(self.images.shape[1:]))

    def __getitem__(self, rows: slice) -> np.ndarray:
        """The rows of a slice, float32, cut off at `n`."""
        start, stop, step = rows.indices(self.n)
        images = self.images[start:stop:step]
        return images.reshape(len(images), -1).astype(np.float32) / 255
