"""What a file of numpy's says of itself is believed only as far as it can be true."""

import struct
import zipfile

import numpy as np
import pytest

from repcompare.data.catalogue import DataError
from repcompare.data.npz import headers, values


def entry(header: str, content: bytes = b"", version: int = 1) -> bytes:
    """An array as numpy saves it, with any header."""
    size = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes((version, 0)) + size + header.encode() + content


def said(descr="'|u1'", order="False", shape="(4,)") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}}}"


NO_ARRAY = "not an array as numpy saves it"
REFUSED = {
    entry(said(), b"1234567"): "7 bytes, but its shape is (4,) of |u1, which are 4",
    entry(said(), b"12"): "2 bytes, but its shape is (4,) of |u1, which are 4",
    entry(said(shape="(10**9,)"), b"12"): NO_ARRAY,
    entry(
        said(shape=f"({10**12}, 28, 28)"), b"12"
    ): "2 bytes, but its shape is (1000000000000, 28, 28) of |u1, which are 784000000000000",
    entry(said(shape="(-1, -4)"), b"1234"): NO_ARRAY,
    entry(said(shape="(4.0,)"), b"1234"): NO_ARRAY,
    entry(said(shape="4"), b"1234"): NO_ARRAY,
    entry(said("'|O'"), b"1234"): "holds Python objects, allowed: numbers or text",
    entry(said("[('a', '|u1')]"), b"1234"): "holds Python objects, allowed: numbers or text",
    entry(said("'x'"), b"1234"): NO_ARRAY,
    entry(said(order="True", shape="(2, 2)"), b"1234"): "stored column by column, "
    "save numpy.ascontiguousarray of it",
    entry("7"): NO_ARRAY,
    entry("{}"): NO_ARRAY,
    entry("(" * 9000 + ")" * 9000): NO_ARRAY,
    entry("__import__('os')"): NO_ARRAY,
    entry(said() + " " * 20_000_000, b"1234", version=2): NO_ARRAY,
    b"": NO_ARRAY,
}


@pytest.mark.parametrize("content", REFUSED, ids=lambda content: repr(content[10:70]))
def test_a_header_that_cannot_be_true_is_refused(tmp_path, content):
    path = tmp_path / "mine.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("train_images.npy", content)
    with pytest.raises(DataError) as caught:
        headers(path)
    assert str(caught.value) == f"data.root: {path}: train_images: {REFUSED[content]}"


def test_what_is_true_is_read(tmp_path):
    arrays = {
        "numbers": np.arange(6.0).reshape(2, 3),
        "names": np.array(["a", "bcd"]),
        "none": np.zeros((0, 3), np.uint8),
        "one": np.array(True),
    }
    np.savez_compressed(tmp_path / "mine.npz", **arrays)
    assert headers(tmp_path / "mine.npz") == {
        name: (array.dtype.str, array.shape) for name, array in arrays.items()
    }
    with values(tmp_path / "mine.npz", "numbers") as (header, stream):
        np.testing.assert_array_equal(
            np.frombuffer(stream.read(), header.dtype), arrays["numbers"].ravel()
        )
