"""100 MB of a guest's two ports read as the worker reads them: seconds and memory, beside a plain loop over the lines.

And as `reroll inspect FILE --json` reads them, which has to find out first whose output it is, and prints it all.

`python -m bench parsers`. Each mixture is read in a process of its own, in pieces as a pipe gives them. The peers are
a loop that only looks at how each line begins, and `grep --count`: what is at all possible on this machine now.
"""

import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path

from rich.console import Console

from app.cli import app as cli
from app.domain.console import ConsoleScanner
from app.domain.guest_stream import GuestStream

MB = 100
CHUNK = 64 * 1024
LIMIT_S = 5.0
LIMIT_MB = 100.0
FRAME = b'\n@@reroll {"event":"begin","suite":"test_progs"}\n'

_STATE = (
    b"%d: (85) call bpf_map_lookup_elem#1        ; R0_w=map_value_or_null(id=1,off=0,ks=4,vs=8,imm=0) refs=\n"
    b"%d: (15) if r0 == 0x0 goto pc+2             ; R0_w=scalar(smin=0,smax=umax=4294967295,var_off=(0x0; 0xff))\n"
)
_LOG = b"".join(_STATE % (number, number + 1) for number in range(0, 400, 2))
_CHECK = (
    b"run_subtest:FAIL:545 expect_msg\nVERIFIER LOG:\n=============\n" + _LOG + b"=============\n"
    b"EXPECTED   SUBSTR: 'R1 type=ctx expected=fp'\n"
)
_WARNING = (
    b"[%5d.123456] WARNING: CPU: 1 PID: %d at kernel/bpf/verifier.c:%d check_frob+0x12/0x90\n"
    b"[%5d.123456] Modules linked in: bpf_testmod(O)\n[%5d.123456] RIP: 0010:check_frob+0x12/0x90\n"
    b"[%5d.123456] Call Trace:\n[%5d.123456]  <TASK>\n"
)
_TRACE = b"".join(b"[    9.123456]  frob_%d+0x1a/0x90\n" % number for number in range(20)) + (
    b"[    9.123456]  </TASK>\n[    9.123456] ---[ end trace 0000000000000000 ]---\n"
)


def _mixed(number: int) -> bytes:
    """As all of test_progs prints on a base: some 30 subtests a test, one test in nine fails, with a verifier's log."""
    subs = (b"#%d/%d   test_%d/program %d, of_%d:OK\n" % (number, sub, number, sub, sub) for sub in range(1, 31))
    bad = number % 9 == 0
    log = _CHECK + b"#%d/31  test_%d/bad:FAIL\n" % (number, number) if bad else b""
    return b"".join(subs) + log + b"#%d     test_%d:%s\n" % (number, number, b"FAIL" if bad else b"OK")


def _long_logs(number: int) -> bytes:
    return _CHECK + b"#%d/1   test_%d/a:FAIL\n#%d     test_%d:FAIL\n" % (number, number, number, number)


def _short_failures(number: int) -> bytes:
    return b"f:FAIL:9 unexpected x: actual 1 != expected 2\n#%d/%d  t%d/a:FAIL\n" % (number % 999, number, number % 999)


def _passes(number: int) -> bytes:
    return b"#%d/%d  test_%d/sub %d:OK\n" % (number // 30, number % 30, number // 30, number)


def _verbose(number: int) -> bytes:
    checks = b"".join(b"frob_iter:PASS:check_%d 0 nsec\n" % check for check in range(50))
    return checks + b"#%d/1   test_%d/a:OK\n#%d     test_%d:OK\n" % (number, number, number, number)


def _alike(number: int) -> bytes:
    """Lines that look like a result to the last letter but one."""
    return b"#%d %d frob#%d     name_%d:OKAY (SKIP: 1/2)\n" % (number, number, number, number)


def _quiet(number: int) -> bytes:
    lines = b"".join(b"[%5d.%06d] frob: the device went on as it should, port %d\n" % (number, n, n) for n in range(99))
    return lines + (_warning(number) if number % 9 == 0 else b"")


def _warning(number: int) -> bytes:
    return _WARNING % (number, number, number % 4000, number, number, number, number) + _TRACE


def _at_once(number: int) -> bytes:
    """Warnings of twenty tasks, each with a line in turn (CONFIG_PRINTK_CALLER)."""
    lines = (_cut_out(number) for number in range(number, number + 20))
    return b"".join(
        b"[    9.123456][%6s] %s\n" % (b"T%d" % (number + task), line)
        for turn in zip(*lines, strict=True)
        for task, line in enumerate(turn)
    )


def _cut_out(number: int) -> list[bytes]:
    """The lines of a warning without their stamps."""
    return [line.partition(b"] ")[2] for line in _warning(number).splitlines()]


def _heads(number: int) -> bytes:
    return b"[%5d.000000] BUG: unable to handle page fault for address: ffff%012x of %d\n" % (number, number, number)


def _other_heads(number: int) -> bytes:
    """A new complaint each line, of all kinds."""
    name = bytes(97 + int(digit) for digit in str(number))
    return (
        b"BUG: strange %s\nOops: %s fault\n",
        b"UBSAN: %s\nInternal error: %s\n",
        b"BUG: KASAN: %s\nWARNING: possible circular %s\n",
        b"INFO: task %s:1 blocked for more than 9\nkmemleak: %s detected\n",
    )[number % 4] % (name, name)


def _frames(number: int) -> bytes:
    return b"BUG: x\n" + b"".join(b" frob_%d+0x%x/0xfff\n" % (number, n) for n in range(150))


def _garbage(number: int) -> bytes:
    return bytes((number * 7 + n * n) % 256 for n in range(997)) * 10


def _one_line(_number: int) -> bytes:
    return b"BUG Oops fault #1 x:OK" * 5000


RESULTS: dict[str, Callable[[int], bytes]] = {
    "as all of test_progs": _mixed,
    "each test fails with a long log": _long_logs,
    "each test fails with a line": _short_failures,
    "each test passes": _passes,
    "verbose": _verbose,
    "lines that look like results": _alike,
    "rubbish": _garbage,
    "one line": _one_line,
}
CONSOLES: dict[str, Callable[[int], bytes]] = {
    "quiet, a warning now and then": _quiet,
    "one warning after the other": _warning,
    "each line an oops": _heads,
    "each line another complaint": _other_heads,
    "traces without end": _frames,
    "rubbish": _garbage,
    "one line": _one_line,
}
CALLERS: dict[str, Callable[[int], bytes]] = {"warnings of many tasks at once": _at_once}
"""More consoles; bench/log_fuzz.py puts callers before lines itself."""


def measure_parsers(*, megabytes: int = MB) -> bool:
    """Read every mixture; return whether each kept within LIMIT_MB, and LIMIT_S for 100 MB."""
    console = Console(highlight=False)
    good = True
    for port, mixtures in (("results", RESULTS), ("console", CONSOLES | CALLERS)):
        for name, make in mixtures.items():
            with tempfile.NamedTemporaryFile(prefix="rb-") as file:
                _write(Path(file.name), make, megabytes * 1_000_000)
                took, memory, found = _read_apart(port, file.name)
                shown, showing, _ = _read_apart(f"inspect {port}", file.name)
                loop, grep = _loop(file.name), _grep(file.name)
            good = good and max(took, shown) <= LIMIT_S * megabytes / MB and max(memory, showing) <= LIMIT_MB
            console.print(
                f"  {port}, {name}: {took:.2f} s of processor, {memory:.0f} MB, {found}; "
                f"inspect {shown:.2f} s, {showing:.0f} MB; a loop over the lines {loop:.2f} s, grep {grep:.2f} s"
            )
    console.print(
        f"parsers: {megabytes} MB each: {'all' if good else 'NOT ALL'} within {LIMIT_S:.0f} s and {LIMIT_MB:.0f} MB"
    )
    return good


def _write(path: Path, make: Callable[[int], bytes], size: int) -> None:
    with path.open("wb") as file:
        for number in itertools.count():
            if file.tell() >= size:
                return
            file.write(make(number))


def _read_apart(port: str, file: str) -> tuple[float, float, str]:
    done = subprocess.run([sys.executable, "-m", "bench.parsers", port, file], check=True, capture_output=True)
    said = json.loads(done.stdout)
    return said["seconds"], said["mb"], said["found"]


def _read(port: str, file: str) -> str:
    if port.startswith("inspect "):
        return _inspected(port.removeprefix("inspect "), file)
    if port == "console":
        scanner = ConsoleScanner()
        for data in _pieces(file):
            scanner.feed(data)
        report = scanner.finish()
        return f"{sum(event.count for event in report.events)} complaints, {len(report.events)} different"
    stream, results = GuestStream(), 0
    stream.feed(FRAME)
    for data in _pieces(file):
        results += len(stream.feed(data))
    end = stream.finish()
    return f"{results + len(end.results)} results, {end.suites[0].summary.dropped} dropped"


def _inspected(port: str, file: str) -> str:
    """Run the command as the shell does; return how much it printed."""
    with tempfile.TemporaryFile("w+") as printed, redirect_stdout(printed):
        cli(["inspect", port, file, "--json"], standalone_mode=False)
        printed.flush()
        return f"{os.fstat(printed.fileno()).st_size} bytes"


def _pieces(file: str) -> Iterator[bytes]:
    with Path(file).open("rb", buffering=0) as source:
        while data := source.read(CHUNK):
            yield data


def _loop(file: str) -> float:
    started = time.process_time()
    found = 0
    with Path(file).open("rb") as source:
        for line in source:
            found += line.startswith((b"#", b"["))
    return time.process_time() - started


def _grep(file: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(["grep", "--text", "--count", "^#.*:FAIL$", file], check=False, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _child(port: str, file: str) -> None:
    started = time.process_time()
    found = _read(port, file)
    seconds = time.process_time() - started
    # Not ru_maxrss, which begins with what the parent had.
    status = Path("/proc/self/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    json.dump({"seconds": seconds, "mb": peak, "found": found}, sys.stdout)


if __name__ == "__main__":
    _child(*sys.argv[1:3])
