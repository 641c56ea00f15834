"""Divide groups (patients, exams) among parts so that image counts come near their targets."""

from __future__ import annotations

import numpy as np

# Above every sum of squared deviations (up to a million images), so that no part stays without a label.
_EMPTY = 10**14
_STARTS = 10


def assign_groups(
    codes: np.ndarray, strata: np.ndarray, target: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Give every group to one part.

    Parameters
    ----------
    codes : int array, shape (n,)      group of each image, 0 .. n_groups - 1
    strata : int array, shape (n,)     stratum (label) of each image, 0 .. n_strata - 1
    target : int array, shape (n_parts, n_strata)   images wanted
    rng : decides the draw

    Returns
    -------
    int array, shape (n_groups,) : part of each group

    Notes
    -----
    Groups come in random order, so that large groups are as likely to be tested as small ones; only those
    that fit into one part at most come first. Each goes to the part that lacks most of what it brings. Then
    single moves and swaps between two parts follow as long as one of them lowers the summed squared deviation
    of the counts. Groups with equal contents are interchangeable: the search works on their kinds, and which
    group of a kind moves is random. Where counts still differ from the targets, the search starts again from
    another order, and the best result stays.
    """
    n_groups, n_strata = int(codes.max()) + 1, target.shape[1]
    content = np.zeros((n_groups, n_strata), dtype=np.int64)
    np.add.at(content, (codes, strata), 1)
    giant = content.sum(axis=1) > np.sort(target.sum(axis=1))[-2]
    best, lowest = np.zeros(n_groups, dtype=np.int64), -1
    for _ in range(_STARTS):
        order = rng.permutation(n_groups)
        part = _fill(content, target, np.concatenate([order[giant[order]], order[~giant[order]]]))
        left = _improve(content, target, part, order)
        if lowest < 0 or left < lowest:
            best, lowest = part, left
        if lowest == 0:
            break
    return best


def _fill(content: np.ndarray, target: np.ndarray, order: np.ndarray) -> np.ndarray:
    part = np.zeros(len(content), dtype=np.int64)
    lacking = target.astype(np.float64)
    for group in order:
        # Relative lack: all parts fill at the same pace, so that the order of groups decides.
        need = (lacking / np.maximum(target, 1)) @ content[group]
        chosen = int(np.argmax(need))
        part[group] = chosen
        lacking[chosen] -= content[group]
    return part


def _improve(content: np.ndarray, target: np.ndarray, part: np.ndarray, order: np.ndarray) -> int:
    """Change `part` in place by moves and swaps; returns the cost that is left."""
    kinds, kind = np.unique(content, axis=0, return_inverse=True)
    kind = kind.reshape(-1)
    n_parts = len(target)
    # Kind number `len(kinds)` is "no group": a swap with it is a move.
    contents = np.vstack([kinds, np.zeros((1, kinds.shape[1]), dtype=np.int64)])
    pairs = [(a, b) for a in range(n_parts) for b in range(a + 1, n_parts)]
    excess = np.stack([content[part == index].sum(axis=0) for index in range(n_parts)]) - target
    while True:
        best = min(
            (_best_swap(excess, target, contents, kind, part, (a, b)) for a, b in pairs),
            key=lambda swap: swap[0],
        )
        gain, a, b, from_a, from_b = best
        if gain >= 0:
            return int(_cost(excess, target).sum())
        movers = [(a, b, from_a), (b, a, from_b)]
        chosen = [(to, _first(order, part == source, kind == which)) for source, to, which in movers]
        for to, group in chosen:
            if group is not None:
                excess[part[group]] -= content[group]
                excess[to] += content[group]
                part[group] = to


def _best_swap(
    excess: np.ndarray,
    target: np.ndarray,
    contents: np.ndarray,
    kind: np.ndarray,
    part: np.ndarray,
    pair: tuple[int, int],
) -> tuple[int, int, int, int, int]:
    """Best exchange of one group (or none) of each part: change of cost, parts, kinds."""
    a, b = pair
    none = len(contents) - 1
    in_a = np.append(np.unique(kind[part == a]), none)
    in_b = np.append(np.unique(kind[part == b]), none)
    shift = contents[in_b][None, :, :] - contents[in_a][:, None, :]
    after = _cost(excess[a] + shift, target[a]) + _cost(excess[b] - shift, target[b])
    change = after - _cost(excess[a], target[a]) - _cost(excess[b], target[b])
    i, j = np.unravel_index(int(np.argmin(change)), change.shape)
    return int(change[i, j]), a, b, int(in_a[i]), int(in_b[j])


def _cost(excess: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Squared deviation per stratum and of the total, so that neither drifts; empty strata are worst."""
    empty = ((excess == -target) & (target > 0)).sum(axis=-1)
    return (excess**2).sum(axis=-1) + excess.sum(axis=-1) ** 2 + _EMPTY * empty


def _first(order: np.ndarray, in_part: np.ndarray, of_kind: np.ndarray) -> int | None:
    fitting = order[(in_part & of_kind)[order]]
    return int(fitting[0]) if len(fitting) else None
