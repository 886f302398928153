"""Signals that ask a process to end, as an exception that lets it clean up."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import Any, TypeVar

# Ctrl-C; what a cluster sends before it kills; a terminal that was closed.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# After which a signal comes again that could not be answered.
SECONDS = 0.05
WHOLE: set[CodeType] = set()

Function = TypeVar("Function", bound=Callable)


class Interrupted(SystemExit):
    """The process was asked to end by `signal`; its exit status is the one that a shell gives it."""

    def __init__(self, number: int) -> None:
        """`number` of the signal."""
        super().__init__(128 + number)
        self.signal = signal.Signals(number)

    def __str__(self) -> str:
        return f"ended by {self.signal.name}"


def whole(function: Function) -> Function:
    """Let no signal raise an exception in a function, though in what it calls: C calls it, and bears none."""
    WHOLE.add(function.__code__)
    return function


def _interrupt(number: int, frame: FrameType | None) -> None:
    if frame and frame.f_code in WHOLE:
        again = threading.Timer(SECONDS, os.kill, (os.getpid(), number))
        again.daemon = True
        again.start()
        return
    # A second signal must not cut off the cleaning up.
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    raise Interrupted(number)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Raise Interrupted where the block is when a signal asks the process to end.

    A signal that is ignored, as SIGHUP is under `nohup`, stays ignored.
    """
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def postponed() -> Iterator[list[int]]:
    """Let signals that would raise an exception wait until the end of the block.

    The list is of those that have come, so that a long block can end early. The first is raised
    after the block, also if that was left by `return`.
    """
    come: list[int] = []
    raising: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        handlers = {number: signal.getsignal(number) for number in SIGNALS}
        raising = {
            number: handler
            for number, handler in handlers.items()
            if handler in (_interrupt, signal.default_int_handler)
        }
    for number in raising:
        signal.signal(number, lambda number, frame: come.append(number))
    try:
        yield come
    finally:
        for number, handler in raising.items():
            signal.signal(number, handler)
    if come:
        signal.raise_signal(come[0])
