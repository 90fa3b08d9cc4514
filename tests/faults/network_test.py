# SPDX-License-Identifier: ISC
# What is between restante and Redis, and between senders and restante, cuts, loses and delays.
import contextlib
import os
import socket

import pytest

from faults.network import HERE, THERE, TUN, Network
from faults.storm import Fault, Service, storm
from faults.wire import Wire
from testbed.machine import IS_ROOT, LOCAL, free_ports
from testbed.redis import Redis

needs_network = pytest.mark.skipif(
    not (IS_ROOT and os.path.exists(TUN)),
    reason=f"a network of our own needs root and {TUN}, which this kernel does not have")


def connector(redis):
    def connect():
        link = socket.socket(socket.AF_UNIX)
        link.connect(str(redis.path))
        return link
    return connect


@pytest.fixture
def wire(redis):
    with Wire(connector(redis)) as between:
        yield between


@pytest.fixture
def wired(wire):
    """restante behind the wire."""
    with Service(f"{LOCAL}:{wire.port}") as daemon:
        yield daemon
        daemon.wait_until_complete()


class WireFault(Fault):
    def __init__(self, service, wire):
        super().__init__(service)
        self.wire = wire

    def heal(self):
        self.wire.cut, self.wire.delay, self.wire.stalled = None, 0.0, False


class CutReplies(WireFault):
    """Redis has done it, and the reply breaks off at any byte: nobody knows but Redis."""
    name = "6 cut: Redis' replies"
    hold = (1, 3)
    most = 400_000, 300

    def inject(self):
        self.wire.cut = self.most

    def times(self):
        return self.wire.cuts


class CutRequests(CutReplies):
    name = "6 cut: requests to Redis"
    most = 20_000, 1 << 30


def test_row06_cut_replies(wired, wire, table):
    storm(CutReplies(wired, wire), table)


def test_row06_cut_requests(wired, wire, table):
    storm(CutRequests(wired, wire), table)


class CutClients(CutReplies):
    """The reply to the dot may be what is cut: the sender cannot know, and sends it again."""
    name = "6 cut: senders"
    most = 20_000, 4_000

    @property
    def smtp_port(self):
        return self.wire.port

    def doubled_allowed(self, row):
        return row.unknown


def test_row06_cut_senders(service, table):
    def connect():
        return socket.create_connection((LOCAL, service.smtp_port))
    with Wire(connect) as wire:
        storm(CutClients(service, wire), table)


class Reset(WireFault):
    name = "11 RST of all connections to Redis"
    hold, calm = (0, 0.05), (0.1, 0.5)

    def inject(self):
        self.wire.reset_all()


def test_row11_reset(wired, wire, table):
    storm(Reset(wired, wire), table)


class Slow(WireFault):
    """Below redis_timeout, so nothing is refused."""
    name = "11 slow Redis (0.1 s a piece)"
    hold = (2, 4)
    refused = unknown = 0

    def inject(self):
        self.wire.delay = 0.05


def test_row11_slow(wired, wire, table):
    storm(Slow(wired, wire), table)


class Stalled(WireFault):
    """The connection stands, and nothing comes; what was sent arrives later."""
    name = "11 connection to Redis stalls"
    hold = (0.5, 5)

    def inject(self):
        self.wire.stalled = True


def test_row11_stalled(wired, wire, table):
    storm(Stalled(wired, wire), table)


class NetworkFault(Fault):
    hold = (2, 6)
    flows_within = 8.0

    def __init__(self, service, network):
        super().__init__(service)
        self.network = network

    def heal(self):
        self.network.calm()


class Far(NetworkFault):
    name = "11 delay 150 ms each way"
    refused = unknown = 0

    def inject(self):
        self.network.delay = 0.15


class Lossy(NetworkFault):
    name = "11 delay 20 ms, loss 10 %, reorder 25 %"

    def inject(self):
        self.network.delay, self.network.loss = 0.02, 0.1
        self.network.reorder, self.network.repeat = 0.25, 0.01


class BlackHole(NetworkFault):
    name = "11 black hole"

    def inject(self):
        self.network.loss = 1.0


@pytest.fixture
def network():
    with Network() as carrier:
        yield carrier


@contextlib.contextmanager
def far(redis_timeout):
    """restante, with the network between it and Redis."""
    port, = free_ports(1)
    options = ["--port", str(port), "--bind", HERE, "--protected-mode", "no"]
    with Redis(options=options), Service(
            f"{THERE}:{port}", redis_timeout=redis_timeout) as daemon:
        yield daemon
        daemon.wait_until_complete()


@needs_network
def test_row11_delay(network, table):
    with far("10s") as service:
        storm(Far(service, network), table)


@needs_network
def test_row11_loss(network, table):
    with far("5s") as service:
        storm(Lossy(service, network), table)


@needs_network
def test_row11_black_hole(network, table):
    with far("1s") as service:
        storm(BlackHole(service, network), table)


class LossyClients(Lossy):
    """TCP mends it: senders wait, and see nothing of it."""
    name = "11 senders: loss 10 %, reorder 25 %"
    refused = unknown = 0
    flows_within = 15.0

    def __init__(self, service, network, wire):
        super().__init__(service, network)
        self.wire = wire

    @property
    def smtp_port(self):
        return self.wire.port


class BlackHoleClients(LossyClients):
    name = "11 senders: black hole"

    def inject(self):
        self.network.loss = 1.0


@pytest.fixture
def far_senders(network):
    """restante, and what senders have to connect to for the network to be between."""
    del network
    with Redis() as redis, Service(redis, smtp_listen="0.0.0.0:0") as service:
        with Wire(lambda: socket.create_connection((THERE, service.smtp_port), 20)) as wire:
            yield service, wire
        service.wait_until_complete()


@needs_network
def test_row11_loss_for_senders(far_senders, network, table):
    storm(LossyClients(far_senders[0], network, far_senders[1]), table)


@needs_network
def test_row11_black_hole_for_senders(far_senders, network, table):
    storm(BlackHoleClients(far_senders[0], network, far_senders[1]), table)
