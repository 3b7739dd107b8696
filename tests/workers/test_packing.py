"""Packing: a process apart, at the lowest priority, whatever is in the file."""

import hashlib
import json
import os
import resource
import subprocess
import sys

import pytest
import zstandard


def packing(source, target, **how):
    argv = [sys.executable, "-m", "workers.packing", str(source), str(target)]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120, **how)


@pytest.mark.parametrize("content", [b"", b"x", os.urandom(3_000_001), b"abc" * 2_000_000], ids=len)
def test_a_file_comes_back_as_it_was(tmp_path, content):
    source, target = tmp_path / "vmlinux", tmp_path / "packed"
    source.write_bytes(content)
    done = packing(source, target)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said == {
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
        "packed_size": target.stat().st_size,
    }
    packed = target.read_bytes()
    assert zstandard.ZstdDecompressor().stream_reader(packed).read() == content
    assert subprocess.run(["zstd", "-tq", target], check=False).returncode == 0


def test_what_is_not_there_is_said(tmp_path):
    done = packing(tmp_path / "gone", tmp_path / "packed")
    assert done.returncode == 1
    assert done.stderr.strip() == f"No such file or directory: {tmp_path / 'gone'}"


def test_a_large_file_takes_little_memory(tmp_path):
    source = tmp_path / "vmlinux"
    with source.open("wb") as file:
        for number in range(400):
            file.write(number.to_bytes(2, "big") * 500_000)
    limit = 200 * 1024 * 1024

    def bound():
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    done = packing(source, tmp_path / "packed", preexec_fn=bound)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["size"] == 400_000_000
