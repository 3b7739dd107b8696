# ruff: noqa: RUF001 - gcc quotes with these
import pytest

from app.domain.buildlog import Grounds, Owner, Severity, compiler_errors, owner, tree_path
from app.domain.diff import parse_files

GCC = """\
  CC      kernel/bpf/map_iter.o
In file included from /build/linux/include/linux/bpf.h:10,
                 from /build/linux/kernel/bpf/map_iter.c:4:
/build/linux/kernel/bpf/map_iter.c: In function ‘bpf_map_show’:
/build/linux/kernel/bpf/map_iter.c:42:9: error: implicit declaration of function ‘frobnicate’ [-Werror=implicit]
   42 |         frobnicate(map);
      |         ^~~~~~~~~~
/build/linux/kernel/bpf/map_iter.c:50:1: warning: unused variable ‘x’ [-Wunused-variable]
cc1: some warnings being treated as errors
make[4]: *** [/build/linux/scripts/Makefile.build:229: kernel/bpf/map_iter.o] Error 1
make[3]: *** [../scripts/Makefile.build:478: kernel/bpf] Error 2
"""


def test_gcc() -> None:
    (error,) = compiler_errors(GCC)
    assert (error.file, error.line, error.column) == ("kernel/bpf/map_iter.c", 42, 9)
    assert error.message == "implicit declaration of function ‘frobnicate’ [-Werror=implicit]"
    assert error.excerpt.splitlines()[0].startswith("In file included from")
    assert error.excerpt.endswith("^~~~~~~~~~")
    assert str(error).startswith("kernel/bpf/map_iter.c:42: implicit declaration")


def test_warnings_on_request() -> None:
    (warning,) = compiler_errors(GCC, severities=[Severity.WARNING])
    assert (warning.file, warning.line, warning.message) == (
        "kernel/bpf/map_iter.c",
        50,
        "unused variable ‘x’ [-Wunused-variable]",
    )


CLANG = """\
\x1b[1mprogs/verifier_frob.c:12:2: \x1b[0;1;31merror: \x1b[0mcall to undeclared function 'bpf_frob'
   12 |         bpf_frob();
      |         ^
1 error generated.
"""


@pytest.mark.parametrize(
    ("log", "file", "line", "message"),
    [
        (CLANG, "progs/verifier_frob.c", 12, "call to undeclared function 'bpf_frob'"),
        (
            "ld: map_iter.o: in function `x':\n/build/linux/kernel/bpf/map_iter.c:77:(.text+0x12): "  # noqa: ISC004
            "undefined reference to `frob'\n",
            "kernel/bpf/map_iter.c",
            77,
            "undefined reference to `frob'",
        ),
        (
            "ld: vmlinux.o:(.text+0x1): undefined reference to `frob'\n",
            "vmlinux.o",
            None,
            "undefined reference to `frob'",
        ),
        (
            "ld.lld: error: undefined symbol: frob\n>>> referenced by frob.c:9 (kernel/bpf/frob.c:9)\n",
            "frob.c",
            9,
            "undefined symbol: frob",
        ),
        (
            "make[2]: *** No rule to make target '/build/linux/kernel/bpf/gone.c', needed by 'x'.  Stop.\n",
            "kernel/bpf/gone.c",
            None,
            "No rule to make target '/build/linux/kernel/bpf/gone.c', needed by 'x'.  Stop.",
        ),
        (
            'ERROR: modpost: "frob" [drivers/a.ko] undefined!\n',
            None,
            None,
            '"frob" [drivers/a.ko] undefined!',
        ),
        (
            "fatal.c:1:10: fatal error: gone.h: No such file or directory\n",
            "fatal.c",
            1,
            "gone.h: No such file or directory",
        ),
    ],
)
def test_other_tools(log: str, file: str | None, line: int | None, message: str) -> None:
    (error,) = compiler_errors(log)
    assert (error.file, error.line, error.message) == (file, line, message)


def test_makes_own_word_only_when_there_is_no_better() -> None:
    (error,) = compiler_errors(
        "  GEN x\nscript: strange\nmake[1]: *** [Makefile:5: x] Error 127\nmake: *** [y] Error 2\n"
    )
    assert error.message == "[Makefile:5: x] Error 127"
    assert "script: strange" in error.excerpt


def test_each_error_once_and_not_without_end() -> None:
    assert len(compiler_errors(GCC + GCC)) == 1
    assert len(compiler_errors("".join(f"a.c:{n}:1: error: no\n" for n in range(1000)))) == 100
    assert compiler_errors("  CC  a.o\nall is well\n") == ()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/build/linux/kernel/a.c", "kernel/a.c"),
        ("/build/linux/tools/lib/bpf/../../include/x.h", "tools/include/x.h"),
        ("./kernel/a.c", "kernel/a.c"),
        ("../a.c", "../a.c"),
        ("/usr/include/x.h", "/usr/include/x.h"),
    ],
)
def test_tree_path(path: str, expected: str) -> None:
    assert tree_path(path) == expected


ONE = """\
diff --git a/k.c b/k.c
--- a/k.c
+++ b/k.c
@@ -1,3 +1,4 @@
 a
+frob(one);
 b
 c
"""
TWO = """\
diff --git a/k.c b/k.c
--- a/k.c
+++ b/k.c
@@ -1,2 +1,4 @@
+top
+top2
 a
 frob(one);
@@ -30,2 +32,2 @@
 x
-y
+why
"""
THREE = """\
diff --git a/h.h b/h.h
--- a/h.h
+++ b/h.h
@@ -5,2 +5,2 @@
 keep
-int frob(int);
+int frob(int, int);
diff --git a/k.c b/moved.c
similarity index 90%
rename from k.c
rename to moved.c
--- a/k.c
+++ b/moved.c
@@ -2,2 +2,1 @@
-top2
 a
"""


NEW = """\
diff --git a/k.c b/k.c
new file mode 100644
--- /dev/null
+++ b/k.c
@@ -0,0 +1 @@
+int other;
"""


@pytest.mark.parametrize(
    ("place", "message", "patches", "expected"),
    [
        ("k.c:2:1", "no", [ONE], Owner(position=1, grounds=Grounds.LINE)),
        ("k.c:4:1", "no", [ONE, TWO], Owner(position=1, grounds=Grounds.LINE)),
        ("k.c:2:1", "no", [ONE, TWO], Owner(position=2, grounds=Grounds.LINE)),
        ("k.c:33:1", "no", [ONE, TWO], Owner(position=2, grounds=Grounds.LINE)),
        ("moved.c:3:1", "no", [ONE, TWO, THREE], Owner(position=1, grounds=Grounds.LINE)),
        ("moved.c:32:1", "no", [ONE, TWO, THREE], Owner(position=2, grounds=Grounds.LINE)),
        (
            "other.c:7:1",
            "too few arguments to function ‘frob’",
            [ONE, TWO, THREE],
            Owner(position=3, grounds=Grounds.NAME),
        ),
        ("k.c:20:1", "no", [ONE, TWO], Owner(position=2, grounds=Grounds.FILE)),
        ("other.c:7:1", "no", [ONE, TWO, THREE], None),
        ("other.c:7:1", "no", [], None),
        ("k.c:1:1", "no", [ONE.replace("/k.c", "/tools/bpf/k.c")], Owner(position=1, grounds=Grounds.FILE)),
        ("k.c:2:1", "no", [ONE.replace("/k.c", "/tools/bpf/k.c")], Owner(position=1, grounds=Grounds.LINE)),
        ("bk.c:2:1", "no", [ONE.replace("/k.c", "/tools/bpf/k.c")], None),
        ("k.c:2:1", "no", [ONE, THREE], Owner(position=2, grounds=Grounds.FILE)),
        ("k.c:1:1", "no", [ONE, THREE, NEW], Owner(position=3, grounds=Grounds.LINE)),
        ("k.c:2:1", "no", [ONE, THREE, NEW], Owner(position=3, grounds=Grounds.FILE)),
    ],
)
def test_owner(place: str, message: str, patches: list[str], expected: Owner | None) -> None:
    (error,) = compiler_errors(f"{place}: error: {message}\n")
    assert owner(error, [parse_files(patch) for patch in patches]) == expected
