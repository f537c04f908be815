"""How passbands look, wherever light curves are drawn."""

from __future__ import annotations

from typing import Final

# Colours and markers of ugrizy in the Rubin Observatory's own figures (RTN-045).
LSST_STYLES: Final = {
    "u": ("#0c71ff", "o"),
    "g": ("#49be61", "^"),
    "r": ("#c61c00", "v"),
    "i": ("#ffc200", "s"),
    "z": ("#f341a2", "*"),
    "y": ("#5d0000", "p"),
}
