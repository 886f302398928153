"""Photographs of any size and kind, as 8-bit colour images of one size."""

import io
import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from repcompare.data.catalogue import DataError

LOG = logging.getLogger(__name__)

# EXIF's tag for how an image lies, and what turns it upright, by the tag's value.
ORIENTATION = 0x0112
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Formats whose 32-bit integers are 16-bit values.
SIXTEEN_BITS = ("PNG", "PPM")
# Files named in a message that is about many.
NAMED = 3


def read_all(
    sources: Iterable[tuple[str, Path | bytes]], size: int, crop: float
) -> Iterator[np.ndarray]:
    """The photographs, one after the other, as `read_photograph` reads them.

    Args:
        sources: a name and a file, or the bytes of one, for each.
        size: see `read_photograph`.
        crop: see `read_photograph`.

    Raises:
        DataError: some cannot be read; all have been tried then.
    """
    broken = []
    for name, source in sources:
        try:
            image = read_photograph(source, size, crop)
        # What a decoder stumbles over in a broken file can be anything.
        except Exception as error:
            broken.append(f"{name} ({_reason(error)})")
            continue
        if not broken:
            yield image
    if broken:
        raise DataError(f"data.root: cannot read {some(broken)}")


def some(names: Sequence[str], number: int | None = None) -> str:
    """A list of names in words: the first three, and how many more there are of `number`."""
    more = (len(names) if number is None else number) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def read_photograph(source: Path | bytes, size: int, crop: float) -> np.ndarray:
    """One image, uint8 (3, size, size): upright, in RGB, a square cut out of its middle.

    As torchvision's `Resize(size / crop)` and `CenterCrop(size)` do it: bilinear with antialiasing.
    Transparency is left out, and of several pictures in a file the first is taken.

    Raises:
        Exception: whatever is wrong with the file.
    """
    with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
        upright = _upright(image, source)
        return _square(_rgb(upright, image.format), size, crop)


def _upright(image: Image.Image, source: Path | bytes) -> Image.Image:
    """The image as its EXIF says that it is to be seen."""
    image.load()
    try:
        exif = image.getexif()
        turn = UPRIGHT.get(exif.get(ORIENTATION, 1))
        # What Pillow met with an error while it opened the file, it takes for nothing now.
        if not exif and image.info.get("exif"):
            raise ValueError("no entries")
    # A decoder of EXIF, too, stumbles over anything; the pixels are whole.
    except Exception as error:
        what = "an image" if isinstance(source, bytes) else source
        LOG.warning("%s: EXIF cannot be read (%s), taken as it lies", what, _reason(error))
        return image
    return image if turn is None else image.transpose(turn)


def _rgb(image: Image.Image, form: str | None) -> Image.Image:
    """The image in 8-bit RGB; 16-bit grey values are scaled, where `convert` would clip them."""
    if image.mode.startswith("I;16") or (image.mode == "I" and form in SIXTEEN_BITS):
        values = np.asarray(image).astype(np.uint32)
        image = Image.fromarray(((values + 128) // 257).astype(np.uint8))
    elif image.mode in ("I", "F"):
        raise ValueError(f"32-bit pixels, mode {image.mode}, whose range is not known")
    # A palette's transparent colour is left out without a warning only this way.
    return (image.convert("RGBA") if image.mode == "P" else image).convert("RGB")


def _square(image: Image.Image, size: int, crop: float) -> np.ndarray:
    """The middle of the image, `size` pixels wide, once its shorter side is `size / crop`."""
    short, long = sorted(image.size)
    to = round(size / crop)
    wide = int(to * long / short)
    across, down = (to, wide) if image.width <= image.height else (wide, to)
    if (across, down) != image.size:
        image = image.resize((across, down), Image.Resampling.BILINEAR)
    left, top = round((across - size) / 2), round((down - size) / 2)
    cut = image.crop((left, top, left + size, top + size))
    return np.ascontiguousarray(np.asarray(cut).transpose(2, 0, 1))


def _reason(error: Exception) -> str:
    """Why a file cannot be read, in a few words."""
    if isinstance(error, UnidentifiedImageError):
        return "not an image"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = " ".join(str(error).split())
    return "truncated" if "truncated" in text else text or type(error).__name__
