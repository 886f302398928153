"""Images as a representation: the source of a control map that has learnt nothing."""

from dataclasses import dataclass

import numpy as np

from repcompare.data.downsampling import downsampled
from repcompare.representations.moments import Rows
from repcompare.storage.hdf5 import row_slices

# A map from d pixels is d×d work: of photographs it is from what they look like from afar.
LONGEST_SIDE = 32


@dataclass(frozen=True)
class Pixels:
    """The first `n` images of a split as rows of pixels in [0, 1], read only as they are sliced.

    Images with a side above 32 pixels are averaged to 32.
    """

    images: Rows
    n: int

    @property
    def shape(self) -> tuple[int, int]:
        """(n, pixels times channels), as they are mapped from."""
        channels, *sides = self.images.shape[1:]
        return self.n, int(np.prod([channels, *(min(side, LONGEST_SIDE) for side in sides)]))

    def __getitem__(self, rows: slice) -> np.ndarray:
        """The rows of a slice, float32, cut off at `n`."""
        start, stop, step = rows.indices(self.n)
        places = range(start, stop, step)
        found = np.empty((len(places), self.shape[1]), np.float32)
        # Large images are large as floats, too.
        for part in row_slices((len(places), *self.images.shape[1:]), np.float32):
            some = places[part]
            images = self.images[some.start : some.stop : some.step]
            found[part] = downsampled(images, LONGEST_SIDE).reshape(len(some), -1)
            found[part] /= 255
        return found
