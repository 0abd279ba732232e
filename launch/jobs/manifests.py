"""Parts that the job files for Kubernetes share: YAML, pods, and a Job that is started again until it is done."""

from collections.abc import Mapping, Sequence

import yaml

from tintmill.launch.jobs.job import GRACE, STOPPED, TERMINATED, WRONG_FLAGS, Job, is_bucket

CONTAINER = "tintmill"
REACHES = "gs://BUCKET/..., or a folder below --mount with --claim"


def reaches(job: Job, path: str) -> bool:
    return is_bucket(path) or bool(job.claim and f"{path}/".startswith(f"{job.mount}/"))


def check(job: Job) -> None:
    """A cluster's own limits are not known here."""


def as_yaml(comment: str, *documents: dict) -> str:
    """The documents in one file, below a comment."""
    head = "".join(f"# {line}\n" for line in comment.strip().splitlines())
    return head + yaml.safe_dump_all(documents, sort_keys=False, width=120, explicit_start=len(documents) > 1)


def metadata(job: Job, name: str) -> dict:
    return {"name": name, "namespace": job.namespace, "labels": {"app.kubernetes.io/name": "tintmill"}}


def command_job(
    job: Job,
    arguments: Sequence[str],
    failures: int,
    *,
    spec: Mapping[str, object] | None = None,
    pod: Mapping[str, object] | None = None,
    env: Sequence[Mapping[str, object]] = (),
) -> dict:
    """A Job that runs the command, and starts it again when it was stopped or has failed.

    Args:
      arguments: the words behind `tintmill`.
      failures: the Job ends after so many. A command that was stopped has not failed.
      spec: more of the Job's specification.
      pod: more of its pods' specification.
      env: environment variables of the container.
    """
    volumes = [*shared_folder(job), *_shared_memory(job)]
    container = {
        "name": CONTAINER,
        "image": job.image,
        "command": ["tintmill"],
        "args": list(arguments),
        "env": list(env),
    }
    container |= {"resources": resources(job), "volumeMounts": mounts(volumes, job)}
    pod_spec = {"restartPolicy": "Never", "terminationGracePeriodSeconds": GRACE, **(pod or {}), **_account(job)}
    pod_spec |= {"containers": [container], "volumes": volumes}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(job, job.name),
        "spec": {
            **(spec or {}),
            "backoffLimit": failures,
            "podFailurePolicy": {"rules": _failure_rules()},
            "template": {"metadata": {"labels": {"app.kubernetes.io/instance": job.name}}, "spec": pod_spec},
        },
    }


def _failure_rules() -> list[dict]:
    """Wrong flags end the Job, because they stay wrong. A worker that was stopped, or whose node was drained or taken
    away, does not count as failed."""

    def exits(*codes: int) -> dict:
        return {"onExitCodes": {"containerName": CONTAINER, "operator": "In", "values": list(codes)}}

    disrupted = {"onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    return [
        {"action": "FailJob", **exits(WRONG_FLAGS)},
        {"action": "Ignore", **exits(STOPPED, TERMINATED)},
        {"action": "Ignore", **disrupted},
    ]


def resources(job: Job) -> dict:
    wanted = {"cpu": str(job.cpus), "memory": f"{job.memory}Gi"}
    limits = {"memory": wanted["memory"]} | ({"nvidia.com/gpu": str(job.gpus)} if job.gpus else {})
    return {"requests": wanted, "limits": limits}


def _account(job: Job) -> dict:
    return {"serviceAccountName": job.service_account} if job.service_account else {}


def shared_folder(job: Job) -> list[dict]:
    """The volume with the shared folder, if the job has one."""
    return [{"name": "shared", "persistentVolumeClaim": {"claimName": job.claim}}] if job.claim else []


def _shared_memory(job: Job) -> list[dict]:
    """Memory for /dev/shm, of which a container has 64 MB: NCCL passes gradients between GPUs through it."""
    return [{"name": "memory", "emptyDir": {"medium": "Memory"}}] if job.gpus > 1 else []


def mounts(volumes: list[dict], job: Job) -> list[dict]:
    places = {"shared": job.mount, "memory": "/dev/shm"}
    return [{"name": volume["name"], "mountPath": places[volume["name"]]} for volume in volumes]
