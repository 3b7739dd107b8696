import re

import pytest

from workers.adapters import toolchain as adapter
from workers.adapters.toolchain import toolchain

pytestmark = pytest.mark.anyio


async def test_versions_are_numbers_and_missing_tools_have_none(monkeypatch):
    monkeypatch.setitem(adapter.TOOLS, "absent", ("no-such-tool", "--version"))
    monkeypatch.setitem(adapter.TOOLS, "mute", ("true",))
    monkeypatch.setitem(adapter.TOOLS, "debian", ("echo", "gcc (Debian 12.2.0-14+deb12u1) 13.1.0"))
    found = await toolchain()
    assert {"gcc", "clang", "ld", "pahole", "make", "qemu"} <= found.keys()
    assert "absent" not in found
    assert "mute" not in found
    assert found["debian"] == "13.1.0"
    for tool, version in found.items():
        assert re.fullmatch(r"\d+\.\d+\S*", version), tool
