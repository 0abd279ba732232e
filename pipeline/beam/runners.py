"""What runs the Beam job; known without importing Beam, which takes seconds."""

import dataclasses

LOCAL_RUNNER = "FnApiRunner"  # this machine


@dataclasses.dataclass(frozen=True)
class Runner:
    """What runs a job.

    `name`: of a Beam runner. `workers`: processes on this machine, 0 for one a core; other runners have flags of their
    own for that. `flags`: of Beam, as its command line takes them.
    """

    name: str = LOCAL_RUNNER
    workers: int = 0
    flags: tuple[str, ...] = ()
