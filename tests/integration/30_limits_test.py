# SPDX-License-Identifier: ISC
# The rate limits: exact over all workers, told to who is limited, and nobody else's business.
import collections
import re
import threading

import pytest

from harness import Restante, ask, deliver


def at_once(jobs):
    """Runs all jobs in threads of their own; their results in order."""
    results = [None] * len(jobs)
    gate = threading.Barrier(len(jobs))

    def work(index, job):
        gate.wait()
        results[index] = job()
    threads = [threading.Thread(target=work, args=pair) for pair in enumerate(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert None not in results
    return results


def test_of_60_mails_at_once_from_one_sender_exactly_50_are_taken(limited):
    counts = collections.Counter(code for code, _ in limited.mail_answers)
    assert counts == {250: 50, 450: 10}
    assert len({worker for worker, _ in limited.mail_workers}) == 4
    for code, text in limited.mail_answers:
        if code == 450:
            assert re.match(r"4\.7\.1 Rate limit exceeded .* \d+ seconds$", text), text
    assert len(limited.daemon.mails("limited")) == 50
