# SPDX-License-Identifier: ISC
"""Checks what each source file includes, directly and through the headers that it includes.

Reads the rows of make/rooms.mk from standard input, one folder of src a line:
folder|USES|DOORS|LIBS|SEES|BANS. Prints one line for each violation, with the file and the rule.
"""
import pathlib
import re
import sys

# The headers of each library. {fmt} is everywhere.
HEADERS = {
    "glib-2.0": r"glib|gio/|gobject/",
    "gmime-3.0": r"gmime/|glib",
    "gnutls": r"gnutls/",
    "hiredis": r"hiredis/",
    "hiredis_ssl": r"hiredis/hiredis_ssl\.h",
    "libcjson": r"cjson/",
    "libcrypto": r"openssl/",
    "libevent": r"event2/",
    "libidn2": r"idn2\.h",
    "libmicrohttpd": r"microhttpd",
    "libseccomp": r"seccomp\.h",
    "libsystemd": r"systemd/",
    "libunistring": r"uni(norm|case|str|conv)\.h",
    "libzstd": r"zstd",
    "openssl": r"openssl/",
    "resolv": r"resolv\.h|arpa/nameser",
    "zlib": r"zlib\.h",
}
# What a BANS word stands for.
BANNED = {"io": r"sys/(socket|epoll|stat|mman|un|uio|wait)\.h|poll\.h|unistd\.h|fcntl\.h|ctime"}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include(?:_next)?[ \t]*([<"])([^>"\n]+)[>"]', re.MULTILINE)
ANY_INCLUDE = re.compile(r"^[ \t]*#[ \t]*include", re.MULTILINE)
SOURCE = pathlib.Path("src")


class Room:
    """A folder of src and what its files may include."""

    def __init__(self, row):
        self.name, *lists = row.removesuffix("|").split("|")
        self.uses, self.doors, self.libs, self.sees, self.bans = (words.split() for words in lists)

    def allows(self, header, libs):
        known = [lib for lib, pattern in HEADERS.items() if re.match(pattern, header)]
        return not known or any(lib in libs for lib in known)


def short(folder):
    return folder.removeprefix("shared/")


def folder_of(path):
    return path.rsplit("/", 1)[0]


def includes_of(path):
    """(mark, header) of each include; the mark of a header of ours is a double quote."""
    found = INCLUDE.findall((SOURCE / path).read_text())
    return [('"' if (SOURCE / header).is_file() else mark, header) for mark, header in found]


def is_readable(path):
    """Whether each include names a file: by its path from src, or one of a library or the system."""
    text = (SOURCE / path).read_text()
    found = INCLUDE.findall(text)
    return len(found) == len(ANY_INCLUDE.findall(text)) and all(
        mark == "<" or (SOURCE / header).is_file() for mark, header in found)


def reached(path, seen):
    """Every (header, by way of) that `path` brings with it: libraries' and the system's."""
    for mark, header in includes_of(path):
        if mark == "<":
            yield header, path
        elif header not in seen:
            seen.add(header)
            yield from reached(header, seen)


def check_direct(room, path):
    for mark, header in includes_of(path):
        if mark == "<":
            if not room.allows(header, room.libs):
                yield f"includes <{header}>, which LIBS_{short(room.name)} does not have"
            continue
        folder = folder_of(header)
        if folder == room.name:
            continue
        if short(folder) not in room.uses:
            yield f'includes "{header}", but USES_{short(room.name)} does not have {short(folder)}'
            continue
        doors = ROOMS[folder].doors
        if doors and pathlib.PurePath(header).stem not in doors:
            yield f'includes "{header}", which is not in DOORS_{short(folder)}'


def check_reached(room, path):
    for header, way in reached(path, set()):
        by = "" if way == path else f" by way of {way}"
        if by and not room.allows(header, room.libs + room.sees):
            yield f"reaches <{header}>{by}; neither LIBS_{short(room.name)} nor SEES_{short(room.name)} has it"
        for ban in room.bans:
            if re.match(BANNED[ban], header):
                yield f"reaches <{header}>{by}, which BANS_{short(room.name)} rules out"


ROOMS = {room.name: room for room in map(Room, sys.stdin.read().split("\n")[:-1])}
faults = []
for path in sorted(SOURCE.rglob("*")):
    if path.is_dir() or path.suffix in (".json", ".lua"):
        continue
    name = path.relative_to(SOURCE).as_posix()
    if path.suffix not in (".cc", ".h") or not is_readable(name):
        faults.append(f"layers: {path}: an include of ours is a path from src in double quotes; sources end in .cc or .h")
        continue
    room = ROOMS.get(folder_of(name))
    if room is None:
        faults.append(f"layers: {path}: make/rooms.mk does not have its folder")
        continue
    for fault in [*check_direct(room, name), *check_reached(room, name)]:
        faults.append(f"layers: {path}: {fault}")
sys.exit("\n".join(faults) if faults else 0)
