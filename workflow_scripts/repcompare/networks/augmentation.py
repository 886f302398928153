"""Batches of uint8 images, augmented where they live, as the float images a network takes."""

import torch


class Augmentation:
    """Random crops after zero padding and random horizontal flips, a batch at a time.

    The usual recipe for images of this size (He et al. 2016, section 4.2), drawn per image from
    `generator`. With `crop_padding` 0 and no flip it only gathers the batch.
    """

    def __init__(
        self,
        images: torch.Tensor,
        crop_padding: int,
        horizontal_flip: bool,
        generator: torch.Generator,
    ) -> None:
        """`images` uint8 (N, C, H, W); `generator` must be a CPU generator."""
        self.height, self.width = images.shape[-2:]
        self.padding = crop_padding
        self.flip = horizontal_flip
        self.generator = generator
        n, channels, height, width = images.shape
        rows, columns = (slice(crop_padding, crop_padding + side) for side in (height, width))
        # Channels last, so that gathering a row of pixels copies one contiguous piece; one copy of
        # all images, for more may not fit.
        self.padded = images.new_zeros(
            n, height + 2 * crop_padding, width + 2 * crop_padding, channels
        )
        self.padded[:, rows, columns] = images.permute(0, 2, 3, 1)

    def __call__(self, index: torch.Tensor) -> torch.Tensor:
        """The images at `index` (B,) as float32 (B, C, H, W) in [0, 1], channels_last."""
        device = self.padded.device
        size = len(index)
        index = index.to(device)
        if not self.padding and not self.flip:
            return self.padded[index].permute(0, 3, 1, 2).to(torch.float32).div_(255)
        top, left = torch.randint(2 * self.padding + 1, (2, size, 1), generator=self.generator)
        rows = top + torch.arange(self.height)
        columns = left + torch.arange(self.width)
        if self.flip:
            flipped = torch.rand(size, generator=self.generator) < 0.5
            columns[flipped] = columns[flipped].flip(1)
        rows, columns = rows.to(device), columns.to(device)
        batch = self.padded[index[:, None, None], rows[:, :, None], columns[:, None, :]]
        return batch.permute(0, 3, 1, 2).to(torch.float32).div_(255)
