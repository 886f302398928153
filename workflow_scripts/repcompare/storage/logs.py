"""One log file a job, complete whether the job succeeds, fails or is asked to end."""

import contextlib
import faulthandler
import fcntl
import logging
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from repcompare.storage.interruptions import Interrupted, interruptible


@contextlib.contextmanager
def logging_to(path: str | os.PathLike) -> Iterator[logging.Logger]:
    """Yield the package's logger, writing to `path`; an exception is logged and raised again.

    A signal that asks the job to end raises Interrupted in it. A log is of one job at a time: where
    that of a call that was killed still runs, this one waits for its end, lest two write one file.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    logger = logging.getLogger("repcompare")
    logger.setLevel(logging.INFO)
    with contextlib.ExitStack() as stack:
        stack.enter_context(interruptible())
        stream = stack.enter_context(open(path, "a", encoding="utf-8"))
        alone = _wait_for(stream, path)
        stream.truncate(0)
        handler = logging.StreamHandler(stream)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        for each in (logger, logging.getLogger("py.warnings")):
            each.addHandler(handler)
            stack.callback(each.removeHandler, handler)
        logging.captureWarnings(True)
        if not faulthandler.is_enabled():
            # What ends the process without an exception.
            faulthandler.enable(stream)
            stack.callback(faulthandler.disable)
        logger.info("process %d on %s", os.getpid(), socket.gethostname())
        if not alone:
            logger.warning("files cannot be locked here: that this job runs once is not seen to")
        try:
            yield logger
        except Interrupted as end:
            logger.error("%s", end)
            raise
        except BaseException as error:
            # The cause first: on a full disk there may be no room for the rest.
            logger.exception("failed: %s: %s", type(error).__name__, error)
            raise


def _wait_for(log: TextIO, path: str | os.PathLike) -> bool:
    """Have the log for this process alone, as soon as no other has it; False where nothing can be locked.

    The kernel frees it when the process ends, however it does.
    """
    try:
        fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"{path}: the job still runs that an earlier call began, waiting", file=sys.stderr)
        fcntl.flock(log, fcntl.LOCK_EX)
    except OSError:
        return False
    return True
