"""Soft clustering: texts that belong together by their vectors; one may belong to several clusters.

Source: Sarthi et al. 2024, arXiv:2401.18059 (RAPTOR), section 3: Gaussian mixtures, whose number of components is that
with the lowest Bayesian information criterion, for all texts and then once more within each cluster. Departs from it:
principal components instead of UMAP; a cluster has two texts on average at least, so that a tree of clusters ends.
"""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from disputatio.errors import require
from disputatio.memory.vectors import unit

if TYPE_CHECKING:
    from disputatio.memory.vectors import Array

DIMENSIONS = 10
"""To how many dimensions vectors are reduced before they are clustered."""
MOST = 50
"""Components of one mixture."""
SEED = 224


def soft_clusters(vectors: Sequence[Sequence[float]], *, threshold: float = 0.01) -> list[list[int]]:
    """The clusters, each as the places of its vectors. The same vectors give the same clusters.

    Args:
        vectors: One a text, of any length.
        threshold: How probable a cluster must be for a text to belong to it, from 0 to 1.

    Returns:
        At most half as many clusters as vectors, and at least one; each vector is in one or more.

    Raises:
        MissingExtraError: If scikit-learn is not installed.
        StoreError: If the vectors are none.
    """
    rows = unit(vectors, len(vectors), "the embedding")
    if len(rows) < 4:
        return [list(range(len(rows)))]
    whole = _mixed(rows, threshold)
    parts: list[list[int]] = []
    for cluster in whole:
        if len(cluster) <= DIMENSIONS + 1:
            parts.append(cluster)
        else:
            parts += [[cluster[place] for place in part] for part in _mixed(rows[cluster], threshold)]
    unlike = [list(one) for one in dict.fromkeys(map(tuple, parts))]
    return unlike if len(unlike) <= len(rows) // 2 else whole


def _mixed(rows: "Array", threshold: float) -> list[list[int]]:
    """The clusters of one mixture."""
    mixture = require("sklearn.mixture", extra="knowledge").GaussianMixture
    reduction = require("sklearn.decomposition", extra="knowledge").PCA
    size = min(DIMENSIONS, len(rows) - 2, rows.shape[1])
    alone = require("threadpoolctl", extra="knowledge").threadpool_limits(1)  # threads cost 40 times what they save
    with alone, warnings.catch_warnings():  # equal texts make fewer clusters than components: that is no fault
        warnings.simplefilter("ignore")
        points = reduction(size, random_state=SEED, svd_solver="full").fit_transform(rows.astype("float64"))
        tried: list[Any] = [
            mixture(count, random_state=SEED).fit(points) for count in range(1, min(MOST, len(rows) // 2) + 1)
        ]
        best = min(tried, key=lambda one: one.bic(points))
        shares = best.predict_proba(points)
    likeliest = shares.argmax(axis=1)
    belongs = [
        [place for place, share in enumerate(column) if share >= threshold or likeliest[place] == number]
        for number, column in enumerate(shares.T)
    ]
    return [one for one in belongs if one]
