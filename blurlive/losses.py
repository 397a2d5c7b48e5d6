"""The loss terms of the paper, Eq. 1 to 8, as pure functions of tensors.

Frames are ``(N, 7, C, H, W)`` in time order, pictures ``(N, C, H, W)``, both in [0, 1]. Each returns one number.
The paper writes norms without saying how they are averaged: here a norm over pixels is a mean over them, so that a
loss does not depend on the size of the crop, and every loss is a mean over the batch.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

CENTRE = 3
"""Index of the 4th of seven frames."""
ALPHA = 0.0005
"""Weight of the adversarial loss in Eq. 5 (Sec. 4.2)."""
BETA = 0.001
"""Weight of the flow loss in Eq. 5 (Sec. 4.2)."""
TRIPLES = tuple((i, i + step, i + 2 * step) for step in (1, 2, 3) for i in range(7 - 2 * step))
"""The nine triples of equally spaced frames (Sec. 3.2): five of step 1, three of step 2, one of step 3."""
TYPICAL = 0.04
"""Mean absolute error of a blurred picture to its sharp frames in the training data: :func:`in_order` pulls as hard
there as L1 would."""
FAINTEST = 0.004
"""Error of a frame, a grey level, below which there is little left to learn."""
SMALLEST = 1e-6
"""Features below this size are of a picture without any: a share of nothing has no bound."""
DARKEST = 1e-4
"""Values are kept above this before a tone curve, whose slope has no bound at black."""


def average(frames: Tensor, gamma: float = 1.0) -> Tensor:
    """F, the blur function (Sec. 3.3): mean ``(N, C, H, W)`` over the frames of ``(N, T, C, H, W)``.

    ``gamma`` 1 averages the values, as the paper does; 2.2 averages light, the convention of the GoPro benchmark code.
    """
    if gamma == 1.0:
        return frames.mean(1)
    return frames.clamp_min(DARKEST).pow(gamma).mean(1).pow(1 / gamma)


def in_order(frames: Tensor, sharp: Tensor) -> Tensor:
    """Size of the error of seven frames in time order, in decibels: the mean over frames of the log of the root of
    their mean squared error.

    Not of the paper. It is what PSNR measures, so a frame of faint blur counts as much as one of long blur, and where
    the motion is in doubt the network does best to stay in the middle. Errors below :data:`FAINTEST` count for little;
    none at all is 0.
    """
    error = (frames - sharp).square().mean((2, 3, 4))
    return TYPICAL * torch.log1p(error / FAINTEST**2).mean() / 2


def content_pixel(frames: Tensor, sharp: Tensor) -> Tensor:
    """First part of Eq. 1: mean squared error of the centre frame."""
    return F.mse_loss(frames[:, CENTRE], sharp[:, CENTRE])


def perceptual(features: Tensor, sharp_features: Tensor) -> Tensor:
    """Second part of Eq. 1: mean squared error of the features of the centre frame (Johnson et al. 2016)."""
    return F.mse_loss(features, sharp_features)


def pair(frames: Tensor, sharp: Tensor) -> Tensor:
    """Eq. 2: frames i and 8-i may come in either order.

    The squared sum and the squared difference of each pair are the same for both orders. The paper prints their bare
    difference to the sharp pair's, which has no minimum; here its mean size.
    """
    total = frames.new_zeros(())
    for i in range(CENTRE):
        a, b, c, d = frames[:, i], frames[:, 6 - i], sharp[:, i], sharp[:, 6 - i]
        total = total + F.l1_loss((a + b).square(), (c + d).square()) + F.l1_loss((a - b).square(), (c - d).square())
    return total


def adversarial(fake: Tensor) -> Tensor:
    """Eq. 3: log(1 - D(G)), with D = sigmoid of the discriminator's answers ``fake`` to recovered frames, any shape."""
    return -F.softplus(fake).mean()


def discrimination(real: Tensor, fake: Tensor) -> Tensor:
    """What the discriminator minimises: -log D(real) - log(1 - D(fake)), the other side of Eq. 3."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def warp(picture: Tensor, flow: Tensor) -> Tensor:
    """Sample ``picture (N, C, H, W)`` at ``p + flow(p)``, bilinearly, differentiable in both (the STN of Eq. 4).

    ``flow`` is ``(N, 2, H, W)`` in pixels, x then y: it tells of each pixel of the result where it lies in
    ``picture``. Outside the picture its border goes on.
    """
    height, width = picture.shape[-2:]
    y, x = torch.meshgrid(
        torch.arange(height, device=flow.device), torch.arange(width, device=flow.device), indexing="ij"
    )
    at = torch.stack([(x + flow[:, 0] + 0.5) * (2 / width) - 1, (y + flow[:, 1] + 0.5) * (2 / height) - 1], -1)
    return F.grid_sample(picture, at.to(picture.dtype), padding_mode="border", align_corners=False)


def cycle_flow(frames: Tensor, sharp: Tensor, first_to_last: Tensor, last_to_first: Tensor) -> Tensor:
    """Eq. 4: frame 1 made from frame 7 and frame 7 made from frame 1, against the sharp ones.

    Both flows ``(N, 2, H, W)`` are estimated between the *recovered* frames. A sampler looks up where a pixel of the
    made frame lies in the taken one, so the flow from 1 to 7 makes frame 1 out of frame 7. Frames in reversed order
    make the wrong ends: this loss, unlike :func:`pair`, tells the orders apart.
    """
    first, last = frames[:, 0], frames[:, -1]
    made_first, made_last = warp(last, first_to_last), warp(first, last_to_first)
    return F.mse_loss(made_first, sharp[:, 0]) + F.mse_loss(made_last, sharp[:, -1])


def gram_matrix(features: Tensor) -> Tensor:
    """Eq. 6: ``(N, 3C, 3C)`` of the features ``(N, 3, C, H, W)`` of three frames.

    Stacked to F of shape (3C, HW), the matrix is F F^T / (CHW): 3x3 blocks of C x C, those on the diagonal the frames
    themselves and the others their correlations, which change with motion (Fig. 4). (Eq. 6 prints F^T F; the shape
    (3C, HW) that the text gives and the blocks of the figure ask for F F^T.)
    """
    count, frames, channels, height, width = features.shape
    flat = features.float().reshape(count, frames * channels, height * width)
    return flat @ flat.mT / (channels * height * width)


def gram(features: Tensor, sharp_features: Tensor) -> Tensor:
    """One summand of Eq. 7: Frobenius norm of the difference of Gram matrices of features ``(N, 3, C, H, W)``."""
    difference = gram_matrix(features) - gram_matrix(sharp_features)
    norms: Tensor = torch.linalg.matrix_norm(difference)
    return norms.mean()


def relative(features: Tensor, sharp_features: Tensor) -> Tensor:
    """Size of the difference as a share of the sharp one's size, the mean over a batch of tensors ``(N, ...)``.

    Not of the paper. Features have units of their own: Eq. 7 says some 200 of a VGG16 where it says 0.005 of
    derivatives (docs/recipe.md), so that no one weight suits both.
    """
    sizes = (features - sharp_features).float().flatten(1).norm(dim=1)
    share: Tensor = sizes / sharp_features.float().flatten(1).norm(dim=1).clamp_min(SMALLEST)
    return share.mean()


def blur_cycle(blurred: Tensor, again: Tensor) -> Tensor:
    """First part of Eq. 8: L1 between F(I) and F(G(F(I)))."""
    return F.l1_loss(again, blurred)


def frame_cycle(frames: Tensor, source: Tensor) -> Tensor:
    """Second part of Eq. 8: L1 between the seven frames I and G(F(I))."""
    return F.l1_loss(frames, source)


def flow_error(estimates: list[Tensor], flow: Tensor) -> Tensor:
    """Training loss of a flow network: end-point errors at every scale of its pyramid, finer ones counting more.

    ``estimates`` are ``(N, 2, h, w)`` from coarse to fine, each in pixels of the full size; ``flow (N, 2, H, W)`` is
    the truth. The weights halve with each coarser scale (PWC-Net weighs its levels in this order too).
    """
    total, weight = flow.new_zeros(()), 1.0
    for estimate in reversed(estimates):
        truth = F.interpolate(flow, estimate.shape[-2:], mode="area")
        total = total + weight * torch.sqrt((estimate - truth).square().sum(1) + 1e-6).mean()
        weight /= 2
    return total
