"""What `reroll doctor` says of this machine."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from app import doctor
from app.config import Settings
from workers.adapters.accelerator import Accelerators


@pytest.mark.anyio
async def test_no_boot_is_announced_where_no_kernel_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Accelerators, "known", lambda _self: None)
    said = StringIO()
    await doctor._show_accelerator(Console(file=said, width=200), Settings(cache_dir=tmp_path))
    assert said.getvalue() == "KVM, by a real boot: not known: no kernel has been built here yet to boot\n"
