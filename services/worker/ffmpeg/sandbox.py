"""The launcher of FFmpeg: it gives up all it does not need, then becomes the program; with no import of ours.

`python -I -S sandbox.py '{"parent": 1, …}' ffmpeg …`: see `Confinement` in confinement.py. What the kernel does not
know is left out: FFmpeg's own flags keep hostile files harmless too, this is what holds when FFmpeg itself is broken.
"""

import ctypes
import json
import os
import platform
import resource
import signal
import sys
from typing import Any

PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 22, 38
LANDLOCK_CREATE_RULESET, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 444, 445, 446
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_FILE, MAKE_DIR, MAKE_REG = 1, 2, 4, 8, 1 << 5, 1 << 7, 1 << 8
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15  # since the second, third and fifth version of Landlock
FIRST_VERSION = (1 << 13) - 1
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
TCP = 0b11  # bind, connect
SCOPES = 0b11  # abstract sockets, signals: it cannot kill us either
#: Programs and their libraries; and what glibc and the codecs ask about the processor.
LIBRARIES = ("/usr", "/lib", "/lib64", "/bin", "/nix/store", "/etc/ld.so.cache", "/etc/alternatives")
PROCESSOR = ("/sys/devices/system/cpu", "/sys/devices/system/node", "/proc/cpuinfo")

#: For each machine: seccomp's name for it; the numbers of socket, ptrace, process_vm_readv and _writev, io_uring_setup.
DENIED = {"x86_64": (0xC000003E, (41, 101, 310, 311, 425)), "aarch64": (0xC00000B7, (198, 117, 270, 271, 425))}
X32 = 0x40000000  # another numbering of the same calls
LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
ALLOW, DENY, KILL = 0x7FFF0000, 0x00050000 | 13, 0x80000000  # 13: EACCES

NOT_STARTED = 112  # how it ends if it is not FFmpeg that ended
libc = ctypes.CDLL(None, use_errno=True)


def main(confinement: dict[str, Any], argv: list[str]) -> None:
    """Wait for the supervisor's word, confine this process, and become FFmpeg."""
    linux = sys.platform == "linux"
    if linux:
        prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
    # Started, but not yet known to whoever would kill us? Then there is no word, but the end of the pipe.
    if os.read(0, 1) != b"!" or os.getppid() != confinement["parent"]:
        sys.exit(NOT_STARTED)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.nice(confinement["nice"])
    limit(confinement)
    if linux:
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        forbid_files(argv[0], confinement["reads"], confinement["folder"])
        forbid_sockets()
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and a program inherits that
        signal.signal(ignored, signal.SIG_DFL)
    os.execve(argv[0], argv, {"LC_ALL": "C"})  # noqa: S606 - the supervisor's own list of words, no shell


def limit(confinement: dict[str, Any]) -> None:
    """Set what the kernel holds it to; a hard limit kills: at a soft one FFmpeg leaves files that look finished."""
    wanted = {"memory": resource.RLIMIT_AS, "cpu": resource.RLIMIT_CPU, "disk": resource.RLIMIT_FSIZE}
    for name, kind in wanted.items():
        hard = resource.getrlimit(kind)[1]
        value = confinement[name] if hard == resource.RLIM_INFINITY else min(confinement[name], hard)
        resource.setrlimit(kind, (value, value))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))


def forbid_files(program: str, reads: list[str], folder: str | None) -> None:
    """Leave it these files to read, this folder to write, and no TCP, if the kernel has Landlock."""
    version = libc.syscall(LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return
    newer = (2, REFER), (3, TRUNCATE), (5, IOCTL_DEV)
    handled = FIRST_VERSION | sum(right for since, right in newer if version >= since)
    attributes = [handled, *([TCP] if version >= 4 else []), *([SCOPES] if version >= 6 else [])]
    ruleset = (ctypes.c_uint64 * len(attributes))(*attributes)
    rules = call(LANDLOCK_CREATE_RULESET, ruleset, ctypes.c_size_t(ctypes.sizeof(ruleset)), 0)

    def allow(path: str, rights: int) -> None:
        try:
            opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        rights &= handled if os.path.isdir(path) else handled & OF_FILES  # noqa: PTH112 - pathlib takes 10 ms
        rule = rights.to_bytes(8, sys.byteorder) + opened.to_bytes(4, sys.byteorder)
        call(LANDLOCK_ADD_RULE, rules, 1, rule, 0)
        os.close(opened)

    for path in (*LIBRARIES, program, os.path.realpath(program)):
        allow(path, EXECUTE | READ_FILE | READ_DIR)
    for path in (*PROCESSOR, "/dev/urandom", *reads):
        allow(path, READ_FILE | READ_DIR)
    allow(os.devnull, READ_FILE | WRITE_FILE)
    if folder is not None:
        writing = WRITE_FILE | TRUNCATE | MAKE_REG | MAKE_DIR | REMOVE_FILE | REFER
        allow(folder, READ_FILE | READ_DIR | writing)
    call(LANDLOCK_RESTRICT_SELF, rules, 0)


def forbid_sockets() -> None:
    """Leave it no socket of any kind, and no look into other processes."""
    if platform.machine() not in DENIED:
        return
    machine, numbers = DENIED[platform.machine()]
    last = len(numbers) + 1
    program = [
        (LOAD, 0, 0, 4),  # which machine's numbering
        (EQUAL, 1, 0, machine),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, 0),  # which call
        (AT_LEAST, last, 0, X32),
        *((EQUAL, last - at, 0, number) for at, number in enumerate(numbers, 1)),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, DENY),
    ]
    code = b"".join(
        word.to_bytes(2, sys.byteorder) + bytes((true, false)) + value.to_bytes(4, sys.byteorder)
        for word, true, false, value in program
    )

    class Filter(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))

    prctl(PR_SET_SECCOMP, 2, ctypes.byref(Filter(len(program), code)))


def prctl(what: int, *values: Any) -> None:
    if libc.prctl(what, *values, *[0] * (4 - len(values))) != 0 and what != PR_SET_SECCOMP:
        raise OSError(ctypes.get_errno(), f"prctl {what}")


def call(number: int, *arguments: Any) -> int:
    result: int = libc.syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), f"system call {number}")
    return result


if __name__ == "__main__":
    try:
        main(json.loads(sys.argv[1]), sys.argv[2:])
    except OSError as error:  # not to be mistaken for FFmpeg's own failure
        sys.stderr.write(f"the sandbox: {error}\n")
        sys.exit(NOT_STARTED)
