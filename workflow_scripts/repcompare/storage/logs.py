"""One log file a job, complete whether the job succeeds or fails."""

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def logging_to(path: str | os.PathLike) -> Iterator[logging.Logger]:
    """Yield the package's logger, writing to `path`; an exception is logged and raised again."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("repcompare")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    logging.captureWarnings(True)
    logging.getLogger("py.warnings").addHandler(handler)
    try:
        yield logger
    except BaseException:
        logger.exception("failed")
        raise
    finally:
        logging.getLogger("py.warnings").removeHandler(handler)
        logger.removeHandler(handler)
        handler.close()
