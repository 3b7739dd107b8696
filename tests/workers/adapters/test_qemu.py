"""How a machine's end is read: a shell in QEMU's place, in its sandbox, with its two ports."""

import pytest

from app.config import ProfileSettings
from app.errors import InfrastructureError
from workers.adapters import accelerator, qemu
from workers.adapters.accelerator import PLACE, Accelerator, Accelerators
from workers.adapters.images import META, PARTS
from workers.ports import Ending, Image

pytestmark = [pytest.mark.anyio, pytest.mark.tools]
READY = """echo '@@reroll {"event":"ready"}' >&$results"""
DONE = """echo '@@reroll {"event":"done"}' >&$results"""


@pytest.fixture
def live(place, monkeypatch):
    """Return what boots a machine whose QEMU is a bash script; `$console` and `$results` are its ports."""
    monkeypatch.setattr(accelerator, "refusal", lambda: "not here")
    folder = place / "image"
    folder.mkdir()
    for part in (*PARTS, META):
        (folder / part).write_bytes(b"")
    image = Image(key="abc", folder=folder, tests=("bpf_iter",), selection=(), not_built=(), toolchain={})

    async def run(script):
        def arguments(_profile, accelerator, console, results):
            return ["bash", "-c", f"accelerator={accelerator} console={console} results={results}\n{script}"]

        monkeypatch.setattr(qemu, "_arguments", arguments)
        heard = bytearray()
        machine = qemu.Machine(place / "cache")
        boot = await machine.run(
            image, ProfileSettings(), tests=["bpf_iter"], console=heard.extend, results=heard.extend
        )
        return boot.ending, bytes(heard)

    return run


@pytest.mark.parametrize(
    ("script", "ending"),
    [
        (f"{READY}; {DONE}", Ending.FINISHED),
        (READY, Ending.DIED),
        ("echo Linux >&$console", Ending.NO_BOOT),
        (f"{READY}; echo 'Kernel panic - not syncing: x' >&$console", Ending.PANIC),
    ],
)
async def test_a_machine_that_resets_tells_by_its_ports_how_it_ended(live, script, ending):
    assert (await live(script))[0] is ending


async def test_both_ports_are_heard_to_the_end(live):
    ending, heard = await live(
        f"{READY}; echo Linux >&$console; i=0; while [ $i -lt 5000 ]; do echo x$i; "
        f"i=$((i + 1)); done >&$results; {DONE}"
    )
    assert ending is Ending.FINISHED
    assert b"Linux\n" in heard
    assert b"\nx4999\n" in heard


async def test_a_kvm_with_which_qemu_itself_gives_up_is_not_used(place, live, monkeypatch):
    monkeypatch.setattr(accelerator, "refusal", lambda: None)
    monkeypatch.setattr(qemu, "_box", without_kvm(qemu._box))
    ending, _ = await live(f"[ $accelerator = tcg ] || {{ echo failed to set MSR; exit 134; }}; {READY}; {DONE}")
    assert ending is Ending.FINISHED
    assert Accelerators(place / "cache" / PLACE).known().name is Accelerator.TCG


def without_kvm(box):
    """Have no /dev/kvm in the sandbox: it may not be there."""
    return lambda fitted, _accelerator: box(fitted, Accelerator.TCG)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo no such machine; exit 1", r"would not start: it ended by itself \(1\); it said: no such machine"),
        ("echo Linux >&$console; sleep 0.2; kill -9 $$", r"ended by itself \(137\)"),
        (f"echo Linux >&$console; {READY}; sleep 0.2; kill -9 $$", r"ended by itself \(137\)"),
        (
            f"echo Linux >&$console; {READY}; echo 'qemu-system-x86_64: terminating on signal 15 from pid 0 (x)'",
            "was told to end; it said: qemu-system-x86_64: terminating on signal 15",
        ),
    ],
)
async def test_a_qemu_that_was_killed_or_gave_up_is_trouble_of_ours(live, script, said):
    """The host may have run out of memory: no patch is to blame."""
    with pytest.raises(InfrastructureError, match=said):
        await live(script)


def test_two_machines_want_a_processor_and_memory_each(place, monkeypatch):
    machine, profile = qemu.Machine(place / "cache"), ProfileSettings(memory_mb=1024)
    monkeypatch.setattr(qemu.process, "available_bytes", lambda: (2048 + 2 * qemu.EXTRA_MB) * 1024 * 1024)
    monkeypatch.setattr(qemu.os, "sched_getaffinity", lambda _pid: {0, 3})
    assert machine.has_room(profile, 2)
    assert not machine.has_room(profile.model_copy(update={"memory_mb": 1025}), 2)
    monkeypatch.setattr(qemu.os, "sched_getaffinity", lambda _pid: {3})
    assert not machine.has_room(profile, 2)
    assert machine.has_room(profile, 1)
