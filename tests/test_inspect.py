"""`reroll inspect results|console`: files as they come."""

import gzip
import json
import os
import subprocess
import sys
import threading

import pytest
import zstandard

from app import inspect
from app.errors import SubmissionError

PROGS = b"#1       align:OK\n#2       b:FAIL\nSummary: 1/0 PASSED, 0 SKIPPED, 1 FAILED\n"
CONSOLE = b"[    1.0] Kernel panic - not syncing: out of luck\n"


def zstd(data):
    return zstandard.ZstdCompressor().compress(data)


def padded(data):
    return gzip.compress(data[:20]) + bytes(600) + gzip.compress(data[20:]) + bytes(5000)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd, lambda data: zstd(data[:20]) + zstd(data[20:]), padded])
def test_packed_or_not(tmp_path, capsys, pack):
    file = tmp_path / "log"
    file.write_bytes(pack(PROGS))
    inspect.show_results(file, suite=None, as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert document.keys() >= {"suite", "summary", "results", "not_run"}
    assert (document["suite"], document["not_run"]) == ("test_progs", [])
    assert (
        document["results"][0].items()
        >= {"name": "align", "outcome": "pass", "message": None, "duration_s": None}.items()
    )
    file.write_bytes(pack(CONSOLE))
    inspect.show_console(file, as_json=True)
    (event,) = json.loads(capsys.readouterr().out)["events"]
    assert event.keys() >= {"kind", "title", "frames", "fingerprint", "line"}
    assert (event["kind"], event["line"]) == ("panic", 1)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (gzip.compress(PROGS, mtime=0)[:-9], "is cut off or no gzip"),
        (gzip.compress(PROGS, mtime=0) + b"rubbish", "is cut off or no gzip"),
        (b"\x1f\x8b" + b"\xff" * 90, "is cut off or no gzip"),
        (zstd(PROGS)[:-3], "is cut off or no zstd: its last frame is not whole"),
        (zstd(PROGS) + zstd(PROGS)[:9], "its last frame is not whole"),
        (b"\x28\xb5\x2f\xfd" + b"\xff" * 90, "is cut off or no zstd"),
        (zstd(PROGS) + b"rubbish", "is cut off or no zstd"),
    ],
)
def test_a_broken_archive_is_told(tmp_path, content, words):
    file = tmp_path / "log"
    file.write_bytes(content)
    with pytest.raises(SubmissionError, match=words):
        inspect.show_console(file, as_json=True)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd])
def test_what_is_too_much_is_told_before_memory_is_full(tmp_path, monkeypatch, pack):
    monkeypatch.setattr(inspect.files, "MAX_FILE", 1000)
    file = tmp_path / "log"
    file.write_bytes(pack(b"x" * 5000))
    with pytest.raises(SubmissionError, match="holds more than 1000 bytes"):
        inspect.show_console(file, as_json=False)


@pytest.mark.parametrize("content", [b"", bytes(range(256)) * 40, b"a letter to my aunt\n"])
def test_that_there_was_nothing_is_told(tmp_path, capsys, content):
    file = tmp_path / "log"
    file.write_bytes(content)
    inspect.show_results(file, suite=None, as_json=True)
    said = capsys.readouterr()
    assert json.loads(said.out)["results"] == []
    assert "no result of a test was found" in said.err
    inspect.show_console(file, as_json=True)
    assert json.loads(capsys.readouterr().out)["events"] == []


def test_a_short_table(tmp_path, capsys):
    file = tmp_path / "log"
    file.write_bytes(PROGS)
    inspect.show_results(file, suite="test_progs-cpuv4", as_json=False)
    assert capsys.readouterr().out == "pass  align\nfail  b\n"


def test_a_pipe_is_read_once(tmp_path, capsys):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(zstd(PROGS),))
    writer.start()
    inspect.show_results(pipe, suite=None, as_json=False)
    writer.join()
    assert capsys.readouterr().out == "pass  align\nfail  b\n"


@pytest.mark.parametrize("name", ["not-there", ""])
def test_what_cannot_be_read_is_told(tmp_path, name):
    with pytest.raises(SubmissionError, match="cannot be read: "):
        inspect.show_results(tmp_path / name, suite=None, as_json=True)


def test_results_of_suites_in_turn_are_each_in_its_own_place(tmp_path, capsys):
    begin = b'@@reroll {"event":"begin","suite":"%s"}\n'
    rounds = [
        begin % b"test_progs" + b"#%d       t%d:OK\n" % (n, n) + begin % b"test_maps" + b"m%d:PASS\n" % n
        for n in (1, 2)
    ]
    file = tmp_path / "stream"
    file.write_bytes(b"\n".join(rounds))
    inspect.show_results(file, suite=None, as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert [(one["suite"], [each["name"] for each in one["results"]]) for one in document["suites"]] == [
        ("test_progs", ["t1", "t2"]),
        ("test_maps", ["m1", "m2"]),
    ]
    file.write_bytes(PROGS + b"#0/p add OK\n" + PROGS)
    inspect.show_results(file, suite=None, as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert [(one["suite"], len(one["results"])) for one in document["suites"]] == [
        ("test_progs", 2),
        ("test_verifier", 1),
        ("test_progs", 2),
    ]


@pytest.mark.parametrize(
    ("most", "words"),
    [
        (0, "no temporary file can be made: No usable temporary directory found in "),
        (100_000, "no room in {}: File too large; TMPDIR names another folder\n"),
        (200_000, "no room in {}: File too large; TMPDIR names another folder\n"),
    ],
)
def test_a_full_disk_is_said(tmp_path, most, words):
    file = tmp_path / "log"
    file.write_bytes(b"".join(b"#%d       t%d:OK\n" % (n, n) for n in range(8000)))  # 150 kB, more as JSON
    limited = ["prlimit", f"--fsize={most}", sys.executable, "-m", "app.cli", "inspect", "results", str(file)]
    env = os.environ | {"TMPDIR": str(tmp_path)}
    done = subprocess.run([*limited, "--json"], env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("reroll: " + words.format(tmp_path))
