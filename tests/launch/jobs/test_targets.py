"""The targets: each reads fields of a job that have flags."""

import dataclasses

import pytest

from tintmill.launch.jobs import commands, targets
from tintmill.launch.jobs.job import Resources

ALL_FIELDS = {field.name for field in dataclasses.fields(Resources)}


@pytest.mark.parametrize("target", targets.TARGETS)
def test_a_target_reads_fields_that_have_flags_and_sees_some_files(target):
    module = targets.load(target)
    assert set(module.NEEDS) <= set(module.FIELDS) <= ALL_FIELDS
    assert set(module.COMMANDS) <= set(commands.COMMANDS)
    assert module.COMMANDS
    assert module.REACHES


def test_every_field_of_a_job_is_read_by_some_target():
    assert {field for target in targets.TARGETS for field in targets.load(target).FIELDS} == ALL_FIELDS
