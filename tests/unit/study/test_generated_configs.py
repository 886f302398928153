"""Whatever stands in a config file, it is accepted or refused in lines that can be read."""

from hypothesis import HealthCheck, given, settings
from unit.support.generated_configs import config_files, outcome

# Allowed values may be many.
LONGEST = 700


@settings(
    max_examples=100,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(content=config_files())
def test_a_config_is_accepted_or_refused_in_lines(tmp_path_factory, content):
    found = outcome(content, tmp_path_factory.getbasetemp() / "generated.yaml")
    assert found.kind in ("accepted", "refused"), found.text
    for line in found.text.splitlines():
        assert line.isprintable()
        assert len(line) <= LONGEST
