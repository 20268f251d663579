"""How soon a file that is complete is ours."""

import time
from collections.abc import Iterator

from bench.story import moments, wait_for_event
from bench.table import Row, limited
from bench.workshop import Workshop
from support.xml import patrons, user, users

DROPS = 5
SETTLE = 2.0
# Neither a divisor nor a multiple of the times at which the service looks by itself.
PAUSE = 1.37


def rows(workshop: Workshop) -> Iterator[Row]:
    """The longest that any of some drops had to wait, under the default scan interval."""
    inbox = {"settle": f"{SETTLE:g}s", "scan_interval": "5s"}
    workshop.say(f"dropping {DROPS} files")
    with workshop.installation(inbox=inbox) as service:
        service.start()
        waited = []
        for number in range(1, DROPS + 1):
            time.sleep(PAUSE)
            people = patrons(60 + number)
            service.drop(f"{number}.xml", users(*[user(person) for person in people]))
            dropped = time.time()
            wait_for_event(service, "file.claimed", number, patience=60)
            waited.append(moments(service, "file.claimed")[-1] - dropped)
    what = f"local drop → claimed, settle {SETTLE:g} s, slowest of {DROPS}"
    yield limited(what, max(waited), SETTLE + 1, "s")
