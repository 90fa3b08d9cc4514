# SPDX-License-Identifier: ISC
"""A Redis server of the test's own, on a Unix socket."""
import subprocess

from testbed.machine import new_directory
from testbed.processes import Lines, run

# Defines frame() for scripts that write an inbox entry as a delivery does: an uncompressed frame.
LUA_FRAME = """local function frame(bodies, details)
  local content = bodies .. '\\n' .. (details or '') .. '\\n'
  return '\\40\\181\\47\\253\\160' .. struct.pack('<I4', #content) ..
      string.sub(struct.pack('<I4', #content * 8 + 1), 1, 3) .. content
end
"""


class Redis:
    """A running Redis that by default writes every change to disk before it replies."""
    environment = None  # that of this process

    def __init__(self, appendfsync="always", options=()):
        self.directory = new_directory()
        self.path = self.directory / "redis.sock"
        self.appendfsync = appendfsync
        self.options = options
        self.start()

    def start(self):
        """Starts the server, also again after `kill()`, and waits until it accepts connections."""
        self.process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.path, "--unixsocketperm", "777",
             "--dir", self.directory, "--appendonly", "yes", "--appendfsync", self.appendfsync,
             "--save", "", "--maxmemory", "8gb", "--daemonize", "no", *self.options],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            env=self.environment)
        try:
            Lines(self.process.stdout).wait_for("(?i)ready to accept connections")
        except BaseException:
            self.kill()
            raise

    def cli(self, *words):
        """The output of a command that redis-cli sends."""
        return run("redis-cli", "-s", self.path, *words).stdout.strip()

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
