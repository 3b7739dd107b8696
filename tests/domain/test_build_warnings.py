"""Warnings out of build logs, in the forms that gcc, clang and the kernel's tools have."""

from app.domain.build_warnings import (
    KERNEL_BEGINS,
    SELFTESTS_BEGIN,
    build_warnings,
    compiled,
    new_warnings,
    objects_of,
    parts_of_log,
)
from app.domain.patches import Part

HEADER = """\
  CC      kernel/bpf/ringcount.o
In file included from /build/linux/include/linux/bpf.h:33,
                 from /build/linux/kernel/bpf/ringcount.c:4:
/build/linux/include/linux/ringcount.h:12:12: warning: 'lost' defined but not used [-Wunused-function]
   12 | static int lost(void)
      |            ^~~~
  AR      kernel/bpf/built-in.a
"""
KERNEL = f"""\
{KERNEL_BEGINS}
make[1]: Entering directory '/build/out'
{HEADER}
/build/linux/kernel/bpf/core.c: In function 'frob':
/build/linux/kernel/bpf/core.c:2410:13: warning: unused variable 'cpu' [-Wunused-variable]
 2410 |         int cpu;
kernel/bpf/core.o: warning: objtool: ___bpf_prog_run+0x4b: unreachable instruction
vmlinux.o: warning: objtool: do_frob+0x1c4: call to memset() leaves .noinstr.text section
WARNING: modpost: vmlinux: section mismatch in reference: frob_init+0x12 (section: .text) -> frob_data (section: .init)
WARNING: modpost: missing MODULE_DESCRIPTION() in drivers/frob/frob.o
WARN: multiple IDs found for 'task_struct': 132, 30812 - using 132
WARN: resolve_btfids: unresolved symbol bpf_frob
ld: warning: frob.o: missing .note.GNU-stack section implies executable stack
die__process_function: tag not supported 0x2f (INVALID)!
make[2]: warning:  Clock skew detected.  Your build may be incomplete.
make[3]: Warning: File 'x' has modification time 12 s in the future
"""
SELFTESTS = f"""\
{SELFTESTS_BEGIN}
  CC       /build/selftests/tools/build/libbpf/libbpf.o
libbpf.c:88:6: warning: unused variable 'fd' [-Wunused-variable]
Warning: Kernel ABI header at 'tools/include/uapi/linux/bpf.h' differs from latest version at 'include/uapi/linux/bpf.h'
"""


HEADER_PATH = "include/uapi/linux/bpf.h"


def texts(log):
    return [str(one) for one in build_warnings(log)]


def test_every_tool_that_warns():
    section = "section mismatch in reference: frob_init+0x12 (section: .text) -> frob_data (section: .init)"
    assert texts(KERNEL) == [
        "include/linux/ringcount.h:12: 'lost' defined but not used [-Wunused-function]",
        "kernel/bpf/core.c:2410: unused variable 'cpu' [-Wunused-variable]",
        "kernel/bpf/core.o: objtool: ___bpf_prog_run+0x4b: unreachable instruction",
        "vmlinux.o: objtool: do_frob+0x1c4: call to memset() leaves .noinstr.text section",
        f"modpost: vmlinux: {section}",
        "modpost: missing MODULE_DESCRIPTION() in drivers/frob/frob.o",
        "multiple IDs found for 'task_struct': 132, 30812 - using 132",
        "resolve_btfids: unresolved symbol bpf_frob",
        "frob.o: missing .note.GNU-stack section implies executable stack",
        "die__process_function: tag not supported 0x2f (INVALID)!",
    ]
    assert [one.tool for one in build_warnings(KERNEL)] == [
        "", "", "objtool", "objtool", "modpost", "modpost", "build", "resolve_btfids", "ld", "die__process_function",
    ]  # fmt: skip


def test_the_clock_of_the_host_is_nobodys_warning():
    assert not [text for text in texts(KERNEL) if "skew" in text or "modification time" in text]


def test_what_was_compiled_when_a_header_warned():
    first = build_warnings(KERNEL)[0]
    assert (first.file, first.unit) == ("include/linux/ringcount.h", "kernel/bpf/ringcount.c")
    assert objects_of(build_warnings(KERNEL)) == ("kernel/bpf/core.o", "kernel/bpf/ringcount.o")


def test_what_came_of_linking_is_asked_by_linking():
    linked = [one.linked for one in build_warnings(KERNEL)]
    assert linked == [False, False, False, True, True, True, True, True, True, True]


def test_lines_and_offsets_shift_and_it_is_the_same_warning():
    moved = KERNEL.replace(":2410:", ":2433:").replace("+0x4b:", "+0x1ab:").replace("132, 30812", "133, 30900")
    known = {one.key for one in build_warnings(KERNEL)}
    assert new_warnings(build_warnings(moved), known) == ()


def test_another_text_or_another_file_is_another_warning():
    known = {one.key for one in build_warnings(KERNEL)}
    other = KERNEL.replace("unused variable 'cpu'", "unused variable 'sum'")
    assert [one.text for one in new_warnings(build_warnings(other), known)] == [
        "unused variable 'sum' [-Wunused-variable]"
    ]
    elsewhere = KERNEL.replace("kernel/bpf/core.c", "kernel/bpf/log.c")
    assert [one.file for one in new_warnings(build_warnings(elsewhere), known)] == ["kernel/bpf/log.c"]


def test_the_same_warning_twice_is_one():
    assert texts(HEADER + HEADER) == texts(HEADER)


def test_parts_of_a_log():
    base = "reroll: building the unpatched base\nkernel/x.c:1:1: warning: of the base\n"
    parts = parts_of_log(base + KERNEL + SELFTESTS + KERNEL)
    assert parts == {Part.KERNEL: KERNEL + KERNEL, Part.SELFTESTS: SELFTESTS}
    assert "of the base" not in "".join(parts.values())
    assert parts_of_log(base) == {}


def test_selftests_and_libbpf():
    assert texts(SELFTESTS) == [
        "libbpf.c:88: unused variable 'fd' [-Wunused-variable]",
        f"Kernel ABI header at 'tools/{HEADER_PATH}' differs from latest version at '{HEADER_PATH}'",
    ]


def test_what_was_compiled():
    log = "  CC      kernel/bpf/core.o\n  CC [M]  drivers/frob/frob.o\n  AS      arch/x86/x.o\n  LD      vmlinux.o\n"
    assert compiled(log) == {"kernel/bpf/core.o", "drivers/frob/frob.o", "arch/x86/x.o"}


def test_a_hostile_log_is_bounded():
    many = "".join(f"a{number}.c:1:1: warning: w\n" for number in range(5000))
    assert len(build_warnings(many)) == 1000
    long = f"a.c:1:1: warning: {'x' * 100_000}\nWARNING: modpost: {'y' * 100_000}\n"
    assert all(len(one.text) <= 500 and len(one.excerpt) <= 1000 for one in build_warnings(long))
