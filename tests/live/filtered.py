"""Run a program under a filter of system calls: python -m tests.live.filtered FILTER COMMAND.

"family" is what RestrictAddressFamilies=none and MemoryDenyWriteExecute=yes do: no socket can be
opened, no memory is both written and executed; "memory" is the latter alone. CALL=ERROR has a call
fail: recvmmsg=ENOSYS is a kernel without it. Names of system calls, separated by commas, are all
that is allowed beside: the rest fails with EPERM, as by SystemCallFilter=. For x86-64 (seccomp(2),
bpf; systemd.exec(5)).
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
from argparse import REMAINDER, ArgumentTypeError
from errno import EAFNOSUPPORT, EPERM
from pathlib import Path
from struct import pack

from tests.arguments import Arguments

HEADER = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
"""Where the numbers of system calls are listed (Debian's linux-libc-dev)."""

_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000
_SOCKET, _MMAP, _MPROTECT = 41, 9, 10
_PROT_WRITE, _PROT_EXEC = 2, 4
_NUMBER, _THIRD_ARGUMENT = 0, 32  # offsets in struct seccomp_data
_PR_SET_NO_NEW_PRIVS, _SYS_SECCOMP, _SET_MODE_FILTER = 38, 317, 1


def statement(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    """Write one struct sock_filter; yes and no are how many to skip."""
    return pack("=HBBI", code, yes, no, value)


def failing(number: int, error: int) -> bytes:
    """Have a system call fail."""
    return statement(_EQUAL, number, 0, 1) + statement(_RETURN, _FAIL | error)


def numbers() -> dict[str, int]:
    """Read the numbers of system calls, by name."""
    if not HEADER.exists():
        raise ArgumentTypeError(f"expected the numbers of system calls in {HEADER}")
    listed = re.findall(r"#define __NR_(\w+) (\d+)", HEADER.read_text())
    return {name: int(number) for name, number in listed}


def family() -> bytes:
    """Deny sockets, and memory to write and execute."""
    return failing(_SOCKET, EAFNOSUPPORT) + memory()


def memory() -> bytes:
    """Deny memory to write and execute."""
    return b"".join(
        (
            statement(_EQUAL, _MMAP, 0, 5),
            statement(_LOAD, _THIRD_ARGUMENT),
            statement(_ANY_BIT, _PROT_EXEC, 0, 2),
            statement(_ANY_BIT, _PROT_WRITE, 0, 1),
            statement(_RETURN, _FAIL | EPERM),
            statement(_LOAD, _NUMBER),
            statement(_EQUAL, _MPROTECT, 0, 4),
            statement(_LOAD, _THIRD_ARGUMENT),
            statement(_ANY_BIT, _PROT_EXEC, 0, 1),
            statement(_RETURN, _FAIL | EPERM),
            statement(_LOAD, _NUMBER),
        )
    )


def allowing(names: list[str]) -> bytes:
    """Deny all but these system calls."""
    known = numbers()
    allowed = [known[name] for name in names if name in known]
    each = (statement(_EQUAL, n, 0, 1) + statement(_RETURN, _ALLOW) for n in allowed)
    return b"".join(each) + statement(_RETURN, _FAIL | EPERM)


def program(text: str) -> bytes:
    """Write the filter's program; raise ArgumentTypeError for one that can't be."""
    kinds = text.split(",")
    body = statement(_LOAD, _NUMBER)
    names = []
    for kind in kinds:
        if kind == "family":
            body += family()
        elif kind == "memory":
            body += memory()
        elif "=" in kind:
            name, _, error = kind.partition("=")
            number, code = numbers().get(name), getattr(errno, error, None)
            if number is None or code is None:
                raise ArgumentTypeError(f"expected a system call and its error, got {kind!r}")
            body += failing(number, code)
        else:
            names.append(kind)
    return body + (allowing(names) if names else statement(_RETURN, _ALLOW))


def install(filtering: bytes) -> None:
    """Put this process, and what it executes, under a filter."""
    libc = ctypes.CDLL(None, use_errno=True)
    kept = ctypes.create_string_buffer(filtering)
    length = len(filtering) // len(statement(0, 0))
    header = ctypes.create_string_buffer(pack("=H6xQ", length, ctypes.addressof(kept)))
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.syscall(
        _SYS_SECCOMP, _SET_MODE_FILTER, 0, ctypes.byref(header)
    ):
        raise OSError(ctypes.get_errno(), "seccomp")


if __name__ == "__main__":
    arguments = Arguments("tests.live.filtered", __doc__)
    arguments.add_argument("filter", type=program)
    arguments.add_argument("command")
    arguments.add_argument("arguments", nargs=REMAINDER)
    asked = arguments.parse_args()
    if not os.access(asked.command, os.X_OK):
        arguments.error(f"expected the path of a program, got {asked.command!r}")
    install(asked.filter)
    os.execv(asked.command, [asked.command, *asked.arguments])
