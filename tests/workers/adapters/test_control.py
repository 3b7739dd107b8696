"""Whose doing a failed build is, by its log."""

import pytest

from workers.adapters.control import Doubt, doubt, not_made, wanting

COMPILER = "/build/linux/kernel/bpf/log.c:12:3: error: 'x' undeclared (first use in this function)\n"
MADE = "make[4]: *** [/build/linux/scripts/Makefile.build:229: kernel/bpf/log.o] Error 1\n"


@pytest.mark.parametrize(
    ("log", "whose"),
    [
        (COMPILER + MADE, Doubt.NONE),
        (COMPILER + "  CC      lib/x.o\ngcc: fatal error: Killed signal terminated program cc1\n" + MADE, Doubt.SOME),
        ("kernel/bpf/log.c:9:1: fatal error: error writing to /tmp/a.s: No space left on device\n" + MADE, Doubt.OURS),
        ("kernel/bpf/log.c:9:1: fatal error: opening dependency file .log.o.d: Permission denied\n" + MADE, Doubt.OURS),
        ("cc1: out of memory allocating 65536 bytes\n" + MADE, Doubt.OURS),
        ("make[4]: *** [scripts/Makefile.vmlinux:34: vmlinux] Killed\n", Doubt.OURS),
        ("ccache: error: something\n" + MADE, Doubt.SOME),
        (
            "make: *** No rule to make target 'kernel/bpf/new.o', needed by 'kernel/bpf/built-in.a'.  Stop.\n",
            Doubt.SOME,
        ),
        ("", Doubt.SOME),
    ],
)
def test_a_line_of_the_tree_is_believed_and_what_was_wanting_is_ours(log, whose):
    assert doubt(log) is whose


def test_what_make_could_not_make_is_named_without_leaving_the_folder():
    log = MADE + MADE + "make[3]: *** [scripts/Makefile.build:478: kernel/bpf] Error 2\n"
    log += "make: *** [Makefile:661: /build/selftests/x.bpf.o] Killed\nmake: *** [x: ../../etc/y.o] Error 1\n"
    assert not_made(log) == ("kernel/bpf/log.o", "/build/selftests/x.bpf.o")


def test_the_line_that_says_what_was_wanting_is_quoted():
    assert (
        wanting("fine\n  ld: final link failed: memory exhausted\nmore\n") == "ld: final link failed: memory exhausted"
    )
