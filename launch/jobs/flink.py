"""Flink on Kubernetes, by the Flink Kubernetes Operator: a session cluster, and the Job that submits to it.

The image of a TaskManager has no Python. So a second container in its pod holds Beam's worker pool, which starts the
Python workers. Submitting takes Java and Beam's job server; the image of `Containerfile` has both.
"""

import dataclasses

from tintmill.launch.jobs import manifests
from tintmill.launch.jobs.job import Job
from tintmill.launch.jobs.manifests import REACHES, check, reaches

COMMANDS = ("prepare",)
FIELDS = ("workers", "cpus", "memory", "image", "namespace", "claim", "mount", "service_account")
NEEDS = ("image",)
__all__ = ["COMMANDS", "FIELDS", "NEEDS", "REACHES", "check", "job_file", "reaches"]

FLINK = "1.19"
_POOL_PORT = 50000
JOB_SERVER = "/opt/tintmill/job-server.jar"  # as in Containerfile
# The submitting pod lists the pictures, and takes 300 bytes a record to find duplicates.
_DRIVER_CPUS = 2
_DRIVER_MEMORY = 8  # GiB
_ATTEMPTS = 6


def job_file(job: Job) -> str:
    comment = f"""Needs the Flink Kubernetes Operator. Submit: kubectl apply -f FILE
After a failure: kubectl replace --force -f FILE
The Flink cluster stays until it is removed: kubectl delete -f FILE.
Log: kubectl logs --namespace={job.namespace} --follow job/{job.name}"""
    return manifests.as_yaml(comment, _cluster(job), _submission(job))


def _cluster_name(job: Job) -> str:
    return f"{job.name}-flink"


def _cluster(job: Job) -> dict:
    """A session cluster of fixed size: `workers` TaskManagers with a slot a CPU."""
    return {
        "apiVersion": "flink.apache.org/v1beta1",
        "kind": "FlinkDeployment",
        "metadata": manifests.metadata(job, _cluster_name(job)),
        "spec": {
            "image": f"flink:{FLINK}",
            "flinkVersion": f"v{FLINK.replace('.', '_')}",
            "mode": "standalone",
            "serviceAccount": job.service_account or "flink",  # installing the operator makes this account
            "flinkConfiguration": {"taskmanager.numberOfTaskSlots": str(job.cpus)},
            "jobManager": {"resource": _java()},
            "taskManager": {"replicas": job.workers, "resource": _java(), "podTemplate": {"spec": _pod(job)}},
        },
    }


def _java() -> dict:
    """What Flink's own processes get. They pass references on; the pictures are in the Python workers."""
    return {"memory": "2048m", "cpu": 1}


def _pod(job: Job) -> dict:
    volumes = manifests.shared_folder(job)
    pool = {
        "name": "worker-pool",
        "image": job.image,
        "command": ["python", "-m", "apache_beam.runners.worker.worker_pool_main", f"--service_port={_POOL_PORT}"],
        "ports": [{"containerPort": _POOL_PORT}],
        "resources": manifests.resources(job),
        "volumeMounts": manifests.mounts(volumes, job),
    }
    return {"containers": [{"name": "flink-main-container"}, pool], "volumes": volumes}


def _submission(job: Job) -> dict:
    driver = [
        "--runner=FlinkRunner",
        f"--flink_master={_cluster_name(job)}-rest:8081",
        f"--flink_version={FLINK}",
        f"--flink_job_server_jar={JOB_SERVER}",
        "--environment_type=EXTERNAL",
        f"--environment_config=localhost:{_POOL_PORT}",
        f"--parallelism={job.workers * job.cpus}",
        f"--sdk_worker_parallelism={job.cpus}",  # Python processes of a TaskManager; one process keeps one core busy
    ]
    small = dataclasses.replace(job, cpus=_DRIVER_CPUS, memory=_DRIVER_MEMORY)
    return manifests.command_job(small, job.arguments(*driver), _ATTEMPTS)
