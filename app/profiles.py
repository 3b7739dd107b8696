"""Profiles as they are written -> profiles with all that they inherit; and the two that ship with Reroll.

What a profile does not set comes from the one that it `extends`, value by value: a list is replaced as a whole, a table
key by key. A table named as a shipped profile changes the keys that it has of it.
"""

from collections.abc import Mapping
from typing import Any

_BPF = "tools/testing/selftests/bpf"

SHIPPED: Mapping[str, Mapping[str, Any]] = {
    "bpf-quick": {},
    "bpf-full": {
        "extends": "bpf-quick",
        "patches": "build",
        "config_from": "nothing",
        "config": (
            f"{_BPF}/config",
            f"{_BPF}/config.vm",
            f"{_BPF}/config.x86_64",
            "tools/testing/selftests/sched_ext/config",
            "guest.config",
        ),
        "suites": (
            "test_progs",
            "test_verifier",
            "test_maps",
            "veristat",
            "test_progs-no_alu32",
            "test_progs-cpuv4",
        ),
        "everything": True,
        "memory_mb": 6144,
        "boot_timeout": "PT5M",
        "silence_timeout": "PT20M",
        "test_timeout": "PT6H",
        "build_timeout": "PT3H",
    },
}
"""bpf-quick is what app.config has as defaults; bpf-full tests as the kernel's own BPF CI does (README.rst there)."""


def resolve(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return every profile, shipped ones too, with what it inherits; what is no table is left as it is.

    Raises:
        ValueError: a profile extends itself, or one that there is not.
    """
    written: dict[str, Any] = {name: dict(shipped) for name, shipped in SHIPPED.items()}
    for name, own in given.items():
        known = written.get(name)
        written[name] = _over(known, own) if known is not None and isinstance(own, Mapping) else own
    return {name: _inherited(name, written) for name in written}


def _inherited(name: str, written: Mapping[str, Any]) -> Any:  # noqa: ANN401 - what was written, checked by pydantic
    values, chain = written[name], [name]
    while isinstance(values, Mapping) and isinstance(parent := written[chain[-1]].get("extends"), str):
        if parent in chain:
            raise ValueError(f"profile {name!r} extends itself: {' -> '.join([*chain, parent])}")
        if parent not in written:
            raise ValueError(f"profile {chain[-1]!r} extends {parent!r}, which is not one of {sorted(written)}")
        if not isinstance(written[parent], Mapping):
            return values
        values = _over(written[parent], values)
        chain.append(parent)
    return values


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return `below` with what `above` has put over it."""
    both = dict(below)
    for key, value in above.items():
        known = both.get(key)
        both[key] = _over(known, value) if isinstance(known, Mapping) and isinstance(value, Mapping) else value
    return both
