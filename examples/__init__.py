"""The example thread: a patch series in four revisions with its review, as patches and as mailboxes."""
