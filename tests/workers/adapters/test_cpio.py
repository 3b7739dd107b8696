import stat
import subprocess

from workers.adapters import cpio


def listed(data: bytes) -> list[str]:
    done = subprocess.run(["cpio", "-tv", "--quiet"], input=data, capture_output=True, check=True)
    assert done.stderr == b""
    return done.stdout.decode().splitlines()


def test_cpio_itself_reads_what_is_written(tmp_path):
    data = cpio.archive(
        [
            cpio.folder("d"),
            cpio.Entry(path="d/odd", mode=stat.S_IFREG | 0o644, data=b"12345"),
            cpio.Entry(path="d/empty", mode=stat.S_IFREG | 0o755),
            cpio.Entry(path="link", mode=stat.S_IFLNK | 0o777, data=b"d/odd"),
            cpio.Entry(path="console", mode=stat.S_IFCHR | 0o600, device=(5, 1)),
        ]
    )
    assert len(data) % cpio.BLOCK == 0
    lines = listed(data)
    assert [line.split()[0] for line in lines] == ["drwxr-xr-x", "-rw-r--r--", "-rwxr-xr-x", "lrwxrwxrwx", "crw-------"]
    assert "5,   1" in lines[4]
    subprocess.run(["cpio", "-i", "--quiet", "d*", "link"], input=data, cwd=tmp_path, check=True)
    assert (tmp_path / "link").read_bytes() == b"12345"


def test_same_entries_same_bytes():
    entries = [cpio.folder("a"), cpio.Entry(path="a/b", mode=stat.S_IFREG | 0o644, data=b"x")]
    assert cpio.archive(entries) == cpio.archive(list(entries))
