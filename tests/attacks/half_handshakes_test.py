# SPDX-License-Identifier: ISC
# Clients that begin a TLS handshake with the API and do not go on cost it no processor time.
import os
import pathlib
import socket
import time

import pytest

from testbed.machine import LOCAL

CLIENTS, SECONDS = 50, 4
MOST = 0.05  # of one processor
# What a client says and then says no more; the last is a record that promises 512 octets.
BEGINNINGS = {"nothing": b"", "one octet": b"\x16",
              "half a hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"}


def cpu_seconds(pids):
    """The processor time that these processes have used."""
    ticks = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_row53_half_a_handshake_costs_nothing(restante, beginning, reached):
    apid = restante.pids("apid")
    clients = [socket.create_connection((LOCAL, restante.https_port)) for _ in range(CLIENTS)]
    for client in clients:
        client.sendall(BEGINNINGS[beginning])
    before, began = cpu_seconds(apid), time.monotonic()
    time.sleep(SECONDS)
    share = (cpu_seconds(apid) - before) / (time.monotonic() - began)
    assert restante.api("/healthz").status == 200
    for client in clients:
        client.close()
    reached(f"{CLIENTS} clients that said {beginning}: {100 * share:.1f} % of a processor")
    assert share < MOST
