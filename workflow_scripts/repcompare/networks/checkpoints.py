"""An unfinished job's state in a side file, so that a job that was killed goes on where it was."""

import hashlib
import io
import logging
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from repcompare.storage.files import replacing

LOG = logging.getLogger(__name__)


@dataclass
class Checkpoint:
    """A file with the state of a job, of use only to a job of the same `key`.

    `due` says when `seconds` have passed since the last save. The file begins with the SHA-256 of
    the rest, so that one that was damaged is never taken for whole.
    """

    path: Path
    key: str
    seconds: float
    _last: float = field(init=False)

    def __post_init__(self) -> None:
        self._last = time.monotonic()

    def due(self) -> bool:
        """Whether it is time to save."""
        return time.monotonic() - self._last >= self.seconds

    def save(self, state: dict[str, Any]) -> None:
        """Replace the file by one that holds `state`: tensors, numbers, strings, and dicts of them."""
        content = io.BytesIO()
        torch.save({"key": self.key, "state": state}, content)
        data = content.getvalue()
        with replacing(self.path) as temporary:
            temporary.write_bytes(hashlib.sha256(data).digest() + data)
        self._last = time.monotonic()

    def load(self) -> dict[str, Any] | None:
        """The state saved; None, and a message in the log, if there is none that can be used."""
        if not self.path.exists():
            return None
        content = self.path.read_bytes()
        digest, data = content[:32], content[32:]
        if hashlib.sha256(data).digest() != digest:
            LOG.warning("%s is damaged: starting over", self.path)
            return None
        saved = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        if saved["key"] != self.key:
            LOG.warning("%s is of other settings, code or data: starting over", self.path)
            return None
        LOG.info("going on from %s", self.path)
        return saved["state"]

    def remove(self) -> None:
        """Delete the file: the job is done."""
        self.path.unlink(missing_ok=True)
