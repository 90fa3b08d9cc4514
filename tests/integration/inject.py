# SPDX-License-Identifier: ISC
# Has a running process make a system call, as code of an attacker in it would.
"""By ptrace(2), on the process' last instruction, which is a system call once it waits in one.
Needs root, since the processes are closed to their own user, and a machine whose registers it
knows."""
import ctypes
import os
import pathlib
import platform
import signal

from testbed.waiting import wait_until

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
LIBC.ptrace.restype = ctypes.c_long
GETREGS, SETREGS, SINGLESTEP, ATTACH, DETACH = 12, 13, 9, 16, 17
WALL = 0x40000000
ERRORS = 4095
IS_KNOWN = platform.machine() == "x86_64"

# Of x86_64.
NUMBERS = {"close": 3, "mmap": 9, "mprotect": 10, "dup2": 33, "getpid": 39, "socket": 41, "connect": 42,
           "sendto": 44, "bind": 49, "clone": 56, "fork": 57, "execve": 59, "kill": 62,
           "setrlimit": 160, "ptrace": 101, "mount": 165, "keyctl": 250, "openat": 257,
           "process_vm_readv": 310, "bpf": 321, "execveat": 322, "io_uring_setup": 425,
           "unlink": 87, "chmod": 90, "open": 2, "prctl": 157, "listen": 50, "openat2": 437}


class Registers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in (
        "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss "
        "fs_base gs_base ds es fs gs").split()]


def ptrace(request, pid, data=None):
    if LIBC.ptrace(request, pid, None, data) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), f"ptrace {request}")


class Killed(Exception):
    """The call was its last."""

    def __init__(self, number):
        super().__init__(signal.Signals(number).name)
        self.signal = signal.Signals(number)


class Puppet:
    """A process that is held, and makes the calls that it is told to."""

    def __init__(self, pid):
        self.pid = pid

    def __enter__(self):
        self.before = Registers()
        wait_until(self._is_held, "the worker waits for work, in its sandbox")
        self.alive = True
        return self

    def _is_held(self):
        """A worker that took the place of another may still be starting: it is let go on then."""
        if "\nSeccomp:\t2\n" not in pathlib.Path(f"/proc/{self.pid}/status").read_text():
            return False
        ptrace(ATTACH, self.pid)
        os.waitpid(self.pid, WALL)
        ptrace(GETREGS, self.pid, ctypes.byref(self.before))
        self.memory = open(f"/proc/{self.pid}/mem", "r+b", buffering=0)
        self.memory.seek(self.before.rip - 2)
        if self.memory.read(2) == b"\x0f\x05":
            return True
        self.memory.close()
        ptrace(DETACH, self.pid)
        return False

    def __exit__(self, *_):
        self.memory.close()
        if self.alive:
            ptrace(SETREGS, self.pid, ctypes.byref(self.before))  # the call that it was in begins anew
            ptrace(DETACH, self.pid)

    def call(self, name, *arguments):
        """What the kernel returns, an error as a negative number. Bytes go onto its stack."""
        registers = Registers.from_buffer_copy(self.before)
        place = registers.rsp - 65536
        values = []
        for argument in arguments:
            if isinstance(argument, bytes):
                self.memory.seek(place)
                self.memory.write(argument + b"\0")
                values.append(place)
                place += (len(argument) + 16) & ~15
            else:
                values.append(argument & (2**64 - 1))
        values += [0] * (6 - len(values))
        (registers.rdi, registers.rsi, registers.rdx, registers.r10, registers.r8,
         registers.r9) = values
        registers.rax, registers.orig_rax = NUMBERS[name], 2**64 - 1
        registers.rip = self.before.rip - 2
        ptrace(SETREGS, self.pid, ctypes.byref(registers))
        ptrace(SINGLESTEP, self.pid)
        _, status = os.waitpid(self.pid, WALL)
        if os.WIFSIGNALED(status):
            self.alive = False
            raise Killed(os.WTERMSIG(status))
        ptrace(GETREGS, self.pid, ctypes.byref(registers))
        value = registers.rax
        return value - 2**64 if value >= 2**64 - ERRORS else value
