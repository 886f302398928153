"""Whatever is compared, there is a number in its range, a reason why there is none, or a refusal in words."""

import pytest
from hypothesis import HealthCheck, given, settings
from unit.support.generated_representations import pairs, problems


@pytest.mark.slow
@settings(
    max_examples=50,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(pair=pairs())
def test_nothing_is_out_of_range_without_a_reason_or_changed_by_what_it_does_not_change_with(pair):
    assert problems(pair) == []
