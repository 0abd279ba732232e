"""Kubernetes: an indexed Job, a pod a worker; TF_CONFIG from the pods' numbers and names.

An indexed Job and not a JobSet, because every cluster has it. A worker that is stopped or dies ends all of them with
another code than 0, so the Job starts them all again, and they go on from the newest checkpoint.

SIGTERM that is answered with 0, as without `--stopped_code`, would count as a worker that is done.
"""

import json

from tintmill.launch.jobs import manifests
from tintmill.launch.jobs.job import Job
from tintmill.launch.jobs.manifests import REACHES, reaches

COMMANDS = ("prepare", "train")
FLAGS = ("workers", "cpus", "memory", "gpus", "image", "namespace", "claim", "mount", "service_account")
NEEDS = ("image",)
__all__ = ["COMMANDS", "FLAGS", "NEEDS", "REACHES", "job_file", "reaches"]

_PORT = 2222
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
    failures = 5 * job.workers  # one that dies takes the others with it
    return manifests.command_job(job, job.arguments(*own), failures, several, pod, env)


def _service(job: Job) -> dict:
    """Without an address of its own: it gives each pod a name, JOB-INDEX.JOB, before the pod is ready."""
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
    """The environment; the kubelet puts a variable's value in place of $(NAME) where NAME comes before.

    Not JOB_COMPLETION_INDEX: Kubernetes adds that one after all others.
    """
    hosts = [f"{job.name}-{number}.{job.name}:{_PORT}" for number in range(job.workers)]
    task = '{"type": "worker", "index": $(WORKER)}'
    return [
        {"name": "WORKER", "valueFrom": {"fieldRef": {"fieldPath": f"metadata.annotations['{_INDEX}']"}}},
        {"name": "TF_CONFIG", "value": f'{{"cluster": {json.dumps({"worker": hosts})}, "task": {task}}}'},
    ]
