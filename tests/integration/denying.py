# SPDX-License-Identifier: ISC
# A system without some calls, as an old kernel or a container's engine is.
import sys

DENYING = """
import ctypes, errno, os, sys
library = ctypes.CDLL("libseccomp.so.2")
library.seccomp_init.restype = ctypes.c_void_p
refusing = ctypes.c_void_p(library.seccomp_init(0x7fff0000))  # SCMP_ACT_ALLOW, save for:
for number in sys.argv[1].split(","):
    assert library.seccomp_rule_add(refusing, 0x00050000 | errno.ENOSYS, int(number), 0) == 0
assert library.seccomp_load(refusing) == 0
os.execv(sys.argv[2], sys.argv[2:])
"""


def denying(*numbers):
    """The start of a command for whose program the kernel does not have these calls."""
    return [sys.executable, "-c", DENYING, ",".join(str(number) for number in numbers)]
