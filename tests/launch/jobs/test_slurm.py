"""Job files for Slurm: what the script starts. Slurm itself runs them in tests/cluster."""

from tests.support.jobs import training
from tintmill.launch.jobs import slurm


def test_one_task_needs_no_addresses_and_several_tell_each_other_theirs():
    assert "HOSTS" not in slurm.job_file(training())
    assert "HOSTS" in slurm.job_file(training(workers=2))
