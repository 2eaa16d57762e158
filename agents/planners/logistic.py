"""Multinomial logistic regression on dense and sparse features side by side, fitted by L-BFGS."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

# single precision: half the memory to walk through, and more digits than the data hold
Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class Features:
    """Rows described twice: by a dense and by a sparse matrix of as many rows."""

    dense: NDArray[np.float32]
    sparse: sparse.csr_array

    @property
    def width(self) -> int:
        return int(self.dense.shape[1] + self.sparse.shape[1])


@dataclass(frozen=True)
class Logistic:
    """Class probabilities as the softmax of linear scores; `dense` and `sparse` are features × classes."""

    dense: NDArray[np.float32]
    sparse: NDArray[np.float32]
    bias: NDArray[np.float32]

    @classmethod
    def fit(
        cls, features: Features, labels: NDArray[np.int64], *, classes: int, penalty: float, rounds: int = 120
    ) -> Logistic:
        """Least mean cross entropy, every class counted alike, plus `penalty`/2 · |weights|² / rows. Deterministic."""
        rows, edge = len(labels), features.dense.shape[1]
        counts = np.bincount(labels, minlength=classes)
        weight = (rows / (classes * np.maximum(counts, 1)))[labels] / rows
        weight = weight.astype(np.float32)
        near, words = features.dense, features.sparse
        words_across = sparse.csr_array(words.T)
        index = np.arange(rows)

        def loss(matrix: Matrix) -> tuple[float, Matrix]:
            error = _softmax(near @ matrix[:edge] + words @ matrix[edge:-1] + matrix[-1])
            surprise = -np.log(np.maximum(error[index, labels], 1e-12)) @ weight
            error[index, labels] -= 1.0
            error *= weight[:, None]
            gradient = np.empty_like(matrix)
            gradient[:edge] = near.T @ error
            gradient[edge:-1] = words_across @ error
            gradient[:-1] += np.float32(penalty / rows) * matrix[:-1]
            gradient[-1] = error.sum(axis=0)
            return float(surprise + penalty / (2 * rows) * np.vdot(matrix[:-1], matrix[:-1])), gradient

        matrix = descend(loss, np.zeros((features.width + 1, classes), dtype=np.float32), rounds)
        return cls(matrix[:edge], matrix[edge:-1], matrix[-1])

    def probabilities(self, features: Features) -> NDArray[np.float64]:
        """Shape (rows, classes), rows summing to one."""
        scores = features.dense @ self.dense + features.sparse @ self.sparse + self.bias
        return _softmax(np.asarray(scores, dtype=np.float32)).astype(np.float64)


def descend(
    loss: Callable[[Matrix], tuple[float, Matrix]],
    start: Matrix,
    rounds: int,
    *,
    memory: int = 6,
    tolerance: float = 1e-5,
) -> Matrix:
    """Where a smooth convex `loss` (value, gradient) is least: L-BFGS (Nocedal 1980) with step halving.

    scipy's L-BFGS-B keeps the books for bounds that are not here, which costs more than the loss itself.
    """
    point = start
    value, gradient = loss(point)
    steps: deque[tuple[Matrix, Matrix, float]] = deque(maxlen=memory)
    for _ in range(rounds):
        direction = _newton_like(gradient, steps)
        slope = float(np.vdot(direction, gradient))
        length = 1.0 if steps else 1.0 / max(1.0, float(np.linalg.norm(gradient)))
        while True:
            trial = point + np.float32(length) * direction
            trial_value, trial_gradient = loss(trial)
            if trial_value <= value + 1e-4 * length * slope or length < 1e-8:
                break
            length /= 2
        moved, bent = trial - point, trial_gradient - gradient
        curvature = float(np.vdot(moved, bent))
        if curvature > 1e-12:
            steps.append((moved, bent, curvature))
        gained = value - trial_value
        point, value, gradient = trial, trial_value, trial_gradient
        if gained <= tolerance * max(abs(value), 1e-3):
            break
    return point


def _newton_like(gradient: Matrix, steps: Sequence[tuple[Matrix, Matrix, float]]) -> Matrix:
    direction = -gradient
    factors: list[float] = []
    for moved, bent, curvature in reversed(steps):
        factor = float(np.vdot(moved, direction)) / curvature
        factors.append(factor)
        direction -= np.float32(factor) * bent
    if steps:
        _, bent, curvature = steps[-1]
        direction *= np.float32(curvature / float(np.vdot(bent, bent)))
    for (moved, bent, curvature), factor in zip(steps, reversed(factors), strict=True):
        direction += np.float32(factor - float(np.vdot(bent, direction)) / curvature) * moved
    return direction


def _softmax(scores: Matrix) -> Matrix:
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), dtype=np.float32)
