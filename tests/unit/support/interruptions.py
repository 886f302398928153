"""A training that is cut off at any batch."""

from repcompare.networks.checkpoints import Checkpoint


class CutOffError(Exception):
    """The machine went down."""


class Saboteur(Checkpoint):
    """A checkpoint that saves after every batch, and a machine that goes down at the `nth`."""

    nth = None

    def due(self):
        return True

    def save(self, state):
        super().save(state)
        self.nth -= 1
        if self.nth == 0:
            raise CutOffError
