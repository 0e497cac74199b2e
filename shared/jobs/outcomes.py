"""The exceptions by which a job's function says how its attempt should end."""


class Outcome(Exception):
    """Raised inside a job: what was written in this attempt's open transaction is rolled back."""


class Release(Outcome):
    """Put the job back for some seconds; burns no try. `reason` is shown while it waits."""

    def __init__(self, seconds: float, reason: str) -> None:
        super().__init__(reason)
        self.seconds = seconds


class EndChain(Outcome):
    """A business "no", not a failure: this job succeeds, the rest of its chain is cancelled, nobody is alarmed."""


class Skip(Outcome):
    """There is nothing to do: the job succeeds, its chain and its batch go on. The reason is kept."""


class Fail(Outcome):
    """Fail for good now, whatever tries are left."""


class Fenced(Exception):
    """This attempt lost its lease to another: whatever it wanted to write was rolled back."""
