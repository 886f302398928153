"""Whether a study can be run: its config is read and checked, and nothing else is done.

Unlike Snakemake this evaluates nothing that stands in the file: a config of someone else's may be tried.
"""

import argparse
import sys
from collections.abc import Sequence

from repcompare.study.config import ConfigError, validate
from repcompare.study.config_file import read_config


def main(arguments: Sequence[str] | None = None) -> None:
    """Check a config; what is wrong is the error's text."""
    parser = argparse.ArgumentParser("python -m repcompare.study", description=__doc__)
    parser.add_argument("--configfile", default="config/config.yaml", help="the study")
    options = parser.parse_args(arguments)
    try:
        validate(read_config(options.configfile))
    except ConfigError as error:
        sys.exit(f"The config cannot be run:\n{error}")


if __name__ == "__main__":
    main()
