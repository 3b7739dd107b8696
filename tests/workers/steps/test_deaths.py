"""Each way in which a machine can die, in QEMU: a real kernel, and for test_progs a script that does it."""

from datetime import timedelta

import pytest

from app.config import ProfileSettings
from app.domain.console import ConsoleKind
from tests.workers.adapters.test_kernel import built, host  # noqa: F401 - a fixture
from workers.adapters import cpio
from workers.adapters.qemu import Machine
from workers.adapters.symbols import Symbols
from workers.ports import Ending
from workers.steps.lives import Lives, Tap
from workers.steps.selftests import Boots

pytestmark = [pytest.mark.anyio, pytest.mark.kernel]

SCRIPT = b"""#!/bin/sh
[ "$1" = --help ] && exit 0
for list; do :; done
while read -r name; do
	case $name in
	*warn)
		echo '<4>WARNING: CPU: 0 PID: 7 at kernel/bpf/frob.c:12 frob+0xb4/0x256' >/dev/kmsg
		echo '<4>---[ end trace 0 ]---' >/dev/kmsg ;;
	*oops) echo c >/proc/sysrq-trigger ;;
	*hang) sleep 1000 ;;
	*reset) echo b >/proc/sysrq-trigger; sleep 100 ;;
	*crash) kill -SEGV $$ ;;
	esac
	echo "#1       $name:OK"
	sleep 0.5
done <"${list#@}"
echo "Summary: 1/0 PASSED, 0 SKIPPED, 0 FAILED"
"""
TESTS = ("a_ok", "b_warn", "c_oops", "d_ok", "e_hang", "f_crash", "g_ok", "h_reset", "i_ok")
PROFILE = ProfileSettings(silence_timeout=timedelta(seconds=20))


async def test_who_ended_it_is_named_each_time_and_the_rest_is_run(host):  # noqa: F811 - the fixture
    image = await built(host, {})
    tests = cpio.Entry(path="selftests/test_progs", mode=0o100755, data=SCRIPT)
    (image.folder / "selftests.cpio").write_bytes(cpio.archive([cpio.folder("selftests"), tests]))
    boots = Boots(machine=Machine(host.cache_dir), image=image, profile=PROFILE, symbols=Symbols())
    first = await boots.live(Tap(tests=TESTS), PROFILE)
    lived = Lives(each=(first, *await boots.rest(first)))

    assert [life.boot.ending for life in lived.each] == [
        Ending.PANIC,
        Ending.SILENT,
        Ending.FINISHED,
        Ending.DIED,
        Ending.FINISHED,
    ]
    assert {one.name: one.outcome.value for one in lived.results} == {
        "a_ok": "pass",
        "b_warn": "pass",
        "c_oops": "fail",
        "d_ok": "pass",
        "e_hang": "fail",
        "f_crash": "fail",
        "g_ok": "pass",
        "h_reset": "fail",
        "i_ok": "pass",
    }
    said = {one.name: one.message for life in lived.each for one in life.left.killers}
    assert said == {
        "c_oops": "panic: sysrq triggered crash in sysrq_handle_crash",
        "e_hang": "no result for 20 s",
        "f_crash": "the program ended with exit code 139: Segmentation fault",
        "h_reset": "the machine was reset",
    }
    assert lived.complete
    warning, panic = lived.events
    assert (warning.kind, warning.test, panic.kind, panic.test) == (
        ConsoleKind.WARNING,
        "b_warn",
        ConsoleKind.PANIC,
        "c_oops",
    )
    (place,) = [one.places[0] for one in panic.decoded if one.frame.startswith("sysrq_handle_crash+")]
    assert place.file == "drivers/tty/sysrq.c"
    assert f"(drivers/tty/sysrq.c:{place.line}" in panic.excerpt
