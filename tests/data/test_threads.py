"""Work on threads: in order, little of it ahead, errors where they belong."""

import threading
import time

import pytest

from data.store.threads import on_threads


def test_results_come_in_the_order_of_the_items():
    def slow_first(item):
        time.sleep(0.02 if item == 0 else 0.0)
        return item * item

    assert list(on_threads(slow_first, range(50), n_threads=3)) == [item * item for item in range(50)]


def test_it_runs_on_several_threads_at_once():
    both = threading.Barrier(2, timeout=10)
    assert list(on_threads(lambda _: both.wait() >= 0, range(2), n_threads=2)) == [True, True]


def test_no_more_than_a_few_results_wait_for_the_reader():
    begun = []
    results = on_threads(begun.append, range(1000), n_threads=2)
    for taken in range(1, 20):
        next(results)
        time.sleep(0.002)
        assert len(begun) <= taken + 9
    results.close()
    assert len(begun) < 40


def test_the_first_error_in_order_is_raised_and_the_rest_is_not_run():
    begun = []

    def fails(item):
        begun.append(item)
        if item in (3, 4):
            raise ValueError(f"item {item}")
        return item

    with pytest.raises(ValueError, match="item 3"):
        list(on_threads(fails, range(1000), n_threads=2))
    assert len(begun) < 40


def test_nothing_to_do_is_no_result():
    assert list(on_threads(str, [])) == []
