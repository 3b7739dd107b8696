"""A small git repository, and the patches that git makes of it."""

import os
import subprocess
from pathlib import Path

IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Ann"), ("EMAIL", "ann@example.org"), ("DATE", "2026-03-02T10:00:00Z"))
}


def git(where: Path, *words: str, stdin: bytes | None = None) -> bytes:
    environment = {**os.environ, **IDENTITY, "HOME": str(where), "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(
        ["git", *words], cwd=where, env=environment, input=stdin, capture_output=True, check=True
    ).stdout


def everything_changed(tmp_path: Path) -> str:
    """Make a repository and return one `git format-patch` mail with a change of every kind."""
    git(tmp_path, "init", "-q", ".")
    lines = "".join(f"line {number}\n" for number in range(40))
    for name, text in {
        "moved.c": lines,
        "mode.sh": "#!/bin/sh\n",
        "gone.c": "gone\n",
        "edited.c": lines,
        "eof.c": "a\nb",
    }.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "image.bin").write_bytes(bytes(range(256)))
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "base")
    git(tmp_path, "mv", "moved.c", "dir-moved.c")
    (tmp_path / "mode.sh").chmod(0o755)
    git(tmp_path, "rm", "-q", "gone.c")
    (tmp_path / "edited.c").write_text(lines.replace("line 3\n", "line three\n-- \n").replace("line 30\n", ""))
    (tmp_path / "eof.c").write_text("a\nc")
    (tmp_path / "image.bin").write_bytes(bytes(reversed(range(256))))
    (tmp_path / "new with blank.c").write_text("new\n\n\tfile\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "bpf: change everything")
    return git(tmp_path, "format-patch", "--stdout", "--binary", "-1").decode()
