# SPDX-License-Identifier: ISC
# Behind a load balancer: the client that the PROXY header names is the one that counts.
import contextlib
import re
import smtplib
import socket
import struct

import pytest

from integration.proxies import haproxy
from testbed.certificates import tls
from testbed.daemon import Restante
from testbed.machine import LOCAL
from testbed.smtp import Dialogue, deliver
from testbed.waiting import seconds

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def line(client, protocol="TCP4", server="192.0.2.250"):
    return f"PROXY {protocol} {client} {server} 40000 25\r\n".encode()


def binary(client, command=1, extra=b""):
    family = socket.AF_INET6 if ":" in client else socket.AF_INET
    address = socket.inet_pton(family, client)
    block = address + address + struct.pack("!HH", 40000, 25) + extra
    kind = 0x21 if ":" in client else 0x11
    return SIGNATURE + struct.pack("!BBH", 0x20 | command, kind, len(block)) + block


@pytest.fixture(scope="module")
def proxied():
    with Restante(smtpd_workers=1, smtp_proxy_listen=f"{LOCAL}:0", smtp_rate_limit=2,
                  smtp_client_connection_limit=3, smtp_timeout="5s", smtp_tls="optional",
                  proxy_allow="127.0.0.1 127.0.0.2", log_level="debug") as daemon:
        yield daemon


def connect(daemon, header=b"", source=LOCAL):
    client = daemon.dialogue(source, daemon.proxy_port)
    client.send(header)
    return client


@pytest.mark.parametrize("header, client", [
    (line("192.0.2.1"), "192.0.2.1"),
    (line("2001:db8::1", "TCP6", "2001:db8::2"), "2001:db8::1"),
    (binary("192.0.2.2"), "192.0.2.2"),
    (binary("192.0.2.3", extra=b"\x04\x00\x40" + bytes(64)), "192.0.2.3"),
    (binary("2001:db8::2"), "2001:db8::2"),
    (line("::ffff:192.0.2.4", "TCP6", "::1"), "192.0.2.4")])
def test_the_client_of_the_header_is_in_the_log(proxied, header, client):
    with connect(proxied, header) as smtp:
        assert smtp.greet().say("QUIT") == 221
    proxied.log.wait_for(f"event=client_connected .*ip={re.escape(client)}$")
    proxied.log.wait_for(f"event=client_closed .*ip={re.escape(client)} .*reason=done")


@pytest.mark.parametrize("header", [b"PROXY UNKNOWN\r\n", SIGNATURE + b"\x20\x00\x00\x00"])
def test_a_check_of_the_balancer_itself_is_its_own_client(proxied, header):
    with connect(proxied, header, "127.0.0.2") as smtp:
        assert smtp.greet().say("QUIT") == 221
    proxied.log.wait_for("event=client_closed .*ip=127.0.0.2 .*reason=done")


@pytest.mark.parametrize("header", [line("192.0.2.10"), binary("2001:db8::10")])
def test_a_header_may_come_byte_by_byte(proxied, header):
    with connect(proxied) as smtp:
        for i in range(len(header)):
            smtp.send(header[i:i + 1])
        smtp.greet()


@pytest.mark.parametrize("header", [line("192.0.2.11"), binary("192.0.2.12")])
def test_what_is_behind_the_header_is_talk_before_the_greeting(proxied, header):
    with connect(proxied, header + b"EHLO client.example.org\r\n") as smtp:
        assert smtp.line() == b"554 5.5.0 Wait for the greeting"
        assert smtp.line() == b""


@pytest.mark.parametrize("bad", [b"EHLO client.example.org\r\n", b"PROXY TCP4 nonsense\r\n",
                                 SIGNATURE + b"\x31\x11\x00\x0c"])
def test_a_connection_without_a_good_header_is_closed(proxied, bad):
    before = len(proxied.log.find('reason="bad PROXY header"'))
    with connect(proxied, bad) as smtp:
        assert smtp.line() == b""
    proxied.log.wait_for('event=client_closed .*ip=127.0.0.1 .*reason="bad PROXY header"',
                         before + 1)


def test_a_header_that_does_not_come_is_not_waited_for_long(proxied):
    with connect(proxied, line("192.0.2.13")[:20], "127.0.0.2") as smtp:
        assert smtp.line() == b""
    proxied.log.wait_for('ip=127.0.0.2 .*reason="PROXY header too slow"')


def test_only_those_allowed_may_connect(proxied):
    with contextlib.suppress(ConnectionError), connect(proxied, source="127.0.0.3") as smtp:
        assert smtp.line() == b""
    proxied.log.wait_for('event=client_refused ip=127.0.0.3 reason="not in proxy_allow"')


def test_the_other_port_takes_no_header(proxied):
    with proxied.dialogue("127.0.0.9") as smtp:
        assert smtp.code() == 220
        assert smtp.say("PROXY TCP4 192.0.2.14 192.0.2.250 1 25") == 500
        smtp.say("QUIT")
    assert not proxied.log.find(r"ip=192\.0\.2\.14")


def test_connections_are_counted_by_the_client_of_the_header(proxied):
    held = [connect(proxied, line("192.0.2.20")).greet() for _ in range(3)]
    with connect(proxied, binary("192.0.2.20")) as fourth:
        assert fourth.line().startswith(b"421 4.7.0 ")
        assert fourth.line() == b""
    proxied.log.wait_for("ip=192.0.2.20 .*reason=smtp_client_connection_limit")
    with connect(proxied, line("192.0.2.21")) as other:
        other.greet()
    # A /64 is one client.
    held += [connect(proxied, line(f"2001:db8:1:2::{i}", "TCP6", "::1")).greet()
             for i in range(3)]
    with connect(proxied, line("2001:db8:1:2:ffff::1", "TCP6", "::1")) as fourth:
        assert fourth.code() == 421
    for client in held:
        client.close()


def test_the_null_sender_is_counted_by_the_client_of_the_header(proxied):
    for address in ("192.0.2.30", "192.0.2.31"):
        with connect(proxied, binary(address)) as smtp:
            smtp.greet()
            for _ in range(2):
                smtp.start_mail("bounces@example.com", "")
                assert smtp.say("\r\n.") == 250
            assert [smtp.say("MAIL FROM:<>"), smtp.say("RCPT TO:<bounces@example.com>"),
                    smtp.say("DATA")] == [250, 250, 450]
        proxied.log.wait_for(f"event=mail_refused .*ip={re.escape(address)} ")


def test_at_a_stop_a_connection_without_its_header_is_told_so():
    with Restante(smtp_proxy_listen=f"{LOCAL}:0", log_level="debug") as restante:
        with connect(restante, b"PROXY ") as smtp:
            # Accepted: what came after it on the same listener was served.
            for pid in restante.pids("smtpd"):
                with restante.only(pid, "smtpd"), connect(restante, line("192.0.2.40")) as other:
                    other.greet()
            restante.stop()
            assert smtp.line().startswith(b"421 4.3.2 ")
            assert smtp.line() == b""
        assert restante.log.find("event=client_closed .*ip=127.0.0.1 .*reason=shutting_down")


# HAProxy

@pytest.mark.parametrize("option", ["send-proxy", "send-proxy-v2"])
def test_behind_haproxy_the_true_client_is_in_the_log_and_the_limits(option):
    with Restante(smtp_proxy_listen=f"{LOCAL}:0", smtp_rate_limit=2) as restante, \
            haproxy("tcp", f"{LOCAL}:{restante.proxy_port} {option}") as port:
        # Its health check is the sign that it has started.
        restante.log.wait_for("event=client_closed .*ip=127.0.0.1 ")
        for source in ("127.0.0.21", "127.0.0.22"):
            with smtplib.SMTP(LOCAL, port, timeout=seconds(20),
                              source_address=(source, 0)) as client:
                client.starttls(context=tls())
                client.ehlo("client.example.org")
                answers = [deliver(client, "bounces@example.com", sender="")[0] for _ in range(3)]
                assert answers == [250, 250, 450]
            restante.log.wait_for(f"event=mail_refused .*ip={source} ")
            restante.log.wait_for(f"event=client_closed .*ip={source} .*tls=TLSv1.3 .*mails=2 ")
        with Dialogue(port, "127.0.0.23") as client:
            client.greet()
