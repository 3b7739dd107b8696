"""The guest's root: a shell, the tools that selftests call, and the libraries that they and test_progs load.

Never the host's root: copies of the files named here, and nothing else, in a cpio archive that the kernel unpacks into
memory. The guest may do with them what it likes; no file of the host is behind any of them. Taken from the host's
packages rather than from a mirror, so that the libraries are those that test_progs was linked against.
"""

import asyncio
import contextlib
import hashlib
import os
import re
import shutil
import stat
import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from app.errors import InfrastructureError
from workers.adapters import cpio, process, sandbox

INIT = Path(__file__).parent.parent / "guest" / "init"
TAP = INIT.with_name("iter_tap.c")
TAP_IN_GUEST = "usr/lib/reroll/iter_tap.so"
FOLDERS = ("dev", "proc", "sys", "run", "tmp", "var", "var/tmp", "root", "etc", "mnt", "reroll", "selftests")
LINKS = {"var/run": "/run"}
"""`ip netns` has its namespaces below /var/run, and makes no folder there but its own."""
NEEDED = ("sh", "bash", "mount", "umount", "cat", "grep", "sed", "mkdir", "rm", "ls", "cp", "ip", "sleep", "stdbuf")
WANTED = (
    *("tc", "ss", "bridge", "ethtool", "ping", "nc", "sysctl", "ps", "pgrep", "pkill", "kill", "modprobe", "insmod"),
    *("rmmod", "lsmod", "awk", "chmod", "chown", "cut", "date", "dd", "dirname", "basename", "env", "expr", "find"),
    *("getopt", "head", "hostname", "id", "ln", "losetup", "mktemp", "mv", "nproc", "openssl", "readlink", "rmdir"),
    *("seq", "setpriv", "sort", "stat", "sync", "tail", "tee", "timeout", "touch", "tr", "true", "truncate", "uname"),
    *("uniq", "unshare", "nsenter", "wc", "which", "xargs", "nft", "mknod", "mkfs.ext2", "mkfs.ext4", "blkid"),
    *("keyctl", "iptables", "iptables-legacy", "ip6tables-legacy", "taskset", "dmesg", "od", "cmp", "diff"),
)
OPENED = ("/usr/libexec/coreutils/libstdbuf.so",)
"""What stdbuf has loaded into a program."""
XTABLES = ("standard", "tcp", "udp", "CT", "SYNPROXY", "CONNMARK", "MARK", "mark", "conntrack", "state", "bpf")
"""What tests ask of iptables, which opens it by name."""
TEXTS = {
    "etc/passwd": b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n",
    "etc/group": b"root:x:0:\nnogroup:x:65534:\n",
    "etc/hosts": b"127.0.0.1 localhost\n::1 localhost\n",
}
LIBRARIES = ("libelf.so.1", "libz.so.1", "libzstd.so.1", "libcrypto.so.3", "libpcap.so.0.8", "libcap.so.2")
LIBRARIES_TOO = ("libgcc_s.so.1", "libstdc++.so.6", "librt.so.1", "libpthread.so.0", "libdw.so.1", "libbpf.so.1")
NEW = ".new-"
MOST_BYTES = 512 * 1024**2
UNUSED_S = 30 * 86400.0
IN_USE_S = 86400.0
"""No attempt takes so long: whoever made a root then boots it no more."""
LEFT_S = 3600.0
_LDD_S = timedelta(seconds=60)
_COMPILE_S = timedelta(seconds=120)
_LOADED = re.compile(r"^\s+(?:\S+ => )?(/\S+) \(0x", re.MULTILINE)
_CACHED = re.compile(r"^\s+(\S+) \(libc6,x86-64[^)]*\) => (/\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestRoot:
    """The archive at `path`; `digest` names its content, `absent` the tools that this host could not give."""

    path: Path
    digest: str
    absent: tuple[str, ...]


async def guest_root(folder: Path) -> GuestRoot:
    """Return the guest's root, made anew: half a second, and true to the host's packages of today.

    Raises:
        InfrastructureError: a tool that the guest cannot do without, or gcc, is not on this host.
    """
    programs = {name: shutil.which(name, path=sandbox.PATH) for name in (*NEEDED, *WANTED)}
    absent = tuple(name for name, path in programs.items() if path is None)
    lacking = sorted(set(absent) & set(NEEDED))
    if lacking:
        raise InfrastructureError(f"the guest's root needs {', '.join(lacking)}, which this host does not have")
    present = {name: path for name, path in programs.items() if path}
    files = await _with_libraries(present)
    entries = [*_entries(present, files), cpio.folder("usr/lib/reroll"), await _tap()]
    path, digest = await asyncio.to_thread(_write, folder, entries)
    return GuestRoot(path=path, digest=digest, absent=absent)


async def _with_libraries(programs: dict[str, str]) -> set[str]:
    """Return the libraries of all programs and those that test_progs wants, by the path the loader looks at."""
    code, output = await process.capture(["ldconfig", "-p"], wall=_LDD_S, env=sandbox.outer_env())
    cached = dict(reversed(_CACHED.findall(output.decode()))) if code == 0 else {}
    own = {cached[name] for name in (*LIBRARIES, *LIBRARIES_TOO) if name in cached}
    missing = [name for name in LIBRARIES if name not in cached]
    if missing:
        raise InfrastructureError(f"the selftests need {', '.join(missing)}, which this host does not have")
    words = ["ldd", *sorted({*programs.values(), *own})]
    _, output = await process.capture(words, wall=_LDD_S, env=sandbox.outer_env())  # 1 if any is a script
    return own | _opened() | set(_LOADED.findall(output.decode()))


def _opened() -> set[str]:
    plugins = [f"/usr/lib/x86_64-linux-gnu/xtables/libxt_{name}.so" for name in XTABLES]
    return {path for path in (*OPENED, *plugins) if Path(path).exists()}


async def _tap() -> cpio.Entry:
    """Return the library that shows what tests read of BPF iterators, compiled with the host's own compiler."""
    with tempfile.TemporaryDirectory(prefix="reroll-tap-") as folder:
        made = Path(folder) / "iter_tap.so"
        words = ["gcc", "-shared", "-fPIC", "-O2", "-o", str(made), str(TAP)]
        code, output = await process.capture(words, wall=_COMPILE_S, env=sandbox.outer_env())
        if code != 0:
            raise InfrastructureError(f"gcc cannot compile {TAP.name} for the guest's root; it said: {_said(output)}")
        return cpio.Entry(path=TAP_IN_GUEST, mode=stat.S_IFREG | 0o755, data=made.read_bytes())


def _said(output: bytes) -> str:
    return output.decode(errors="replace").strip()[-1000:]


def _entries(programs: dict[str, str], libraries: set[str]) -> list[cpio.Entry]:
    # Debian's merged /usr: /bin, /lib ... are links, and every path below leads to /usr.
    links = {name: Path("/", name) for name in ("bin", "sbin", "lib", "lib64") if Path("/", name).is_symlink()}
    entries = [cpio.folder(name) for name in FOLDERS]
    entries += [
        cpio.Entry(path=name, mode=stat.S_IFLNK | 0o777, data=os.fsencode(link.readlink()))
        for name, link in links.items()
    ]
    entries += [cpio.Entry(path=name, mode=stat.S_IFLNK | 0o777, data=to.encode()) for name, to in LINKS.items()]
    contents = {f"/usr/bin/{name}": Path(path) for name, path in programs.items()}
    contents |= {_merged(path): Path(path) for path in libraries}
    made: set[str] = set()
    for path in sorted(contents):
        for parent in reversed([str(one)[1:] for one in Path(path).parents if str(one) != "/"]):
            if parent not in made and parent not in links:
                entries.append(cpio.folder(parent))
                made.add(parent)
        entries.append(cpio.Entry(path=path[1:], mode=stat.S_IFREG | 0o755, data=contents[path]))
    entries.append(cpio.Entry(path="dev/console", mode=stat.S_IFCHR | 0o600, device=(5, 1)))
    entries += [cpio.Entry(path=path, mode=stat.S_IFREG | 0o644, data=text) for path, text in TEXTS.items()]
    entries.append(cpio.Entry(path="init", mode=stat.S_IFREG | 0o755, data=INIT.read_bytes()))
    return entries


def _merged(path: str) -> str:
    top = Path("/", Path(path).parts[1])
    return str(top.resolve() / Path(path).relative_to(top)) if top.is_symlink() else path


def _write(folder: Path, entries: list[cpio.Entry]) -> tuple[Path, str]:
    """Write the archive under the digest of its content, where it does not lie yet; return both."""
    folder.mkdir(parents=True, exist_ok=True)
    hashed = hashlib.sha256()
    with tempfile.NamedTemporaryFile(dir=folder, prefix=NEW, delete=False) as target:
        new = Path(target.name)
        for piece in cpio.pieces(entries):
            hashed.update(piece)
            target.write(piece)
    digest = hashed.hexdigest()[:16]
    path = folder / f"root-{digest}.cpio"
    new.chmod(0o644)
    new.rename(path)  # the same where it was there: it is young again
    _clear(folder, but=path)
    return path, digest


def _clear(folder: Path, *, but: Path) -> None:
    """Delete roots that no worker has made for a month, the longest unused sooner where all are more than MOST_BYTES.

    What workers that were killed left of theirs goes too.
    """
    found: list[tuple[float, int, Path]] = []
    for path in folder.iterdir():
        if path.name.startswith((NEW, "root-")) and path != but:
            with contextlib.suppress(FileNotFoundError):  # another worker was faster
                found.append(((now := path.stat()).st_mtime, now.st_size, path))
    total = but.stat().st_size
    for last_use, size, path in sorted(found, reverse=True):
        total += size
        kept = UNUSED_S if total <= MOST_BYTES else IN_USE_S
        if time.time() - last_use > (LEFT_S if path.name.startswith(NEW) else kept):
            path.unlink(missing_ok=True)
