"""Looking frames up in a file with debug information, in the sandbox."""

import subprocess

import pytest

from app.domain.console import scan_console
from workers.adapters.symbols import Symbols

pytestmark = [pytest.mark.anyio, pytest.mark.tools]

SOURCE = """\
static inline __attribute__((always_inline)) int inner(volatile int *at)
{
	return *at;
}

__attribute__((noinline)) int frob_next(volatile int *at)
{
	return inner(at) + 1;
}

int main(void)
{
	return frob_next((int[]){1});
}
"""


@pytest.fixture
def vmlinux(place):
    (place / "frob.c").write_text(SOURCE)
    subprocess.run(["gcc", "-g", "-O1", "-o", "vmlinux", "frob.c"], cwd=place, check=True)
    return place / "vmlinux"


def oops(vmlinux):
    listed = subprocess.run(["nm", "-S", str(vmlinux)], check=True, capture_output=True, text=True).stdout
    size = int(next(line.split()[1] for line in listed.splitlines() if line.endswith(" frob_next")), 16)
    return scan_console(
        f"BUG: kernel NULL pointer dereference\nRIP: 0010:frob_next+0x0/{size:#x}\n---[ end trace 0 ]---\n"
    )


async def test_a_frame_gets_its_line_and_what_was_inlined_there(vmlinux):
    (event,) = await Symbols().decode(vmlinux, oops(vmlinux))
    (found,) = event.decoded
    assert [(one.function, one.file.rpartition("/")[2]) for one in found.places] == [
        ("inner", "frob.c"),
        ("frob_next", "frob.c"),
    ]
    assert [one.line for one in found.places] == [3, 8]
    assert "frob.c:3, inner inlined in frob_next at " in event.excerpt


@pytest.mark.parametrize("content", [b"", b"\x7fELF" + b"\xff" * 400, b"no object at all"])
async def test_what_is_no_object_file_leaves_events_as_they_were(place, vmlinux, content):
    events = oops(vmlinux)
    broken = place / "broken"
    broken.write_bytes(content)
    assert await Symbols().decode(broken, events) == events


async def test_without_frames_nothing_is_asked(place):
    events = scan_console("BUG: strange thing\n")
    assert await Symbols().decode(place / "absent", events) == events


async def test_a_file_that_is_gone_costs_no_run(place, vmlinux):
    events = oops(vmlinux)
    assert await Symbols().decode(place / "absent", events) == events
