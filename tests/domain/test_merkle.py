"""A tree that grows leaf by leaf, or by many at once, is the tree over all of them."""

import doctest

from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlops.domain import asked, checkpoints, merkle
from jupyter_mlops.domain.audit import Link


def test_the_examples_are_right():
    for module in (merkle, asked):
        assert doctest.testmod(module).failed == 0


@given(st.lists(st.integers(0, 40), max_size=8))
def test_any_way_of_growing_comes_to_the_same_root(parts):
    leaves = merkle.text_leaves(str(n) for n in range(sum(parts)))
    tree, size = [], 0
    for part in parts:
        merkle.grow_by(tree, size, leaves[size : size + part])
        size += part
        assert merkle.crown(tree) == merkle.root(leaves[:size])
        assert len(tree) == size.bit_count()
    single = []
    for n, leaf in enumerate(leaves):
        merkle.grow(single, n, leaf)
    assert single == tree


@given(st.integers(0, 60), st.sets(st.integers(-1, 70), max_size=6))
def test_events_that_pass_leave_the_root_at_each_size_that_is_asked_for(n, sizes):
    links = [Link(seq, f"event {seq}", "") for seq in range(1, n + 1)]
    rooted = checkpoints.Rooted(links, sizes)
    assert list(rooted) == links
    leaves = merkle.text_leaves(link.body for link in links)
    assert rooted.size == n
    assert rooted.roots == {size: merkle.root(leaves[:size]) for size in sizes if 0 < size <= n}
