# SPDX-License-Identifier: ISC
"""Deadlines that fit the speed of the build under test, and ways to wait."""
import math
import os
import threading
import time

SLOW = float(os.environ.get("RESTANTE_TEST_SLOW", "1"))  # builds with sanitizers need longer


def seconds(number):
    """A deadline of `number` seconds, multiplied by RESTANTE_TEST_SLOW."""
    return number * SLOW


def wait_until(condition, what, timeout=10):
    """Polls `condition` until it returns a true value, and returns that value.

    Use it only for states that no event announces. `what` completes the message of the failure."""
    end = time.monotonic() + seconds(timeout)
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"waited {seconds(timeout)} s in vain until {what}"
        time.sleep(0.01)


def at_once(jobs):
    """Runs every job in a thread of its own, started together; returns their results in order."""
    results = [None] * len(jobs)
    gate = threading.Barrier(len(jobs))

    def work(index, job):
        gate.wait()
        results[index] = job()
    threads = [threading.Thread(target=work, args=pair, daemon=True) for pair in enumerate(jobs)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + seconds(60)
    for thread in threads:
        thread.join(max(0, end - time.monotonic()))
    assert None not in results, "a thread has failed or hangs"
    return results


def p99(took):
    """The time that 99 of 100 measured ones do not exceed."""
    return sorted(took)[math.ceil(0.99 * len(took)) - 1]
