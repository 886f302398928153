"""Fair ratios of networks' work: in processes of their own, for memory freed by one speeds up the next."""

import multiprocessing
from collections.abc import Callable, Collection, Mapping
from functools import partial
from multiprocessing.connection import Connection

import torch
from timing import REPEATS, timed, turns

from repcompare.networks.devices import prepare_process


def in_turn_apart(
    work: Mapping[str, Callable[[], object]], as_jobs: Collection[str], repeats: int = REPEATS
) -> dict[str, list[float]]:
    """`in_turn`, each piece of work in a process forked from this one.

    Those of `as_jobs` run as in the workflow's jobs, the others in a process as torch leaves it.
    """
    context = multiprocessing.get_context("fork")
    ends, processes = {}, []
    for name, run in work.items():
        ends[name], far = context.Pipe()
        process = context.Process(target=serve, args=(far, run, name in as_jobs))
        process.start()
        # Else nobody would notice that the process has ended.
        far.close()
        processes.append(process)
    seconds = turns({name: partial(run_once, end) for name, end in ends.items()}, repeats)
    for end in ends.values():
        end.send(False)
    for process in processes:
        process.join()
    return seconds


def serve(requests: Connection, run: Callable[[], object], as_job: bool) -> None:
    """Run whenever asked to, until told to end."""
    torch.set_num_threads(1)
    if as_job:
        prepare_process(1, torch.device("cpu"))
    while requests.recv():
        requests.send(timed(run))


def run_once(process: Connection) -> float:
    """Let a process do its work once; the processor seconds that it took."""
    process.send(True)
    return process.recv()
