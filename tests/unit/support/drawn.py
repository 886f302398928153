"""What a figure shows."""

from matplotlib.figure import Figure
from matplotlib.text import Text


def texts(figure: Figure) -> list[str]:
    """All that is written in it."""
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]
