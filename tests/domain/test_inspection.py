"""The document that `reroll inspect thread --json` prints."""

import json

from app.domain.inspection import thread_document
from tests.domain.threads import BEN, REX, Thread, change


def test_the_whole_document() -> None:
    thread = Thread()
    cover = thread.post(
        "[RFC PATCH bpf-next 0/2] bpf: Make it so",
        body="All.\n\nbase-commit: 0123456789abcdef0123456789abcdef01234567\nchange-id: 20260101-x-0123456789ab\n"
        "prerequisite-patch-id: abc\n",
    )
    first = thread.post("[RFC PATCH bpf-next 1/2] bpf: One", to=cover, diff=change("a"))
    remark = thread.post("Re: [RFC PATCH bpf-next 1/2] bpf: One", to=first, author=REX)
    second = thread.post("[RFC PATCH bpf-next v2 2/2] bpf: Two", to=cover, diff=change("b"))
    talk = thread.post("A question", author=BEN)
    author = {"name": "Ann Author", "email": "ann@example.org"}
    one = {"position": 1, "message_id": first, "title": "bpf: One"}
    document = thread_document(thread.read())
    assert json.loads(json.dumps(document)) == {
        "messages": 5,
        "series": [
            {
                "title": "bpf: Make it so",
                "revisions": [
                    {
                        "version": 1,
                        "label": "rfc",
                        "rfc": True,
                        "resend": False,
                        "tags": ["bpf-next"],
                        "author": author,
                        "cover": cover,
                        "total": 2,
                        "patches": [{**one, "inherited_from": None}],
                        "missing": [2],
                        "base_commit": "0123456789abcdef0123456789abcdef01234567",
                        "change_id": "20260101-x-0123456789ab",
                        "prerequisites": [{"kind": "patch-id", "value": "abc"}],
                        "link": None,
                        "comments": [remark],
                    },
                    {
                        "version": 2,
                        "label": "rfc v2",
                        "rfc": True,
                        "resend": False,
                        "tags": ["bpf-next"],
                        "author": author,
                        "cover": None,
                        "total": 2,
                        "patches": [
                            {**one, "inherited_from": "rfc"},
                            {"position": 2, "message_id": second, "title": "bpf: Two", "inherited_from": None},
                        ],
                        "missing": [],
                        "base_commit": None,
                        "change_id": None,
                        "prerequisites": [],
                        "link": {"to": "rfc", "reason": "in-reply-to"},
                        "comments": [],
                    },
                ],
            }
        ],
        "other": [{"message_id": talk, "kind": "discussion", "reason": "no patch, and no answer to one"}],
    }
