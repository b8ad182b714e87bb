"""At a high rate for half a minute, with series that change, reloads and aborted scrapes: what the process holds stays flat.

`python -m tests.bench soak` does the same for ten minutes.
"""

import pytest

from tests.bench.soak import Soak

SECONDS = 30


@pytest.mark.slow
def test_at_a_high_rate_neither_memory_nor_objects_nor_descriptors_grow() -> None:
    soak = Soak()
    soak.run(SECONDS)
    last = soak.looks[-1]
    assert soak.failures == []
    assert (last.scrapes > 200, last.aborted > 200, last.reloads > 5) == (True, True, True), "too little was done to tell"
    assert soak.growth("objects") < 0.02 * last.objects, soak.looks
    assert soak.growth("megabytes") < 2, soak.looks
    assert soak.growth("descriptors") <= 2, soak.looks
