"""Multinomial logistic regression on sparse features, fitted by L-BFGS."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse


@dataclass(frozen=True)
class Logistic:
    """Class probabilities as the softmax of linear scores; `weights` is features × classes."""

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]

    @classmethod
    def fit(
        cls, features: sparse.csr_array, labels: NDArray[np.int64], *, classes: int, penalty: float, rounds: int = 200
    ) -> Logistic:
        """Least mean cross entropy, every class counted alike, plus `penalty`/2 · |weights|² / rows. Deterministic."""
        from scipy.optimize import minimize

        rows, width = features.shape
        counts = np.bincount(labels, minlength=classes)
        weight = (rows / (classes * np.maximum(counts, 1)))[labels] / rows
        target = np.zeros((rows, classes))
        target[np.arange(rows), labels] = 1.0
        transposed = sparse.csr_array(features.T)

        def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            matrix = flat.reshape(width + 1, classes)
            found = _softmax(features @ matrix[:-1] + matrix[-1])
            error = (found - target) * weight[:, None]
            gradient = np.empty_like(matrix)
            gradient[:-1] = transposed @ error + penalty / rows * matrix[:-1]
            gradient[-1] = error.sum(axis=0)
            surprise = -np.log(np.maximum(found[np.arange(rows), labels], 1e-12)) @ weight
            return float(surprise + penalty / (2 * rows) * np.sum(matrix[:-1] ** 2)), gradient.ravel()

        start = np.zeros((width + 1) * classes)
        result = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": rounds, "maxcor": 6, "gtol": 1e-5})
        matrix = result.x.reshape(width + 1, classes).astype(np.float32)
        return cls(matrix[:-1], matrix[-1])

    def probabilities(self, features: sparse.csr_array) -> NDArray[np.float64]:
        """Shape (rows, classes), rows summing to one."""
        return _softmax(np.asarray(features @ self.weights + self.bias, dtype=np.float64))


def _softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)
