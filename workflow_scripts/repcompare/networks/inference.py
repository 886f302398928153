"""What a network answers to stored images."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import torch

from repcompare.data.batches import images_at_once
from repcompare.storage.hdf5 import rows_at_once


class StoredImages(Protocol):
    """Images (N, C, H, W), uint8 or float32 in [0, 1], a tensor or a data set read as it is sliced."""

    @property
    def shape(self) -> Sequence[int]: ...

    @property
    def dtype(self) -> Any: ...

    def __getitem__(self, rows: slice) -> Any: ...


def batches(n: int, batch_size: int, shape: Sequence[int]) -> Iterator[slice]:
    """The slices of n images of a shape (C, H, W) in order, `images_at_once` in each."""
    size = images_at_once(batch_size, shape)
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


@torch.inference_mode()
def logits_of(network: torch.nn.Module, images: StoredImages, batch_size: int) -> torch.Tensor:
    """Logits float32 (N, K), on the CPU, of images (N, C, H, W), computed in float32.

    Args:
        network: in eval mode; the images go to its device a batch at a time.
        images: read by about 64 MB at a time, where they are in a file.
        batch_size: see `images_at_once`.
    """
    device, (n, *shape) = next(network.buffers()).device, images.shape
    size = images_at_once(batch_size, shape)
    # Whole batches, so that what is in a batch does not depend on where the images are.
    read = max(1, rows_at_once(images.shape, f"V{images.dtype.itemsize}") // size) * size
    found, done = torch.empty(0), 0
    for start in range(0, n, read):
        part = torch.as_tensor(images[start : start + read])
        for batch in part.split(size):
            logits = network(to_float(batch.to(device)))
            if not done:
                # At once: pieces that are kept would break up the memory that the next batch needs.
                found = torch.empty(n, *logits.shape[1:], dtype=logits.dtype)
            found[done : done + len(batch)] = logits
            done += len(batch)
    return found


def margins(logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """z_k − max_{j≠k} z_j for the class k of each row of logits (N, K), shape (N,).

    Of the labels it is negative exactly where the prediction is wrong (0 on a tie). `classes`
    int64 (N,).
    """
    column = classes[:, None]
    others = logits.scatter(1, column, -torch.inf)
    return logits.gather(1, column)[:, 0] - others.amax(1)


def to_float(images: torch.Tensor) -> torch.Tensor:
    """uint8 (N, C, H, W) → float32 in [0, 1], channels_last; float32 stays what it is."""
    if images.dtype == torch.float32:
        return images.contiguous(memory_format=torch.channels_last)
    return images.to(torch.float32, memory_format=torch.channels_last).div_(255)


def to_bytes(images: torch.Tensor) -> torch.Tensor:
    """float32 in [0, 1] → uint8, each value to the nearest."""
    return (images * 255).round().to(torch.uint8)
