# SPDX-License-Identifier: ISC
"""Starts programs of the system, and reads what processes write line by line."""
import os
import re
import shutil
import subprocess
import threading

from testbed.waiting import seconds


def environment(**extra):
    """The few variables of this process that a child needs, and `extra`."""
    kept = ("PATH", "TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS")
    return {name: os.environ[name] for name in kept if name in os.environ} | extra


def installed(program):
    """The path of a program. If it is missing, the test fails with a message that says what to do."""
    path = shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    assert path, f"{program} is missing: make check-deps"
    return path


def run(program, *arguments, **options):
    """Runs a program for at most 60 seconds. The `stdout` of the result has its standard error too."""
    command = [installed(program), *(str(word) for word in arguments)]
    return subprocess.run(command, text=True, errors="backslashreplace", stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=seconds(60), **options)


class Lines:
    """The lines that a process writes. A thread reads them, so that a test can wait for a line."""

    def __init__(self, stream):
        self._lines = []
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def _read(self, stream):
        with stream:
            for line in stream:
                with self._changed:
                    self._lines.append(line.decode("utf-8", "replace").rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def find(self, pattern=""):
        """All lines so far in which `pattern` is found."""
        with self._changed:
            return [line for line in self._lines if re.search(pattern, line)]

    def text(self):
        return "\n".join(self.find())

    def wait_for(self, pattern, count=1, timeout=10):
        """Waits for `count` lines in which `pattern` is found, and returns the first `count`."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or len(self.find(pattern)) >= count,
                                   seconds(timeout))
            found = self.find(pattern)
        assert len(found) >= count, f"{len(found)} lines, not {count}: {pattern}\n{self.text()}"
        return found[:count]

    def wait_for_end(self, timeout=10):
        """Waits until every process that could write has exited."""
        with self._changed:
            ended = self._changed.wait_for(lambda: self._ended, seconds(timeout))
        assert ended, "some process still holds the log open:\n" + self.text()
