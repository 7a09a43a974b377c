"""Merkle trees of RFC 9162 section 2.1: roots, inclusion and consistency proofs (S-01).

Leaf = H(0x00, record), node = H(0x01, left, right); an odd node is carried up unchanged, which
gives the tree of the RFC. H is SHA-256, or another of hashlib by name ("sm3"). Proofs are lists of
digests from the bottom up; the empty tree has the digest of nothing as its root.
"""

import hashlib
from collections.abc import Sequence

SHA256 = "sha256"


def leaf_hash(record: bytes, algorithm: str = SHA256) -> bytes:
    """Digest of a record as a leaf."""
    return hashlib.new(algorithm, b"\x00" + record).digest()


def node_hash(left: bytes, right: bytes, algorithm: str = SHA256) -> bytes:
    """Digest of an inner node."""
    return hashlib.new(algorithm, b"\x01" + left + right).digest()


class Tree:
    """A tree over leaf digests, kept level by level so that many proofs cost one building."""

    __slots__ = ("algorithm", "levels")

    def __init__(self, leaves: Sequence[bytes], algorithm: str = SHA256) -> None:
        self.algorithm = algorithm
        self.levels = [list(leaves)]
        while len(self.levels[-1]) > 1:
            below = self.levels[-1]
            above = [
                node_hash(below[at], below[at + 1], algorithm) for at in range(0, len(below) - 1, 2)
            ]
            if len(below) % 2:
                above.append(below[-1])
            self.levels.append(above)

    @property
    def size(self) -> int:
        """Number of leaves."""
        return len(self.levels[0])

    @property
    def root(self) -> bytes:
        """The digest that stands for all leaves in their order."""
        return self.levels[-1][0] if self.size else hashlib.new(self.algorithm).digest()

    def inclusion(self, index: int) -> list[bytes]:
        """Proof that leaf `index` (from 0) is in the tree. IndexError when there is none."""
        if not 0 <= index < self.size:
            raise IndexError(f"leaf {index} of a tree of {self.size}")
        path = []
        for level in self.levels[:-1]:
            beside = index ^ 1
            if beside < len(level):
                path.append(level[beside])
            index //= 2
        return path

    def consistency(self, size: int) -> list[bytes]:
        """Proof that the tree of the first `size` leaves is a beginning of this one.

        ValueError unless 0 < size <= the size of this tree.
        """
        if not 0 < size <= self.size:
            raise ValueError(f"a tree of {size} is no beginning of one of {self.size}")
        return self._subproof(size, 0, self.size, True)

    def _subproof(self, size: int, start: int, stop: int, whole: bool) -> list[bytes]:
        if size == stop - start:
            return [] if whole else [self._part(start, stop)]
        half = 1 << (stop - start - 1).bit_length() - 1
        middle = start + half
        if size <= half:
            return [*self._subproof(size, start, middle, whole), self._part(middle, stop)]
        left = self._part(start, middle)
        return [*self._subproof(size - half, middle, stop, False), left]

    def _part(self, start: int, stop: int) -> bytes:
        return Tree(self.levels[0][start:stop], self.algorithm).root


def included(
    leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes, algorithm: str = SHA256
) -> bool:
    """Does the proof lead from a leaf digest to the root (RFC 9162 2.1.3.2)?"""
    if not 0 <= index < size:
        return False
    last, digest = size - 1, leaf
    for beside in path:
        if last == 0:
            return False
        if index % 2 or index == last:
            digest = node_hash(beside, digest, algorithm)
            while index % 2 == 0 and index:
                index, last = index >> 1, last >> 1
        else:
            digest = node_hash(digest, beside, algorithm)
        index, last = index >> 1, last >> 1
    return last == 0 and digest == root


def consistent(
    sizes: tuple[int, int],
    roots: tuple[bytes, bytes],
    path: Sequence[bytes],
    algorithm: str = SHA256,
) -> bool:
    """Is the first of two trees a beginning of the second (RFC 9162 2.1.4.2)?"""
    (old, new), (old_root, new_root) = sizes, roots
    if old == new:
        return not path and old_root == new_root
    if not 0 < old < new or not path:
        return False
    steps = list(path) if old & (old - 1) else [old_root, *path]
    index, last = old - 1, new - 1
    while index % 2:
        index, last = index >> 1, last >> 1
    before = after = steps[0]
    for beside in steps[1:]:
        if last == 0:
            return False
        if index % 2 or index == last:
            before = node_hash(beside, before, algorithm)
            after = node_hash(beside, after, algorithm)
            while index % 2 == 0 and index:
                index, last = index >> 1, last >> 1
        else:
            after = node_hash(after, beside, algorithm)
        index, last = index >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root
