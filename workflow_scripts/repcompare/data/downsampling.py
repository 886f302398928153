"""Images made smaller by averages over equal areas."""

import numpy as np


def downsampled(images: np.ndarray, most: int) -> np.ndarray:
    """Images (..., H, W) with no side above `most`: a longer one becomes `most` means, float32.

    Each mean is over the same length of the side, of a pixel that lies in two of them its share in
    each. Images without a longer side are returned as they are.
    """
    for axis in (-2, -1):
        side = images.shape[axis]
        if side > most:
            images = np.moveaxis(np.moveaxis(images, axis, -1) @ _shares(side, most), -1, axis)
    return images


def _shares(side: int, parts: int) -> np.ndarray:
    """How much of each part's length lies in each pixel of a side, float32 (side, parts)."""
    ends = np.arange(parts + 1) * side / parts
    pixels = np.arange(side)[:, None]
    covered = np.minimum(pixels + 1, ends[1:]) - np.maximum(pixels, ends[:-1])
    return (np.clip(covered, 0, None) * parts / side).astype(np.float32)
