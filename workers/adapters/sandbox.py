"""The sandbox for all that a patch may execute here: make, compilers, host tools, and QEMU with its guest.

No network, no file of the host but the few named below, no environment of the worker, an unprivileged user, limits, and
a PID namespace of its own that dies with the worker. Made by bubblewrap (bwrap(1)); layers by overlayfs in a user
namespace (kernel 5.11 and newer). Limits: prlimit(1) for each process and for the number of processes, the watch in
`process.stream` for the memory of all together.
"""

import asyncio
import grp
import os
import pwd
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path

from app.errors import InfrastructureError
from workers.adapters import process

BUILD_USER = "reroll-build"
SYSTEM_FOLDERS = (
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/etc/alternatives",
    "/etc/ld.so.cache",
)
PATH = "/usr/lib/llvm-19/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
TMP_BYTES = 2 * 1024**3
OPEN_FILES = 8192

# Mounts the layers in a user and mount namespace of their own, then becomes bwrap: it stays one process, so a death
# signal set before still holds. Arguments: lower upper work target, as often as "-" does not come.
_LAYER = """
set -e
while [ "$1" != - ]; do
  mount -t overlay overlay -o "lowerdir=$1,upperdir=$2,workdir=$3,userxattr" "$4"
  shift 4
done
shift
exec "$@"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind:
    """A folder or file of the host shown in the sandbox at `target`; read-only unless `writable`."""

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A folder shown at `target` whose changes go to `upper` and leave `lower` as it was.

    `scratch` is a folder beside `upper`, on the same file system, for overlayfs's own use.
    """

    lower: Path
    upper: Path
    scratch: Path
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Who runs what is in the sandbox; None of these fields is root's."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """What one command sees and may use. `processes` counts all of the user's; `memory_mb` is per process here."""

    binds: Sequence[Bind] = ()
    layers: Sequence[Layer] = ()
    devices: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str = "/tmp"  # noqa: S108 - the sandbox's own tmpfs
    memory_mb: int
    processes: int
    file_mb: int = 4096

    def command(self, argv: Sequence[str]) -> list[str]:
        """Return the argv that runs `argv` confined; to be started with the environment `outer_env()`.

        Raises:
            InfrastructureError: the worker is root and the build user does not exist.
        """
        mounts = [part for layer in self.layers for part in _layer_arguments(layer)]
        layered = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _LAYER, "layers", *mounts, "-"]
        return [
            *_become(build_user(), self.devices),
            *self._limits(),
            *(layered if self.layers else []),
            *self._bwrap(),
            "--",
            *argv,
        ]

    def _limits(self) -> list[str]:
        return [
            "prlimit",
            f"--as={self.memory_mb * 1024 * 1024}",
            f"--nproc={self.processes}",
            f"--fsize={self.file_mb * 1024 * 1024}",
            f"--nofile={OPEN_FILES}",
            "--core=0",
        ]

    def _bwrap(self) -> list[str]:
        words = ["bwrap", "--die-with-parent", "--unshare-all", "--unshare-user", "--new-session", "--clearenv"]
        words += ["--uid", "1000", "--gid", "1000", "--hostname", "reroll", "--cap-drop", "ALL"]
        words += ["--proc", "/proc", "--dev", "/dev", "--size", str(TMP_BYTES), "--tmpfs", "/tmp"]  # noqa: S108
        for folder in _system_folders():
            target = Path(folder)
            words += ["--symlink", str(target.readlink()), folder] if target.is_symlink() else []
            words += [] if target.is_symlink() else ["--ro-bind", folder, folder]
        for device in self.devices:
            words += ["--dev-bind", device, device]
        for bind in self.binds:
            words += ["--bind" if bind.writable else "--ro-bind", str(bind.source), bind.target]
        for layer in self.layers:
            words += ["--bind", str(_merged(layer)), layer.target]
        # Both are in memory and without a limit of ours, unlike /tmp.
        words += ["--remount-ro", "/dev", "--remount-ro", "/"]
        for name, value in {"PATH": PATH, "HOME": "/tmp", "LC_ALL": "C", **self.env}.items():  # noqa: S108
            words += ["--setenv", name, value]
        return [*words, "--chdir", self.cwd]


def outer_env() -> dict[str, str]:
    """Return the environment in which the sandbox itself is started: nothing of the worker's but where tools are."""
    return {"PATH": PATH, "LC_ALL": "C"}


@cache
def build_user() -> User | None:
    """Return the user that a worker running as root steps down to; None where the worker is not root.

    Raises:
        InfrastructureError: running as root without that user; building as root is not an option.
    """
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(BUILD_USER)
    except KeyError:
        hint = f"useradd --system --no-create-home --shell /usr/sbin/nologin {BUILD_USER}"
        raise InfrastructureError(
            f"the worker runs as root and there is no system user {BUILD_USER} to build as; create it: {hint}"
        ) from None
    return User(uid=entry.pw_uid, gid=entry.pw_gid)


def make_folder(path: Path) -> Path:
    """Make a folder (and its parents) that the sandbox's user owns and may write; return it.

    Raises:
        InfrastructureError: it cannot be made, or the user could not reach it.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        user = build_user()
        if user:
            os.chown(path, user.uid, user.gid, follow_symlinks=False)
            _check_reachable(path, user)
    except OSError as error:
        raise InfrastructureError(f"cannot make the folder {path}: {error.strerror}") from error
    return path


async def remove(*paths: Path) -> None:
    """Delete folders that something in the sandbox may have filled; symlinks are not followed."""
    for path in paths:
        await asyncio.to_thread(remove_tree, path)


def remove_tree(path: Path) -> None:
    """Delete a file or folder, if it is there; symlinks are not followed."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    if os.geteuid() != 0:
        # overlayfs leaves its work folder without permissions, and a build may do so to any of its own.
        path.chmod(0o700)
        for parent, folders, _ in os.walk(path):
            for folder in folders:
                if not os.path.islink(inner := os.path.join(parent, folder)):  # noqa: PTH114, PTH118 - 10^5 of them
                    os.chmod(inner, 0o700)  # noqa: PTH101
    shutil.rmtree(path)


@cache
def _system_folders() -> tuple[str, ...]:
    return tuple(folder for folder in SYSTEM_FOLDERS if Path(folder).exists())


def _merged(layer: Layer) -> Path:
    return layer.scratch / "merged"


def _layer_arguments(layer: Layer) -> tuple[str, str, str, str]:
    work, merged = layer.scratch / "work", _merged(layer)
    return str(layer.lower), str(layer.upper), str(work), str(merged)


def prepare_layer(layer: Layer) -> None:
    """Make the folders that a layer needs besides `lower`.

    Raises:
        InfrastructureError: they cannot be made.
    """
    for folder in (layer.upper, layer.scratch, layer.scratch / "work", _merged(layer)):
        make_folder(folder)


def _become(user: User | None, devices: Sequence[str]) -> list[str]:
    if user is None:
        return ["setpriv", "--no-new-privs", "--pdeathsig", "KILL"]
    groups = _device_groups(devices)
    keep = ["--groups", ",".join(map(str, groups))] if groups else ["--clear-groups"]
    identity = ["--reuid", str(user.uid), "--regid", str(user.gid), *keep, "--inh-caps=-all"]
    return ["setpriv", *identity, "--no-new-privs", "--pdeathsig", "KILL"]


def _device_groups(devices: Sequence[str]) -> list[int]:
    """The groups that open a device, such as `kvm`; never root's."""
    found = {Path(device).stat().st_gid for device in devices}
    return sorted(gid for gid in found if gid != 0 and _group_exists(gid))


def _group_exists(gid: int) -> bool:
    try:
        grp.getgrgid(gid)
    except KeyError:
        return False
    return True


def _check_reachable(path: Path, user: User) -> None:
    for parent in path.parents:
        state = parent.stat()
        if not state.st_mode & (0o100 if state.st_uid == user.uid else 0o001):
            raise InfrastructureError(
                f"{BUILD_USER} cannot reach {path}: {parent} is closed to others; move cache_dir or open that folder"
            )


async def layers_work(folder: Path) -> bool:
    """Tell whether overlayfs can be mounted under `folder` here, by doing it once."""
    place = Path(tempfile.mkdtemp(dir=make_folder(folder), prefix="layer-"))
    try:
        make_folder(place)
        layer = Layer(lower=place / "l", upper=place / "u", scratch=place / "s", target="/layer")
        make_folder(make_folder(layer.lower) / "below")
        prepare_layer(layer)
        box = Sandbox(layers=[layer], memory_mb=1024, processes=1024)
        code, _ = await process.capture(
            box.command(["sh", "-c", "echo x > /layer/above && rmdir /layer/below"]),
            wall=timedelta(seconds=20),
            env=outer_env(),
        )
        return code == 0 and (layer.lower / "below").exists() and (layer.upper / "above").exists()
    finally:
        await remove(place)
