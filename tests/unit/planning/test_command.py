"""`python -m repcompare.planning` refuses a config before Snakemake is called."""

import pytest

from repcompare.planning import __main__ as command


def test_a_config_that_snakemake_would_run_is_refused_before_it_is_called(monkeypatch, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("__use_yte__: true\nstudy: ?open('ran', 'w')\n", encoding="utf-8")
    monkeypatch.setattr(command, "summary", lambda *_: pytest.fail("Snakemake was called"))
    with pytest.raises(SystemExit, match=r"mine\.yaml: line 1: __use_yte__: Snakemake"):
        command.main(["--configfile", str(file)])
