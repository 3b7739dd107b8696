"""Whose doing a machine's end is."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from workers.adapters import qemu_end
from workers.adapters.qemu_end import Patience, trouble
from workers.ports import Ending

TERM = b"qemu-system-x86_64: terminating on signal 15 from pid 1 (systemd)\n"
KVM = b"KVM internal error. Suberror: 1\nextra data[0]: 0x1\n"


@pytest.mark.parametrize(
    ("ending", "code", "words", "why"),
    [
        (Ending.DIED, 137, b"", "ended by itself (137)"),
        (Ending.NO_BOOT, 1, b"cannot allocate memory", "it said: cannot allocate memory"),
        (Ending.DIED, 134, b"qemu: fatal", "ended by itself (134)"),
        (Ending.DIED, 0, TERM, "was told to end"),
        (Ending.NO_BOOT, 0, TERM, "was told to end"),
        (Ending.SILENT, None, KVM, "gave up; it said: KVM internal error"),
        (Ending.NO_BOOT, None, KVM, "gave up"),
    ],
)
def test_what_is_done_to_qemu_is_ours(ending, code, words, why):
    assert why in (trouble(ending, code, words) or "")


@pytest.mark.parametrize(
    ("ending", "code", "words"),
    [
        (Ending.DIED, 0, b""),
        (Ending.DIED, 0, b"qemu-system-x86_64: warning: TCG doesn't support requested feature\n"),
        (Ending.NO_BOOT, None, b""),
        (Ending.SILENT, None, b""),
        (Ending.PANIC, 0, b""),
        (Ending.PANIC, 143, TERM),
        (Ending.FINISHED, 0, TERM),
    ],
)
def test_what_the_guest_does_is_its_own(ending, code, words):
    """A panic that was seen stays one, whatever became of QEMU after it."""
    assert trouble(ending, code, words) is None


@pytest.fixture
def child():
    started = subprocess.Popen([sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"], stdout=-1)
    started.stdout.readline()
    yield started
    started.kill()
    started.communicate()


def test_a_process_that_was_stopped_is_seen_below_its_parent(child):
    patience = Patience(os.getpid())
    assert not patience.stopped()
    child.send_signal(signal.SIGSTOP)
    until = time.monotonic() + 5
    while not patience.stopped() and time.monotonic() < until:
        time.sleep(0.01)
    assert patience.stopped()
    child.send_signal(signal.SIGCONT)


def test_waiting_for_a_cpu_is_counted_since_the_mark(child, monkeypatch):
    waited = {"value": 5_000_000_000}
    monkeypatch.setattr(qemu_end, "_run_delay", lambda _thread: waited["value"])
    patience = Patience(child.pid)
    assert patience.waited_s(1.0) == 0
    waited["value"] += 3_000_000_000
    assert patience.waited_s(1.0) == 3
    assert patience.waited_s(2.0) == 0


def test_a_thread_that_came_after_the_mark_has_waited_all_of_its_time_since(monkeypatch):
    """On a busy host QEMU's threads begin when the time for the boot is running already."""
    waits = {Path("bwrap"): 1_000_000_000}
    monkeypatch.setattr(qemu_end, "_threads", lambda _pid: list(waits))
    monkeypatch.setattr(qemu_end, "_run_delay", waits.get)
    patience = Patience(1)
    assert patience.waited_s(1.0) == 0
    waits[Path("vcpu")] = 5_000_000_000
    assert patience.waited_s(1.0) == 5


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="this kernel counts no run delay")
def test_what_the_kernel_counts_is_read(child):
    patience = Patience(child.pid)
    patience.waited_s(1.0)
    assert 0 <= patience.waited_s(1.0) < 60
    assert qemu_end._run_delay(next(iter(qemu_end._threads(child.pid)))) is not None


def test_a_process_that_is_gone_waits_for_nothing():
    assert Patience(2**22 - 1).waited_s(0.0) == 0
