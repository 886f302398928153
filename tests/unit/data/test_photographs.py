"""Photographs of every kind become upright 8-bit colour images of one size."""

import io
import logging

import numpy as np
import pytest
import torchvision
from PIL import Image
from unit.support.own_images import png, random_images

from repcompare.data.catalogue import DataError
from repcompare.data.photographs import ORIENTATION, read_all, read_photograph

# A picture with no symmetry: rows red, green, blue and grey, brighter to the right.
PICTURE = np.zeros((40, 40, 3), np.uint8)
for row, channels in enumerate(([0], [1], [2], [0, 1, 2])):
    PICTURE[10 * row : 10 * row + 10, :, channels] = 60
    PICTURE[10 * row : 10 * row + 10, 20:, channels] = 250
# What a camera held the other way stores of it, by the tag that says so.
STORED = {
    1: PICTURE,
    2: PICTURE[:, ::-1],
    3: PICTURE[::-1, ::-1],
    4: PICTURE[::-1],
    5: PICTURE.transpose(1, 0, 2),
    6: np.rot90(PICTURE, 1),
    7: np.rot90(PICTURE, 2).transpose(1, 0, 2),
    8: np.rot90(PICTURE, -1),
}


def saved(image: Image.Image, form: str, **options) -> bytes:
    content = io.BytesIO()
    image.save(content, form, **options)
    return content.getvalue()


def whole(content: bytes, size: int = 40) -> np.ndarray:
    """The image as it lies, (H, W, 3)."""
    return read_photograph(content, size, 1.0).transpose(1, 2, 0)


@pytest.mark.parametrize("tag", STORED)
def test_an_image_is_turned_as_its_exif_says(tag):
    exif = Image.Exif()
    exif[ORIENTATION] = tag
    stored = Image.fromarray(np.ascontiguousarray(STORED[tag]))
    found = whole(saved(stored, "JPEG", exif=exif, quality=100, subsampling=0))
    assert np.abs(found.astype(int) - PICTURE).max() <= 3


def test_an_image_whose_exif_cannot_be_read_is_taken_as_it_lies(caplog):
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    content = saved(Image.fromarray(PICTURE), "JPEG", exif=exif, quality=100, subsampling=0)
    assert content.count(b"Exif\0\0MM\0*") == 1
    with caplog.at_level(logging.WARNING):
        found = whole(content.replace(b"Exif\0\0MM\0*", b"Exif\0\0XX\0*"))
    assert np.abs(found.astype(int) - PICTURE).max() <= 3
    assert "EXIF cannot be read" in caplog.text


GREY = random_images(1, 40, 40)[0]
COLOUR = random_images(1, 40, 40, 3)[0]


def test_grey_images_have_three_equal_channels():
    for image in (Image.fromarray(GREY), Image.fromarray(GREY).convert("LA")):
        assert (whole(saved(image, "PNG")) == GREY[..., None]).all()
    bilevel = Image.fromarray(GREY > 100)
    assert (whole(saved(bilevel, "PNG")) == 255 * (GREY > 100)[..., None]).all()


def test_a_cmyk_jpeg_has_the_colours_that_it_is_printed_in():
    ink = np.zeros((40, 40, 4), np.uint8)
    ink[:, :20, 0] = 255
    ink[:, 20:, 3] = 128
    found = whole(saved(Image.fromarray(ink, "CMYK"), "JPEG", quality=100)).astype(int)
    assert np.abs(found[:, :16] - (0, 255, 255)).max() < 4
    assert np.abs(found[:, 24:] - (127, 127, 127)).max() < 4


def test_sixteen_bits_are_scaled_and_not_clipped():
    values = (GREY.astype(np.uint16) * 257).astype(np.uint16)
    for form in ("PNG", "TIFF"):
        assert (whole(saved(Image.fromarray(values), form)) == GREY[..., None]).all()
    pgm = b"P5 40 40 65535\n" + values.astype(">u2").tobytes()
    assert (whole(pgm) == GREY[..., None]).all()


def test_a_palette_and_transparency_leave_the_colours():
    palette = Image.fromarray(COLOUR).quantize(64)
    for options in ({}, {"transparency": 3}, {"transparency": bytes(range(64))}):
        expected = np.asarray(palette.convert("RGB"))
        assert (whole(saved(palette, "PNG", **options)) == expected).all()
    clear = np.dstack([COLOUR, GREY])
    assert (whole(saved(Image.fromarray(clear), "PNG")) == COLOUR).all()


def test_pixels_whose_range_is_not_known_are_refused():
    for mode in ("F", "I"):
        content = saved(Image.fromarray(GREY).convert(mode), "TIFF")
        with pytest.raises(ValueError, match="32-bit pixels"):
            read_photograph(content, 40, 1.0)


@pytest.mark.parametrize("shape", [(375, 500), (500, 333), (90, 90), (300, 1001)])
@pytest.mark.parametrize(("size", "crop"), [(224, 0.875), (64, 1.0), (63, 0.7)])
def test_the_middle_is_cut_out_as_torchvision_does(shape, size, crop):
    photograph = Image.fromarray(random_images(1, *shape, 3)[0])
    transforms = torchvision.transforms
    expected = transforms.CenterCrop(size)(transforms.Resize(round(size / crop))(photograph))
    found = read_photograph(saved(photograph, "PNG"), size, crop)
    np.testing.assert_array_equal(found, np.asarray(expected).transpose(2, 0, 1))


def test_all_files_that_cannot_be_read_are_named_with_a_reason(tmp_path):
    good = saved(Image.fromarray(COLOUR), "JPEG")
    files = {
        "good.jpg": good,
        "cut.jpg": good[: len(good) // 2],
        "cut.png": png(COLOUR)[:-500],
        "text.jpg": b"<html>not found</html>",
        "empty.jpg": b"",
    }
    sources = []
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        sources.append((name, tmp_path / name))
    sources.append(("gone.jpg", tmp_path / "gone.jpg"))
    read = read_all(sources, 8, 1.0)
    assert next(read).shape == (3, 8, 8)
    with pytest.raises(DataError) as refusal:
        list(read)
    assert str(refusal.value) == (
        "data.root: cannot read cut.jpg (truncated), cut.png (truncated), "
        "text.jpg (not an image) and 2 more"
    )
    with pytest.raises(DataError, match=r"gone\.jpg \(No such file or directory\)$"):
        list(read_all(sources[-1:], 8, 1.0))
