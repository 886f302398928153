"""Compare the learned representations of neural networks.

The functions of `repcompare.api` are here too: `repcompare.compare(X, Y)`. They are imported when
one is first asked for, by a name that is computed. Every module of the package imports this file:
so none of them waits for pandas, and a change of the functions is no change of a stage's code.
"""

import importlib
import importlib.util
from typing import Any


def __getattr__(name: str) -> Any:
    # `from repcompare import geometry` asks here first, before it imports the subpackage.
    if not name.startswith("_") and importlib.util.find_spec(f"{__name__}.{name}") is None:
        api = importlib.import_module(f"{__name__}.api")
        if name in api.__all__:
            return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *importlib.import_module(f"{__name__}.api").__all__})
