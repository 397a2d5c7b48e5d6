"""Give the lines of a photo's motion signs that agree, so that all its regions play the same way.

The director sees along which line each cell moved, not in which sense. Neighbouring cells nearly always belong to one
motion (shake, rotation, zoom, one object), so their senses should agree: maximise the sum over near pairs of
``s_i s_j <u_i, u_j>`` with signs s. Solved greedily on a coarse grid by contracting the strongest pair first and adding
up parallel pairs (the additive edge contraction of Keuper et al., ICCV 2015), which lets a long border of weak evidence
win against one strong accident. What is left, the sense of the whole, cannot be seen in a photo: it is set to run to
the right.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from .models.director import CELL, doubt, half_angle, sureness
from .regions import Box

MOST_CELLS = 2500
"""Cells of the coarse grid on which signs are settled; larger photos are pooled to it."""
STEPS = ((0, 1), (1, 0), (1, 1), (1, -1), (0, 2), (2, 0))
"""Pairs of cells that are compared, as (rows, columns) apart: neighbours, diagonals, and one step across a dim cell."""
Signs = NDArray[np.float64]


def orient(lines: Tensor) -> Tensor:
    """Direction field ``(3, h, w)`` of a line field ``(3, h, w)``: same lines, signs that agree, running to the
    right, and their doubt. Lines that are in doubt have little say."""
    lines = lines.detach().float().cpu()
    coarse = half_angle(sureness(_pooled(lines)))
    coarse = coarse * torch.from_numpy(agreeing_signs(coarse.numpy())).float()
    guide = F.interpolate(coarse[None], lines.shape[-2:], mode="bilinear", align_corners=False)[0]
    fine = half_angle(lines)
    fine = torch.where((fine * guide).sum(0) < 0, -fine, fine)
    return torch.cat([fine * _rightward(fine), doubt(lines)])


def oriented_like(lines: Tensor, truth: Tensor) -> Tensor:
    """Direction fields ``(N, 3, h, w)`` of line fields ``(N, 3, h, w)`` as in use, each played in the order that agrees
    more with ``truth (N, 2, h, w)``."""
    return played_like(torch.stack([orient(one) for one in lines]).to(truth), truth)


def played_like(fields: Tensor, truth: Tensor) -> Tensor:
    """Direction fields ``(N, 3, h, w)``, each played in the order that agrees more with ``truth (N, 2, h, w)``."""
    ways, doubts = fields[:, :2], fields[:, 2:]
    against = (ways * truth).sum((1, 2, 3), keepdim=True) < 0
    return torch.cat([torch.where(against, -ways, ways), doubts], 1)


def flipped(field: Tensor, regions: Iterable[Box], height: int, width: int) -> Tensor:
    """A direction field ``(3, h, w)`` of a photo of ``height`` by ``width`` pixels that runs the other way in each
    region: a cell turns round once for each that holds its centre, or the photo's edge where that lies beyond it."""
    down, right = (_percent(count, side) for count, side in zip(field.shape[-2:], (height, width), strict=True))
    signs = torch.ones(field.shape[-2:])
    for region in regions:
        rows = (region.top <= down) & (down < region.bottom)
        columns = (region.left <= right) & (right < region.right)
        signs[rows[:, None] & columns] *= -1
    return torch.cat([field[:2] * signs.to(field), field[2:]])


def _percent(count: int, side: int) -> Tensor:
    """Where the centres of ``count`` cells lie along a side of so many pixels, in percent."""
    return ((torch.arange(count) + 0.5) * (100 * CELL / side)).clamp_max(99.999)


def _pooled(lines: Tensor) -> Tensor:
    """Mean of lines over blocks, so that at most :data:`MOST_CELLS` are left. Double angles may be averaged; directions
    may not."""
    _, height, width = lines.shape
    side = int(np.ceil(np.sqrt(max(1.0, height * width / MOST_CELLS))))
    return F.adaptive_avg_pool2d(lines[None], (-(-height // side), -(-width // side)))[0]


def _rightward(field: Tensor) -> float:
    x, y = field.sum((1, 2)).tolist()
    return -1.0 if (x, y) < (0.0, 0.0) else 1.0


def agreeing_signs(field: NDArray[np.float32]) -> Signs:
    """Signs ``(h, w)``, each 1 or -1, that make a field ``(2, h, w)`` agree with itself; free up to one global sign."""
    _, height, width = field.shape
    graph = _pairs(field.astype(np.float64))
    parents = _contract(graph)
    signs = [_sign(parents, node) for node in range(height * width)]
    return np.array(signs).reshape(height, width)


def _pairs(field: NDArray[np.float64]) -> list[dict[int, float]]:
    """Agreement of each near pair of cells: ``graph[i][j] = <u_i, u_j> / distance``."""
    _, height, width = field.shape
    number = np.arange(height * width).reshape(height, width)
    graph: list[dict[int, float]] = [{} for _ in range(height * width)]
    for down, right in STEPS:
        a = (slice(0, height - down), slice(max(0, -right), width - max(0, right)))
        b = (slice(down, height), slice(max(0, right), width + min(0, right)))
        weights = (field[:, *a] * field[:, *b]).sum(0) / np.hypot(down, right)
        plain = (array.ravel().tolist() for array in (number[a], number[b], weights))  # NumPy's are slow keys
        for i, j, weight in zip(*plain, strict=True):
            graph[i][j] = graph[j][i] = weight
    return graph


def _contract(graph: list[dict[int, float]]) -> list[tuple[int, int]]:
    """Contract the pair with the strongest summed evidence until none is left; returns (parent, relative sign) of each
    node."""
    parents = [(node, 1) for node in range(len(graph))]
    heap = [(-abs(w), i, j, w) for i, near in enumerate(graph) for j, w in near.items() if i < j]
    heapq.heapify(heap)
    while heap:
        _, i, j, weight = heapq.heappop(heap)
        if graph[i].get(j) != weight:
            continue  # contracted meanwhile, or more evidence was added
        if len(graph[i]) < len(graph[j]):
            i, j = j, i
        sign = 1 if weight >= 0 else -1
        parents[j] = (i, sign)
        _absorb(graph, heap, i, j, sign)
    return parents


def _absorb(
    graph: list[dict[int, float]], heap: list[tuple[float, int, int, float]], keep: int, gone: int, sign: int
) -> None:
    for other, weight in graph[gone].items():
        del graph[other][gone]
        if other != keep:
            total = graph[keep].get(other, 0.0) + sign * weight
            graph[keep][other] = graph[other][keep] = total
            heapq.heappush(heap, (-abs(total), keep, other, total))
    graph[gone] = {}


def _sign(parents: list[tuple[int, int]], node: int) -> int:
    sign = 1
    while parents[node][0] != node:
        node, step = parents[node]
        sign *= step
    return sign
