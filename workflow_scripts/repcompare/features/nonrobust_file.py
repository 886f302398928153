"""The reader of nonrobust images: training images that hold what one model uses, and their new labels."""

import numpy as np

from repcompare.storage.hdf5 import ModelFile


class NonrobustImages(ModelFile):
    """The images of one source. Written by `stages.make_nonrobust`."""

    @property
    def images(self) -> np.ndarray:
        """uint8 (n, C, H, W)."""
        return self.h5["images"][:]

    @property
    def success(self) -> float:
        """The share of them that the source takes for their new label."""
        return float(self.attribute("success"))
