"""The search in cells against the search among all."""

import numpy as np
import pytest

from data.audit.neighbours import PROBES, make_cells, nearest


def _units(rng, n, d=12):
    points = rng.normal(size=(n, d)) * np.linspace(2.0, 0.3, d)
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def _by_brute_force(points, queries, k, min_correlation):
    correlation = queries @ points.T
    np.fill_diagonal(correlation, -1.0)
    best = np.argsort(-correlation, axis=1)[:, :k]
    return {
        (query, int(point))
        for query in range(len(queries))
        for point in best[query]
        if correlation[query, point] >= min_correlation
    }


def test_a_small_set_is_searched_completely():
    points = _units(np.random.default_rng(0), PROBES**2)
    query, point, correlation = nearest(make_cells(points), points, k=5, min_correlation=0.6)
    assert set(zip(query.tolist(), point.tolist(), strict=True)) == _by_brute_force(points, points, 5, 0.6)
    np.testing.assert_allclose(correlation, (points[query] * points[point]).sum(axis=1), atol=1e-6)


def test_close_neighbours_are_found_in_a_large_set():
    rng = np.random.default_rng(1)
    points = _units(rng, 5000)
    points[2500:] = points[:2500] + 0.05 * rng.normal(size=(2500, 12))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    query, point, _ = nearest(make_cells(points), points, k=3, min_correlation=0.8)
    found = set(zip(query.tolist(), point.tolist(), strict=True))
    assert np.mean([(k, k + 2500) in found for k in range(2500)]) > 0.99


def test_no_image_is_its_own_neighbour():
    points = _units(np.random.default_rng(2), 50)
    query, point, _ = nearest(make_cells(points), points, k=60, min_correlation=-1.0)
    assert (query != point).all()


@pytest.mark.parametrize("n", [0, 1])
def test_less_than_two_points_have_no_neighbours(n):
    points = _units(np.random.default_rng(3), n)
    assert [part.size for part in nearest(make_cells(points), points, k=3, min_correlation=0.0)] == [0, 0, 0]
