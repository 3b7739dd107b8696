"""`reroll inspect results|console`: files as they come."""

import gzip
import json

import pytest
import zstandard

from app import inspect
from app.errors import SubmissionError

PROGS = b"#1       align:OK\n#2       b:FAIL\nSummary: 1/0 PASSED, 0 SKIPPED, 1 FAILED\n"
CONSOLE = b"[    1.0] Kernel panic - not syncing: out of luck\n"


def zstd(data):
    return zstandard.ZstdCompressor().compress(data)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd, lambda data: zstd(data[:20]) + zstd(data[20:])])
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
    monkeypatch.setattr(inspect, "MAX_FILE", 1000)
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
