from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from lcclassify.schema import Batch, InputSizes


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.fixture
def sizes() -> InputSizes:
    return InputSizes(n_features=7, n_context=3, n_channels=5, n_classes=4, max_length=12)


@pytest.fixture
def make_batch(sizes: InputSizes) -> Callable[..., Batch]:
    def make(n: int = 9, seed: int = 1, longest: int = 12) -> Batch:
        generator = torch.Generator().manual_seed(seed)
        lengths = torch.randint(1, longest + 1, (n,), generator=generator)
        lengths[0] = longest
        sequences = torch.randn(n, longest, sizes.n_channels, generator=generator)
        sequences *= (torch.arange(longest) < lengths[:, None])[:, :, None]
        return Batch(
            features=torch.randn(n, sizes.n_features, generator=generator),
            context=torch.randn(n, sizes.n_context, generator=generator),
            sequences=sequences,
            lengths=lengths,
            targets=torch.arange(n) % sizes.n_classes,
            rows=torch.arange(n),
        )

    return make


@pytest.fixture
def select() -> Callable[[Batch, torch.Tensor], Batch]:
    def rows(batch: Batch, index: torch.Tensor) -> Batch:
        return Batch(*(field[index] for field in batch))

    return rows
