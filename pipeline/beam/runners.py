"""What runs the Beam job; known without importing Beam, which takes seconds."""

import dataclasses

LOCAL_RUNNER = "FnApiRunner"  # this machine


@dataclasses.dataclass(frozen=True)
class Runner:
    """What runs a job.

    `name`: of a Beam runner. `workers`: processes on this machine, 0 for one a core; other runners have flags of their
    own for that. `flags`: of Beam, as its command line takes them. `worker_timeout`: seconds that a process on this
    machine may go on without a sign of life.
    """

    name: str = LOCAL_RUNNER
    workers: int = 0
    flags: tuple[str, ...] = ()
    worker_timeout: float = 900.0
