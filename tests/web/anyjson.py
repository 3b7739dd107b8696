"""Any JSON under the names that are read: what a database may hold of runs."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st


def objects(keys: Sequence[str]) -> st.SearchStrategy[dict[str, Any]]:
    """Make objects whose names are some of `keys`, to any depth."""
    names = st.sampled_from(keys)
    inside: st.SearchStrategy[Any] = st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
        max_leaves=20,
    )
    return st.dictionaries(names, inside)
