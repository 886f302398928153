"""A batch size counts images of CIFAR's size, and changes nothing but speed and memory."""

import h5py
import numpy as np
import pytest
import torch

from repcompare.data.batches import images_at_once
from repcompare.networks.inference import batches, logits_of, to_bytes, to_float


class Exact(torch.nn.Module):
    """A convolution in float64, so that rounding is far below what is compared."""

    def __init__(self):
        super().__init__()
        drawn = torch.randn(5, 3, 9, 9, generator=torch.Generator().manual_seed(0))
        self.register_buffer("weight", drawn.double())

    def forward(self, images):
        return torch.nn.functional.conv2d(images.double(), self.weight, stride=7).mean((2, 3))


def photographs(n: int, side: int = 80) -> torch.Tensor:
    drawn = np.random.default_rng(0).integers(256, size=(n, 3, side, side), dtype=np.uint8)
    return torch.from_numpy(drawn)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((1, 8, 8), 500), ((3, 32, 32), 500), ((3, 64, 64), 125), ((3, 224, 224), 10)],
)
def test_images_of_cifars_size_are_taken_as_many_as_asked_for_and_larger_ones_fewer(
    shape, expected
):
    assert images_at_once(500, shape) == expected
    assert images_at_once(1, shape) == 1


def test_batches_cover_all_images_in_order():
    found = list(batches(25, 500, (3, 224, 224)))
    assert [(rows.start, rows.stop) for rows in found] == [(0, 10), (10, 20), (20, 25)]
    assert list(batches(0, 500, (3, 224, 224))) == []


def test_an_answer_depends_on_neither_the_batch_size_nor_how_much_is_read_at_a_time(
    tmp_path, monkeypatch
):
    images = photographs(11)
    whole = Exact()(to_float(images))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["images"] = images.numpy()
        for bytes_per_read in (1, 3 * images[0].numel(), 10**9):
            monkeypatch.setattr("repcompare.storage.hdf5.BYTES_PER_READ", bytes_per_read)
            for batch_size in (1, 20, 500):
                for source in (images, file["images"]):
                    found = logits_of(Exact(), source, batch_size)
                    torch.testing.assert_close(found, whole, rtol=1e-12, atol=1e-12)


def test_a_batch_holds_no_more_values_than_that_many_images_of_cifar():
    seen = []

    class Watched(Exact):
        def forward(self, images):
            seen.append(images.numel())
            return super().forward(images)

    logits_of(Watched(), photographs(11), 20)
    assert seen == [3 * 80 * 80 * 3] * 3 + [3 * 80 * 80 * 2]
    assert max(seen) <= 20 * 3 * 32 * 32


def test_bytes_are_the_nearest_to_their_floats():
    images = photographs(2)
    assert torch.equal(to_bytes(to_float(images)), images)
    near = (images.double() + 0.4).clamp(0, 255) / 255
    assert torch.equal(to_bytes(near.float()), images)


def test_images_of_float32_are_answered_as_they_are(tmp_path):
    images = photographs(11)
    whole, floats = Exact()(to_float(images)), to_float(images).contiguous()
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["images"] = floats.numpy()
        for source in (floats, file["images"]):
            found = logits_of(Exact(), source, 4)
            torch.testing.assert_close(found, whole, rtol=1e-12, atol=1e-12)
