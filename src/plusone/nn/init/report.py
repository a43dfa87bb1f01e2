"""What an initialisation touched."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """One tensor or number: its path in the model, what was done, and the factor of the method.

    `action` says which standard draw the factor multiplies ("He normal", "Xavier normal"), or what
    was set. A factor of 0 is a zero tensor.
    """

    name: str
    action: str
    factor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class InitReport:
    """`order` says how the layers of a branch were put in order: by a recorded forward ("traced"),
    by the calls of one forward ("called"), or as they are registered ("registered")."""

    method: str
    num_branches: int
    order: str
    touched: tuple[Touched, ...]

    def __str__(self) -> str:
        head = (
            f"{self.method}: {self.num_branches} residual branches, layers in the order "
            f"{self.order}, {len(self.touched)} tensors set"
        )
        width = max((len(t.name) for t in self.touched), default=0)
        lines = [f"  {t.name:<{width}}  {t.action} x {t.factor:.4g}" for t in self.touched]
        return "\n".join([head, *lines])
