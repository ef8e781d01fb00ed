"""Hypothesis strategies for inputs: mutated seeds, and bytes of their own."""

from pathlib import Path

from hypothesis import strategies as st

__all__ = ["inputs"]

#: Numbers that parsers take for lengths, limits and markers.
_INTERESTING = (0, 1, 3, 4, 5, 0x7F, 0x80, 0xFA, 0xFB, 0xFC, 0xFD, 0xFE, 0xFF)
_BYTE = st.one_of(st.sampled_from(_INTERESTING), st.integers(0, 255))
_MUTATION = st.tuples(st.integers(0, 3), st.integers(0, 1 << 16), st.lists(_BYTE, max_size=8).map(bytes))


def _mutated(seed: bytes, mutations: list[tuple[int, int, bytes]]) -> bytes:
    out = bytearray(seed)
    for way, place, piece in mutations:
        at = place % (len(out) + 1)
        if way == 0:
            out[at : at + len(piece)] = piece
        elif way == 1:
            out[at:at] = piece
        elif way == 2:
            del out[at : at + 1 + len(piece)]
        else:
            out += out[at : at + 4 * len(piece)]
    return bytes(out)


def inputs(seeds: list[Path], longest: int = 400) -> st.SearchStrategy[bytes]:
    """Bytes for a target, most of them near to one of its seeds."""
    fresh = st.binary(max_size=longest)
    if not seeds:
        return fresh
    near = st.builds(
        _mutated, st.sampled_from([path.read_bytes() for path in seeds]), st.lists(_MUTATION, max_size=6)
    )
    return st.one_of(near, near, fresh)
