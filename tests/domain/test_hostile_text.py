"""Whatever the code under test prints, reading it takes time in proportion: no pattern may try many ways to match."""

import time
from collections.abc import Callable

import pytest

from app.domain.buildlog import compiler_errors
from app.domain.console import scan_console
from app.domain.log_diff import diff_logs
from app.domain.log_fold import Style
from app.domain.selftests_index import index_tree
from app.domain.testlog.excerpt import explain
from app.domain.verifier_log import find_checks
from tests.inspected import results_document

SIZE = 300_000
LIMIT_S = 4.0


def repeated(text: str) -> str:
    return text * (SIZE // len(text))


def suite(name: str) -> Callable[[str], object]:
    return lambda text: results_document(text.encode(), suite=name)


def index(text: str) -> object:
    return index_tree({"prog_tests/a.c": text, "progs/b.c": text, "Makefile": text})


READERS: dict[str, Callable[[str], object]] = {
    "test_progs": suite("test_progs"),
    "test_verifier": suite("test_verifier"),
    "test_maps": suite("test_maps"),
    "tap": suite("kselftest"),
    "console": scan_console,
    "build": compiler_errors,
    "explain": lambda text: explain(text.split("\n")),
    "checks": lambda text: find_checks(text.split("\n")),
    "log diff": lambda text: diff_logs(text.split("\n"), text.split("\n")[::-1]),
    "iterators": lambda text: diff_logs(text.split("\n"), text.split("\n")[::-1], style=Style.ITERATOR),
    "index": index,
}
NASTY = [
    repeated(" "),
    repeated("# "),
    repeated("#"),
    repeated("\n"),
    repeated(" \n"),
    repeated("# ok 1 - "),
    "ok 1 " + repeated(" ") + "x",
    repeated("not ok " + " " * 2000 + "x\n"),
    repeated("#1       a:OK"),
    repeated("#1       a/" + "b:OK" * 400 + "  x\n"),
    repeated("#1/p a OK OK"),
    repeated(":PASS:") + " nsec",
    repeated(":FAIL:"),
    repeated("a:FAIL:" + "x" * 99 + " unexpected \n"),
    repeated("R1=scalar(id=1,refs=2,3 fp-8 (r10 -16) 0xffff888000000000 "),
    repeated("VERIFIER LOG:\n=============\n"),
    repeated("MATCHED    SUBSTR: 'a"),
    repeated("MATCHED    SUBSTR: 'a\n"),
    "VERIFIER LOG:\n=============\n"
    + repeated("ab\n")
    + "=============\n"
    + "MATCHED     REGEX: 'a{{x}}b'\n" * 60
    + "EXPECTED   SUBSTR: 'abc'\n",
    repeated("ld.ld.error"),
    repeated("(") + "undefined reference to `x'",
    repeated("(((( undefined reference to\n"),
    repeated("a:1:error: "),
    repeated("a:1:1: error: x\n"),
    repeated("make: *** [x] Error 1 "),
    repeated("WARNING: a a+"),
    repeated("WARNING: a.c:1 f+0x1/0x2\n"),
    repeated("BUG: KASAN: x in f\n f+0x1/0x2\n"),
    repeated('#include "a/'),
    repeated('#include "\n'),
    repeated('"a" # b '),
    repeated("a.skel.h-deps"),
    repeated("a(") + ";",
    repeated("VERIFIER LOG:\n=====\n"),
    "VERIFIER LOG:\n=====\n" + repeated("R1 invalid mem acces\n") + "=====\nEXPECTED   SUBSTR: 'R1 invalid mem access'",
    repeated("MATCHED    SUBSTR: '"),
    repeated("id=1 id=2 0x"),
    repeated("BUG [ 1.123456" * 70 + "\n"),
    repeated("------------[ cut here ]------------\nx\n"),
    repeated("INFO: task :" + "1:" * 400 + "\n"),
    repeated("BUG a (Tainted: " + ") :" * 300 + "\n"),
    "BUG: x\n" + repeated(" f+0x1/0x2 " + "a:1 (a) [a] " * 70 + "!\n"),
    "BUG: x\n" + repeated(" f+0x1/0x2" + " [x:1 [y]" * 90 + " !\n"),
    "BUG: x\n" + repeated("sysvec_" * 300 + "+0x1/0x2\n"),
    repeated("Krnl PSW : " + "0" * 480 + " " + "0" * 480 + "+0x\n"),
    repeated("#1/1 a:OK\n"),
    repeated("#1/p a Failed to load " + "Failed to load " * 100 + "\n"),
    "#1/p a, verifier log:\n" + repeated("1 cases "),
    repeated("        ok 1 a\n      ok 2 b\n    # Subtest: x\n"),
    repeated("ok 1 " + "# " * 900 + "\n"),
    repeated("# selftests: bpf: test_progs\n# #1/1 a:FAIL\n"),
    repeated("All error logs:\n"),
    repeated("@@reroll {"),
]


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS.keys())
def test_time_is_bounded(reader: Callable[[str], object]) -> None:
    for text in NASTY:
        started = time.process_time()
        reader(text)
        spent = time.process_time() - started
        assert spent < LIMIT_S, f"{spent:.1f} s for {text[:60]!r}"
