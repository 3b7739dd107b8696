"""The kernel's configuration of a profile: fragments that ship with Reroll, or lie on this host, and files of the tree.

A file of the tree is read inside the sandbox, from the source that is built: a series that adds to the configuration
its own selftests need is tested with it.
"""

import hashlib
from collections.abc import Collection
from pathlib import Path

from app.config import ConfigFrom, ProfileSettings
from app.errors import InfrastructureError
from workers.adapters import sandbox
from workers.adapters.sandbox import Bind
from workers.adapters.workshop import ORIGINAL

SHIPPED = Path(__file__).parent.parent / "profiles"
PLACE = "/build/config"

# Arguments: what to begin with, then the fragments; those that a tree does not have (yet) are left out.
CONFIGURE = """
from=$1; shift
rm -f /build/out/.config
if [ "$from" = nothing ]; then : >/build/out/.config; else make -C /build/linux O=/build/out "$from"; fi
for fragment; do
  shift
  if [ -f "$fragment" ]; then set -- "$@" "$fragment"; else echo "reroll: this tree has no $fragment"; fi
done
/build/linux/scripts/kconfig/merge_config.sh -m -O /build/out /build/out/.config "$@"
make -C /build/linux O=/build/out olddefconfig
"""


def arguments(profile: ProfileSettings) -> list[str]:
    """Return the arguments of CONFIGURE."""
    return [profile.config_from, *(_target(number, name) for number, name in enumerate(profile.config))]


def digest(profile: ProfileSettings, *, state: bytes | None = None) -> str:
    """Return a hash of what a profile's configuration is made of, but for files of the tree: the commit has those.

    Raises:
        InfrastructureError: a shipped fragment is not there.
    """
    parts = [] if state is None else [state]
    parts += [name.encode() if _of_tree(name) else _shipped(name).read_bytes() for name in profile.config]
    if profile.config_from is not ConfigFrom.TINYCONFIG:
        parts.append(profile.config_from.encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def folder(place: Path, profile: ProfileSettings) -> Bind:
    """Copy the shipped fragments to where the build user can read them: where Reroll itself lies, it may not (/root).

    Raises:
        InfrastructureError: a fragment is not there.
    """
    made = sandbox.make_folder(place)
    for number, name in enumerate(profile.config):
        if not _of_tree(name):
            copy = made / Path(_target(number, name)).name
            copy.write_bytes(_shipped(name).read_bytes())
            copy.chmod(0o644)
    return Bind(source=made, target=PLACE)


def touched(profile: ProfileSettings, changed: Collection[str]) -> bool:
    """Tell whether changed paths of the tree may change the configuration."""
    of_tree = {name for name in profile.config if _of_tree(name)}
    return any(path in of_tree or path.rpartition("/")[2].startswith("Kconfig") for path in changed)


def _of_tree(name: str) -> bool:
    return "/" in name and not name.startswith("/")


def _target(number: int, name: str) -> str:
    return f"{ORIGINAL}/{name}" if _of_tree(name) else f"{PLACE}/{number:02}-{Path(name).name}"


def _shipped(name: str) -> Path:
    path = SHIPPED / name
    if not path.is_file():
        raise InfrastructureError(f"the profile names the config fragment {path}, which is not a file")
    return path
