"""How strong an expression is: 0 is neutral, larger is stronger. The filter says how strong is too strong.

What the archives record, a smile (attribute ``Expression``) or the emotions of the face service, needs no computing.
"""

from __future__ import annotations

from torch import Tensor


def coefficient_expression(expression: Tensor) -> Tensor:
    """Root mean square of the front view's expression coefficients float32 [B, E]. float32 [B].

    The unit is that of the 3DMM's expression basis, so a threshold holds for one 3DMM only.
    """
    return expression.square().mean(dim=1).sqrt()
