"""What a network answers to stored images."""

import torch


@torch.inference_mode()
def logits_of(network: torch.nn.Module, images: torch.Tensor, batch_size: int) -> torch.Tensor:
    """Logits float32 (N, K), on the CPU, of uint8 images (N, C, H, W), computed in float32.

    `network` is in eval mode; the images go to its device a batch at a time.
    """
    device = next(network.buffers()).device
    return torch.cat(
        [network(to_float(batch.to(device))).cpu() for batch in images.split(batch_size)]
    )


def margins(logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """z_k − max_{j≠k} z_j for the class k of each row of logits (N, K), shape (N,).

    Of the labels it is negative exactly where the prediction is wrong (0 on a tie). `classes`
    int64 (N,).
    """
    column = classes[:, None]
    others = logits.scatter(1, column, -torch.inf)
    return logits.gather(1, column)[:, 0] - others.amax(1)


def to_float(images: torch.Tensor) -> torch.Tensor:
    """uint8 (N, C, H, W) → float32 in [0, 1], channels_last."""
    return images.to(torch.float32, memory_format=torch.channels_last).div_(255)
