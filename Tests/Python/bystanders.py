"""Callers that behave, beside those who don't: they must not notice."""

import threading
import time

TIMEOUT = 15
# A shared machine may stop for a moment, also a test's.
PATIENCE = 2.0


class Bystanders:
    """Each in a thread of its own, they go on asking, and note how long answers take.

    `callers` are functions that each make one: a function that asks once and checks the answer.
    """

    def __init__(self, callers, pause):
        self.slowest = 0.0
        self.answers = 0
        self.faults = []
        self.ending = False
        self.pause = pause
        self.threads = [threading.Thread(target=self.live, args=(caller,), daemon=True) for caller in callers]
        for thread in self.threads:
            thread.start()

    def live(self, caller):
        try:
            ask = caller()
            while not self.ending:
                started = time.monotonic()
                ask()
                self.slowest = max(self.slowest, time.monotonic() - started)
                self.answers += 1
                time.sleep(self.pause)
        except Exception as error:  # Told by `check`.
            self.faults.append(repr(error))

    def check(self):
        """All are still there, and none was kept waiting since the last time."""
        before, started = self.answers, time.monotonic()
        while self.answers < before + 2 * len(self.threads) and time.monotonic() - started < 4 * PATIENCE:
            time.sleep(0.02)
        slowest, self.slowest = self.slowest, 0.0
        assert not self.faults, self.faults
        assert self.answers > before, "nobody is answered"
        assert slowest < PATIENCE, f"an answer took {slowest:.2f} s"

    def end(self):
        self.ending = True
        for thread in self.threads:
            thread.join(TIMEOUT)
