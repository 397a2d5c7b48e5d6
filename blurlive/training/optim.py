"""Optimisers: Muon for the hidden convolutions, AdamW for the rest, as one object with one state.

Muon (Jordan et al. 2024, "Muon: An optimizer for hidden layers") replaces the momentum of a weight matrix by its
nearest orthogonal matrix, found by Newton-Schulz iteration. A convolution is the matrix (out, in * k * k).
``torch.optim.Muon`` takes 2-D parameters only and iterates on the wide matrix; on a CPU the wide products cost a
fifth of a training step. Here the same polynomial runs on the small Gram matrix ``M M^T`` and meets the wide one twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Quintic that pushes singular values towards 1 fastest (Jordan et al. 2024)."""


def orthogonalize(matrix: Tensor, steps: int = 5) -> Tensor:
    """The nearest (semi-)orthogonal matrix, roughly: singular values of the result lie in about [0.7, 1.2].

    ``matrix`` is ``(..., rows, columns)``; any shape, same shape back.
    """
    if matrix.shape[-2] > matrix.shape[-1]:
        return orthogonalize(matrix.mT, steps).mT
    a, b, c = COEFFICIENTS
    x = matrix / (matrix.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    gram = x @ x.mT  # (..., rows, rows)
    eye = torch.eye(gram.shape[-1], dtype=x.dtype, device=x.device)
    total = eye
    for _ in range(steps):
        polynomial = a * eye + (b * eye + c * gram) @ gram
        total = polynomial @ total
        gram = polynomial @ gram @ polynomial
    nearest: Tensor = total @ x
    return nearest


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised. ``lr`` is the step's root-mean-square size relative to a unit-gain layer; ``decay``
    times ``lr`` is the share of itself that a weight loses with each step.

    Steps are of one size, however small the gradient: without decay, weights grow as long as training goes on.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 0.01,
        momentum: float = 0.95,
        decay: float = 0.1,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # noqa: ARG002  # no closures here
        for group in self.param_groups:
            alike: dict[tuple[int, ...], list[Tensor]] = {}
            for param in group["params"]:
                if param.grad is not None:
                    param.mul_(1 - group["lr"] * group["decay"])
                    alike.setdefault(tuple(param.shape), []).append(param)
            for params in alike.values():  # in one go: a GPU takes as long for one small matrix as for ten
                self._update(params, group["lr"], group["momentum"])

    def _update(self, params: list[Tensor], lr: float, momentum: float) -> None:
        flat = torch.stack([self._ahead(param, momentum) for param in params]).flatten(2)
        updates = orthogonalize(flat) * max(1.0, flat.shape[1] / flat.shape[2]) ** 0.5
        for param, update in zip(params, updates, strict=True):
            param.add_(update.view_as(param), alpha=-lr)

    def _ahead(self, param: Tensor, momentum: float) -> Tensor:
        """Where the momentum leads (Nesterov)."""
        state = self.state[param]
        if not state:
            state["momentum"] = torch.zeros_like(param)
        assert param.grad is not None
        state["momentum"].lerp_(param.grad, 1 - momentum)
        return param.grad.lerp(state["momentum"], momentum)


def remember_rates(optimizers: Iterable[torch.optim.Optimizer]) -> None:
    """Note the learning rates that the optimisers were made with, for :func:`scale_rates`."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["full"] = group["lr"]


def scale_rates(optimizers: Iterable[torch.optim.Optimizer], share: float) -> None:
    """Set every learning rate to a ``share`` of the one it was made with."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["full"] * share


def split(net: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """Parameters for Muon (4-D weights of hidden convolutions) and for AdamW (first and last layers, biases)."""
    convolutions = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
    hidden = {id(conv.weight) for conv in convolutions[1:-1]}
    muon: list[Tensor] = [p for p in net.parameters() if id(p) in hidden]
    return muon, [p for p in net.parameters() if id(p) not in hidden]
