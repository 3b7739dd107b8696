"""The whole tree of errors; who is to blame is in the type.

A message says what was attempted, on what, and what the tool answered, so that it can be shown as it is.
"""


class RerollError(Exception):
    """Anything that Reroll raises on purpose; `str()` is fit for a page, a problem document and a log."""


class SubmissionError(RerollError):
    """The mail, the patch or the request is at fault: never retried, may be shown to its author."""


class NotFoundError(SubmissionError):
    """What was asked for does not exist here or on the archive."""


class PatchDoesNotApplyError(SubmissionError):
    """`git am --3way` refused one patch of a revision.

    `position` is the patch's number in the series, `git_said` git's own words, `hunk` the rejected hunks or "".
    """

    def __init__(self, *, position: int, total: int, base: str, git_said: str, hunk: str) -> None:
        super().__init__(f"patch {position}/{total} does not apply to {base[:12]}; git said: {git_said}")
        self.position = position
        self.git_said = git_said
        self.hunk = hunk


class BuildFailedError(SubmissionError):
    """The compiler, the linker or make refused the tree; `target` says what was being built, `said` ends the log."""

    def __init__(self, *, target: str, exit_code: int, said: str = "") -> None:
        super().__init__(f"building {target} failed: make ended with {exit_code}")
        self.target = target
        self.exit_code = exit_code
        self.said = said


class InfrastructureError(RerollError):
    """Trouble of ours (tool missing, disk full, archive silent): retried, never blamed on a patch."""


class FencedError(InfrastructureError):
    """This attempt has been replaced by a newer one; what it still wants to store is refused."""
