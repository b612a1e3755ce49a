"""What a run cost: CPU time per process of the plane, and the price of one signature as the unit to compare by."""

import time
from collections.abc import Mapping

import psutil
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec


def signature_cost(count: int = 4000) -> float:
    """CPU microseconds of one ES256 signature on this machine, now: the `N` of the performance budget."""
    key = ec.generate_private_key(ec.SECP256R1())
    algorithm = ec.ECDSA(hashes.SHA256())
    message = b"x" * 400
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        for _ in range(count // 5):
            key.sign(message, algorithm)
        best = min(best, (time.process_time() - began) / (count // 5))
    return best * 1e6


def family_of(pid: int) -> list[psutil.Process]:
    """The process and all its descendants."""
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def cpu_seconds(pids: Mapping[str, int]) -> dict[str, float]:
    """User and system seconds used so far, by name, descendants included."""
    spent: dict[str, float] = {}
    for name, pid in pids.items():
        total = 0.0
        for process in family_of(pid):
            times = process.cpu_times()
            total += times.user + times.system
        spent[name] = total
    return spent


def memory_mib(pids: Mapping[str, int]) -> dict[str, float]:
    """Proportional set size in MiB by name, descendants included: shared pages are counted once over all processes."""
    used: dict[str, float] = {}
    for name, pid in pids.items():
        used[name] = sum(process.memory_full_info().pss for process in family_of(pid)) / 2**20
    return used
