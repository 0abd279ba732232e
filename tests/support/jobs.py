"""Shared by the tests of job files: command lines, and jobs that run them."""

from tintmill.launch.jobs.job import Job

TRAIN = ("train", "--data=/shared/data/mine/1.0.0", "--run=/shared/runs/first", "--network=tint")
PREPARE = ("prepare", "--input=gs://b/photos", "--output=gs://b/data", "--name=mine", "--size=64")
KUBERNETES = ("--target=kubernetes", "--image=registry/tintmill", "--claim=disk")


def training(**fields) -> Job:
    return Job("train", TRAIN[1:], "first", image="registry/tintmill", claim="disk", **fields)


def preparing(**fields) -> Job:
    return Job("prepare", PREPARE[1:], "mine", image="registry/tintmill", **fields)
