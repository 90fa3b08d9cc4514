# SPDX-License-Identifier: ISC
# ECDSA and RSA certificates at once: a sender gets the one that it can check, with its chain.
import functools
import re
import subprocess

import pytest

from testbed.api import KEY
from testbed.certificates import NEW_KEY
from testbed.daemon import Restante
from testbed.machine import LOCAL, new_directory
from testbed.processes import run


@functools.cache
def chain(kind):
    """(certificate with its chain, key, root): paths; the root alone is in no chain."""
    directory = new_directory()
    names = "root", "intermediate", "localhost"
    certificates = [directory / f"{name}.pem" for name in names]
    keys = [directory / f"{name}.key" for name in names]
    for level, name in enumerate(names):
        issuer = ["-CA", certificates[level - 1], "-CAkey", keys[level - 1]] if level else []
        subprocess.run(
            ["openssl", "req", "-x509", *NEW_KEY[kind], "-nodes", "-batch", "-days", "2",
             "-subj", f"/CN={kind} {name}", "-addext", "subjectAltName=DNS:localhost", *issuer,
             "-out", certificates[level], "-keyout", keys[level]],
            check=True, capture_output=True)
    full = directory / "fullchain.pem"
    full.write_text(certificates[2].read_text() + certificates[1].read_text())
    return full, keys[2], certificates[0]


def serve(*kinds):
    return Restante(smtpd_workers=1, apid_workers=1,
                    tls_certificate=" ".join(str(chain(kind)[0]) for kind in kinds),
                    tls_key=" ".join(str(chain(kind)[1]) for kind in kinds))


@pytest.fixture(scope="module", params=[("ec", "rsa"), ("rsa", "ec")], ids="-".join)
def both(request):
    """A daemon with both certificates, and the type of the first."""
    with serve(*request.param) as daemon:
        yield daemon, request.param[0]


def connect(restante, trusted, *options):
    """What s_client says; it trusts the root of one type alone."""
    return run("openssl", "s_client", "-starttls", "smtp", "-connect",
               f"{LOCAL}:{restante.smtp_port}", "-CAfile", chain(trusted)[2],
               "-verify_return_error", "-verify_hostname", "localhost", *options, input="QUIT\n")


def subjects(said):
    """Whose certificates the server has sent, in order."""
    return re.findall(r"^ *\d+ s:CN *= *(.+)$", said, re.MULTILINE)


RSA_ALGORITHMS = "rsa_pss_rsae_sha256:rsa_pkcs1_sha256"
EC_ALGORITHMS = "ecdsa_secp256r1_sha256"


@pytest.mark.parametrize("kind, options", [
    ("ec", ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"]),
    ("rsa", ["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"]),
    ("ec", ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"]),
    ("rsa", ["-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA"]),
    ("ec", ["-tls1_2", "-sigalgs", EC_ALGORITHMS]),
    ("rsa", ["-tls1_2", "-sigalgs", RSA_ALGORITHMS]),
    ("ec", ["-tls1_3", "-sigalgs", EC_ALGORITHMS]),
    ("rsa", ["-tls1_3", "-sigalgs", RSA_ALGORITHMS]),
    ("ec", ["-tls1_2"]),  # can check both
    ("ec", ["-tls1_3"]),
    ("ec", ["-tls1_3", "-sigalgs", f"{RSA_ALGORITHMS}:{EC_ALGORITHMS}"]),
], ids=lambda value: value if isinstance(value, str) else "".join(value))
def test_a_client_gets_the_certificate_that_it_can_check(both, kind, options):
    result = connect(both[0], kind, *options)
    assert result.returncode == 0, result.stdout
    assert subjects(result.stdout) == [f"{kind} localhost", f"{kind} intermediate"]
    assert "Verify return code: 0 (ok)" in result.stdout


def test_https_uses_the_first_certificate(both):
    restante, first = both
    for kind in ("ec", "rsa"):
        answer = run("curl", "-s", "--cacert", chain(kind)[2], "-H", f"X-API-KEY: {KEY}",
                     f"https://localhost:{restante.https_port}/emails/anyone")
        assert (answer.returncode == 0) == (kind == first)
        assert answer.stdout == ("[]" if kind == first else "")


@pytest.mark.parametrize("kind, other", [("ec", RSA_ALGORITHMS), ("rsa", EC_ALGORITHMS)])
def test_one_certificate_alone_serves_its_kind_of_client(kind, other):
    with serve(kind) as restante:
        assert subjects(connect(restante, kind).stdout) == [f"{kind} localhost",
                                                            f"{kind} intermediate"]
        refused = connect(restante, kind, "-sigalgs", other)
        assert refused.returncode != 0 and not subjects(refused.stdout)


# CCM8 has short tags; without a fresh key exchange who learns the key reads what was recorded.
@pytest.mark.parametrize("cipher", ["ECDHE-ECDSA-AES256-CCM8", "AES128-GCM-SHA256"])
def test_suites_that_are_weaker_than_needed_are_not_taken(both, cipher):
    restante, _ = both
    refused = connect(restante, "ec", "-tls1_2", "-cipher", cipher)
    assert refused.returncode != 0 and not subjects(refused.stdout)
