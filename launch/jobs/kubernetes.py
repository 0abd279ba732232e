"""Kubernetes: an indexed Job with a pod for each worker, and TF_CONFIG from the pods' numbers and names.

It is an indexed Job and not a JobSet, because every cluster has it. A worker that is stopped or dies ends all workers,
with another code than 0. So the Job starts all of them again, and they go on from the newest checkpoint. A pod that is
killed in the moment when all others are done is started again too, and may wait for them.

SIGTERM that is answered with 0, as without `--stopped_code`, would count as a worker that is done.
"""

import json

from tintmill.launch.jobs import manifests
from tintmill.launch.jobs.job import Job
from tintmill.launch.jobs.manifests import REACHES, check, reaches

COMMANDS = ("prepare", "train")
FIELDS = ("workers", "cpus", "memory", "gpus", "image", "namespace", "claim", "mount", "service_account")
NEEDS = ("image",)
__all__ = ["COMMANDS", "FIELDS", "NEEDS", "REACHES", "check", "job_file", "reaches"]

_PORT = 2222
_ATTEMPTS = 5
_INDEX = "batch.kubernetes.io/job-completion-index"


def job_file(job: Job) -> str:
    comment = f"""Submit: kubectl apply -f FILE. After a failure: kubectl replace --force -f FILE
Remove: kubectl delete -f FILE
Log of the first worker: kubectl logs --namespace={job.namespace} --follow job/{job.name}"""
    services = [_service(job)] if job.workers > 1 else []
    return manifests.as_yaml(comment, *services, _indexed_job(job))


def _indexed_job(job: Job) -> dict:
    several = {"completionMode": "Indexed", "completions": job.workers, "parallelism": job.workers}
    pod = {"subdomain": job.name} if job.workers > 1 else {}
    env = _tf_config(job) if job.workers > 1 else []
    own = [f"--workers={job.cpus}"] if job.command == "prepare" else []
    failures = _ATTEMPTS * job.workers  # a worker that dies takes the others with it
    return manifests.command_job(job, job.arguments(*own), failures, spec=several, pod=pod, env=env)


def _service(job: Job) -> dict:
    """A Service without an address of its own, which gives each pod the name JOB-INDEX.JOB before the pod is ready."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": manifests.metadata(job, job.name),
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": {"app.kubernetes.io/instance": job.name},
            "ports": [{"name": "grpc", "port": _PORT}],
        },
    }


def _tf_config(job: Job) -> list[dict]:
    """The environment of a pod. The kubelet replaces $(NAME) by the value of a variable that comes before.

    JOB_COMPLETION_INDEX cannot be used for that: Kubernetes adds it after all other variables.
    """
    hosts = [f"{job.name}-{number}.{job.name}:{_PORT}" for number in range(job.workers)]
    task = '{"type": "worker", "index": $(WORKER)}'
    return [
        {"name": "WORKER", "valueFrom": {"fieldRef": {"fieldPath": f"metadata.annotations['{_INDEX}']"}}},
        {"name": "TF_CONFIG", "value": f'{{"cluster": {json.dumps({"worker": hosts})}, "task": {task}}}'},
    ]
