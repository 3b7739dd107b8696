"""A patch whose hunks lost a line, gained one, or were cut says what git says of it, or that it is damaged."""

import subprocess
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.message import parse_message
from app.domain.patch_id import patch_id
from tests.domain.repository import everything_changed
from tests.domain.threads import change

HEAD = (
    "From: Ann Author <ann@example.org>\nSubject: [PATCH] bpf: t\nMessage-ID: <a@x>\n"
    "Date: Mon, 2 Mar 2026 10:00:00 +0100\n\n"
)
STRAY = ("+", "-x", " y", "-- ", "2.43.0", ">From x", "@@ -1,2 oh", "what is this")
KINDS = ("drop", "double", "swap", "half", "indent", "cut", "stray")
MUTATIONS = st.lists(st.tuples(st.sampled_from(KINDS), st.floats(0, 0.999), st.integers(0, 1 << 16)), max_size=3)


def in_hunks(lines: list[str]) -> list[int]:
    return [at for at, line in enumerate(lines) if line[:1] in (" ", "+", "-") and line[:3] not in ("---", "+++")]


def mutated(lines: list[str], mutations: list[tuple[str, float, int]]) -> list[str]:
    lines = lines[:]
    for kind, place, choice in mutations:
        places = in_hunks(lines)
        if not places:
            break
        at, other = places[int(place * len(places))], places[choice % len(places)]
        if kind == "drop":
            del lines[at]
        elif kind == "double":
            lines.insert(at, lines[other])
        elif kind == "swap":
            lines[at], lines[other] = lines[other], lines[at]
        elif kind == "half":
            lines[at] = lines[at][: len(lines[at]) // 2]
        elif kind == "indent":
            lines[at] = f" {lines[at]}"
        elif kind == "cut":
            del lines[at:]
        else:
            lines.insert(at, STRAY[choice % len(STRAY)])
    return lines


def gits_word(raw: bytes, where: Path) -> tuple[str, str]:
    """Return the author's address and the stable patch-id of the first patch, as git has them."""
    said = subprocess.run(["git", "mailinfo", where / "m", where / "p"], input=raw, capture_output=True, check=True)
    ident = subprocess.run(
        ["git", "patch-id", "--stable"], input=(where / "p").read_bytes(), capture_output=True, check=True
    )
    email = next((line[7:] for line in said.stdout.decode().splitlines() if line.startswith("Email: ")), "")
    return email, ident.stdout.decode().split(" ")[0]


def test_a_mutated_patch(tmp_path: Path) -> None:
    text = everything_changed(tmp_path).partition("\n\n")[2]
    binary, after = text.index("diff --git a/image.bin"), text.index("diff --git a/mode.sh")
    text = text[:binary] + text[after:]
    seeds = [
        (HEAD + text).split("\n"),
        (HEAD + "Why.\n---\n\n" + change("a") + change("b") + "-- \n2.43\n").split("\n"),
    ]
    heading = HEAD.count("\n")
    agreed = 0

    @settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
    @given(st.sampled_from(seeds), MUTATIONS)
    def check(lines: list[str], mutations: list[tuple[str, float, int]]) -> None:
        nonlocal agreed
        raw = "\n".join(lines[:heading] + mutated(lines[heading:], mutations)).encode()
        message = parse_message(raw)
        email, ident = gits_word(raw, tmp_path)
        if message.diff is None or message.defects:
            return
        assert patch_id(message.diff) == ident
        assert (message.patch_author or message.author).email == email
        agreed += 1

    check()
    assert agreed > 15
