"""The allocator guard acts: blocks of the size of activations are not mapped anew each time."""

import json
import platform
import subprocess
import sys

import pytest

FAULTS = """
import json, resource, torch
from training.allocator import tune_allocator

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.ones(2**24)  # 64 MB, the first maps of ResNet50 on 16 images of 256 px
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

default = faults()
tune_allocator()
faults()  # the heap grows to its size
print(json.dumps([default, faults()]))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the guard acts on glibc alone")
def test_page_faults_fall_once_freed_blocks_stay():
    done = subprocess.run([sys.executable, "-c", FAULTS], check=True, capture_output=True, text=True)
    default, tuned = json.loads(done.stdout)
    # glibc always maps blocks above 32 MB by default: one fault per page, 32 per block where pages are huge.
    assert default >= 20 * 32
    assert tuned < default / 20  # not one block was mapped anew
