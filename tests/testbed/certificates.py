# SPDX-License-Identifier: ISC
"""Self-signed certificates for the daemon, and a TLS context for its clients."""
import functools
import shutil
import ssl
import subprocess

from testbed.machine import LOCAL, close_to_others, new_directory

NEW_KEY = {"ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
           "rsa": ["-newkey", "rsa:2048"]}  # options of openssl req


@functools.cache
def certificate(name="localhost", kind="ec"):
    """The paths of two PEM files: a certificate that is valid for two days, and its key."""
    directory = new_directory()
    files = directory / "fullchain.pem", directory / "privkey.pem"
    subprocess.run(
        ["openssl", "req", "-x509", *NEW_KEY[kind], "-nodes", "-batch", "-days", "2",
         "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},IP:{LOCAL}",
         "-out", files[0], "-keyout", files[1]],
        check=True, capture_output=True)
    close_to_others(files[1])
    return files


class Files:
    """A certificate and its key in files that a test can replace, as a deploy hook does."""

    def __init__(self):
        self.directory = new_directory()
        self.certificate = self.directory / "fullchain.pem"
        self.key = self.directory / "privkey.pem"
        self.put(certificate())

    def put(self, pair, mode=None):
        """Replaces both files with copies of `pair`, each by rename(2)."""
        for source, place in zip(pair, (self.certificate, self.key)):
            fresh = place.with_suffix(".new")
            shutil.copy(source, fresh)
            if mode is None:
                close_to_others(fresh)
            else:
                fresh.chmod(mode)
            fresh.replace(place)

    def settings(self):
        return {"tls_certificate": self.certificate, "tls_key": self.key}


@functools.cache
def tls():
    """A context for clients that trusts only `certificate()`."""
    return ssl.create_default_context(cafile=certificate()[0])
