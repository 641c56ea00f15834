"""The allocator guard acts: blocks of the size of activations are not mapped anew each time."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

FAULTS = """
import json, resource, threading, torch

def faults(found):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.ones(2**24)  # 64 MB, the first maps of ResNet50 on 16 images of 256 px
    found.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

found = []
"""
BEFORE_AND_AFTER = """
faults(found)
import training
faults(found)  # the heap grows to its size
faults(found)
print(json.dumps(found))
"""
IN_A_THREAD = """
import training
for _ in range(2):
    thread = threading.Thread(target=faults, args=(found,))
    thread.start()
    thread.join()
print(json.dumps(found))
"""
HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the guard acts on glibc alone")


def run(script, **environment):
    done = subprocess.run(
        [sys.executable, "-c", FAULTS + script],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    return json.loads(done.stdout)


def test_page_faults_fall_once_freed_blocks_stay():
    default, _, tuned = run(BEFORE_AND_AFTER)
    # glibc always maps blocks above 32 MB by default: one fault per page, 32 per block where pages are huge.
    assert default >= 20 * 32
    assert tuned < default / 20  # not one block was mapped anew


@pytest.mark.skipif(
    not HUGE_PAGES.exists() or "[never]" in HUGE_PAGES.read_text(), reason="the system has no huge pages"
)
def test_huge_pages_serve_the_threads_that_train():
    _, without = run(IN_A_THREAD, THP_MEM_ALLOC_ENABLE="0")
    _, tuned = run(IN_A_THREAD)
    assert without >= 20 * 2**14  # the environment takes the setting back: a fault for every 4 kB
    assert tuned < without / 20


def test_the_environment_leaves_the_allocator_as_it_is():
    default, _, tuned = run(BEFORE_AND_AFTER, STUDY_ALLOCATOR="system")
    assert tuned >= 20 * 32
    assert tuned > default / 2
