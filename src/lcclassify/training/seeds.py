"""Independent seeds for each purpose, derived from the run's one seed."""

from __future__ import annotations

from hashlib import blake2b


def derive_seed(seed: int, *purpose: str | int) -> int:
    """Return a seed for one purpose, the same in every process.

    Args:
        seed: The run's seed.
        *purpose: What it is for, such as ``"fit", "bigru", 3``.

    Returns:
        An integer in ``[0, 2**31)``.
    """
    text = "/".join(str(word) for word in (seed, *purpose))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little") % 2**31
