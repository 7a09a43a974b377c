"""Merkle trees against the definition of RFC 9162 2.1 and published roots (S-01)."""

import hashlib

import pytest

from quanheng.edge import verify_archive
from quanheng.runtime.merkle import SHA256, Tree, consistent, included, leaf_hash, node_hash

# The test data of Certificate Transparency's reference implementation: eight records and the roots
# of their first n.
RECORDS = [bytes.fromhex(text) for text in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def definition(leaves: list[bytes]) -> bytes:
    """MTH of the RFC, word by word."""
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return node_hash(definition(leaves[:half]), definition(leaves[half:]))


def leaves_of(count: int) -> list[bytes]:
    return [leaf_hash(b"%d" % number) for number in range(count)]


def test_roots_are_the_published_ones() -> None:
    """Eight records of the reference implementation."""
    for size, root in ROOTS.items():
        assert Tree([leaf_hash(data) for data in RECORDS[:size]]).root.hex() == root, size


def test_every_inclusion_proof_holds_and_no_other() -> None:
    """All indexes of trees up to 40; the verifier's own code agrees; every change is caught."""
    for size in range(1, 41):
        leaves = leaves_of(size)
        tree = Tree(leaves)
        growing = verify_archive.Growing(SHA256)
        for one in leaves:
            growing.add(one)
        assert tree.root == definition(leaves) == growing.root()
        for index, leaf in enumerate(leaves):
            path = tree.inclusion(index)
            assert included(leaf, index, size, path, tree.root)
            assert verify_archive.climb(SHA256, leaf, index, size, path) == tree.root
            other = leaf_hash(b"other")
            assert not included(other, index, size, path, tree.root)
            assert not included(leaf, (index + 1) % size, size, path, tree.root) or size == 1
            assert not included(leaf, index, size, [*path, other], tree.root)
            assert not path or not included(leaf, index, size, path[:-1], tree.root)
    with pytest.raises(IndexError, match="leaf 3 of a tree of 3"):
        Tree(leaves_of(3)).inclusion(3)


def test_every_consistency_proof_holds_and_no_other() -> None:
    """All pairs of sizes up to 24; a rewritten beginning is caught."""
    for size in range(1, 25):
        tree = Tree(leaves_of(size))
        for old in range(1, size + 1):
            path, root = tree.consistency(old), Tree(leaves_of(old)).root
            assert consistent((old, size), (root, tree.root), path)
            wrong = Tree([*leaves_of(old)[:-1], leaf_hash(b"rewritten")]).root
            assert not consistent((old, size), (wrong, tree.root), path)
            if path:
                changed = [hashlib.sha256(path[0]).digest(), *path[1:]]
                assert not consistent((old, size), (root, tree.root), changed)
                assert not consistent((old, size), (root, tree.root), path[:-1])
    with pytest.raises(ValueError, match="tree of 4 is no beginning"):
        Tree(leaves_of(3)).consistency(4)


def test_another_hash_by_name() -> None:
    """The tree of an SM3 suite differs in its hash alone."""
    leaves = [leaf_hash(b"%d" % number, "sm3") for number in range(5)]
    tree = Tree(leaves, "sm3")
    assert included(leaves[4], 4, 5, tree.inclusion(4), tree.root, "sm3")
    assert tree.root != Tree(leaves_of(5)).root
