"""An epsilon has one label, and what is no positive number is refused."""

import pytest

from repcompare.study.epsilon import parse_epsilon


@pytest.mark.parametrize(
    ("given", "label", "value"),
    [
        ("8/255", "8/255", 8 / 255), (" 08 / 255.0 ", "8/255", 8 / 255),
        ("0.5/255", "0.5/255", 0.5 / 255), ("16/510", "16/510", 16 / 510),
        (0.5, "0.5", 0.5), ("0.50", "0.5", 0.5), (1, "1", 1.0), (10.0, "10", 10.0),
        (1e-5, "0.00001", 1e-5), ("1e-5", "0.00001", 1e-5),
    ],
)  # fmt: skip
def test_an_epsilon_has_one_label_however_it_is_written(given, label, value):
    assert parse_epsilon(given) == (label, value)
    assert parse_epsilon(label) == (label, value)


@pytest.mark.parametrize(
    "given",
    ["8/0", "8/255/2", "-8/255", "", "a", "0/255", 0, -1, True, None, [1], float("nan"),
     float("inf"), "1e999"],
)  # fmt: skip
def test_what_is_no_positive_number_is_no_epsilon(given):
    with pytest.raises(ValueError, match=r"zero|neither"):
        parse_epsilon(given)
