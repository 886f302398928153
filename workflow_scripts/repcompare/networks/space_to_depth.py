"""A convolution with a stride as one without, over blocks of pixels."""

import math

from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

# The kernel in whole blocks is at most so many times as large, zeros included.
MOST_AREA = 1.5
# Beyond which a convolution is as fast as one of blocks.
MOST_CHANNELS = 4


class SpaceToDepthConv2d(nn.Module):
    """A convolution with a stride of s as one without, over blocks of s×s pixels: the same function.

    The way back to an image, of one or three channels, is slow on a CPU. To blocks, which have s²
    times as many, it takes a sixth to a half of the time.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        """Take the weights of a convolution that `gains_by_blocks`."""
        super().__init__()
        assert not isinstance(convolution.padding, str)
        self.stride, self.padding = convolution.stride, convolution.padding
        self.kernel_size, self.bias = convolution.kernel_size, convolution.bias
        (high, wide), (down, right) = kernel_in_blocks(convolution), self.stride
        below, beside = high * down - self.kernel_size[0], wide * right - self.kernel_size[1]
        whole = pad(convolution.weight, (0, beside, 0, below))
        blocks = whole.unflatten(3, (wide, right)).unflatten(2, (high, down))
        # The values of a block are in the order in which they lie in memory, channels last.
        weight = blocks.permute(0, 3, 5, 1, 2, 4).flatten(1, 3)
        self.weight = nn.Parameter(weight, requires_grad=convolution.weight.requires_grad)

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H', W'), channels last."""
        (high, above, below), (wide, left, beside) = map(self._padding, (0, 1), images.shape[2:])
        pixels = pad(images, (left, beside, above, below)).permute(0, 2, 3, 1)
        shape = (high, self.stride[0]), (wide, self.stride[1])
        blocks = pixels.unflatten(2, shape[1]).unflatten(1, shape[0]).transpose(2, 3)
        return conv2d(blocks.flatten(3).permute(0, 3, 1, 2), self.weight, self.bias)

    def _padding(self, axis: int, size: int) -> tuple[int, int, int]:
        """How many blocks a side of the image has, and the padding before and after it."""
        before, stride = self.padding[axis], self.stride[axis]
        steps = (size + 2 * before - self.kernel_size[axis]) // stride
        blocks = steps + self.weight.shape[2 + axis]
        # Pixels that no step of the convolution reaches are cut off.
        return blocks, before, blocks * stride - size - before


def kernel_in_blocks(convolution: nn.Conv2d) -> tuple[int, int]:
    """Height and width of a kernel in blocks of its stride, rounded up."""
    sides = zip(convolution.kernel_size, convolution.stride, strict=True)
    high, wide = (-(-kernel // stride) for kernel, stride in sides)
    return high, wide


def gains_by_blocks(convolution: nn.Conv2d) -> bool:
    """Whether few channels become more, and the kernel not much larger."""
    plain = (
        convolution.groups == max(convolution.dilation) == 1
        and convolution.padding_mode == "zeros"
        and not isinstance(convolution.padding, str)
    )
    area = math.prod(kernel_in_blocks(convolution)) * math.prod(convolution.stride)
    small = area <= MOST_AREA * math.prod(convolution.kernel_size)
    few = convolution.in_channels <= MOST_CHANNELS and min(convolution.stride) > 1
    return plain and small and few
