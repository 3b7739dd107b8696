from app.domain.test_output import PartKind, log_name, parts

OUTPUT = """\
run_subtest:PASS:obj_open_mem 0 nsec
VERIFIER LOG:
=============
0: exit
=============
ITERATOR OUTPUT: bpf_map_elem
=============
|key 1
|=============
|
=============
XLATED:
=============
0: exit
""".splitlines()


def test_parts_with_where_they_lie() -> None:
    found = parts(OUTPUT)
    assert [(part.kind, part.title, part.lines) for part in found] == [
        (PartKind.VERIFIER, "", ("0: exit",)),
        (PartKind.ITERATOR, "bpf_map_elem", ("key 1", "=============", "")),
        (PartKind.XLATED, "", ("0: exit",)),
    ]
    assert [OUTPUT[part.start] for part in found] == ["0: exit", "|key 1", "0: exit"]
    assert [part.cut for part in found] == [False, False, True]


def test_no_parts() -> None:
    assert parts([]) == ()
    assert parts(["VERIFIER LOG:", "no frame", "ITERATOR OUTPUT: x"]) == ()


def test_logs_are_named_by_boot_and_side() -> None:
    assert log_name(0, on_base=False) == "results"
    assert log_name(2, on_base=True) == "results-base-2"
    assert log_name(1, on_base=False) == "results-patched-1"
