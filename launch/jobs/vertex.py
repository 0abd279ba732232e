"""Vertex AI: a custom job of one chief and further workers, each with its GPUs.

Vertex AI sets TF_CONFIG itself, and calls the machine of the first pool the chief. A bucket is also the folder
/gcs/BUCKET there.
"""

from tintmill.launch.jobs import google_cloud
from tintmill.launch.jobs.job import Job, is_bucket
from tintmill.launch.jobs.manifests import as_yaml

COMMANDS = ("train",)
FIELDS = ("workers", "gpus", "gpu_type", "machine_type", "image", "project", "region", "service_account")
NEEDS = ("image", "project", "region")
REACHES = "gs://BUCKET/... or /gcs/BUCKET/..."


def reaches(job: Job, path: str) -> bool:
    return is_bucket(path) or path.startswith("/gcs/")


def check(job: Job) -> None:
    google_cloud.check_region(job.region)
    google_cloud.check_gpus(job.machine_type, job.gpu_type, job.gpus)


def job_file(job: Job) -> str:
    comment = f"""Submit, or go on after an end (a job that was stopped counts as failed here, and is not finished):
gcloud ai custom-jobs create --project={job.project} --region={job.region} --display-name={job.name} --config=FILE"""
    return as_yaml(comment, _custom_job(job))


def _custom_job(job: Job) -> dict:
    """A CustomJobSpec. The first pool is one machine, the chief; the second pool has the other workers."""
    pools = [_pool(job, 1)] + ([_pool(job, job.workers - 1)] if job.workers > 1 else [])
    account = {"serviceAccount": job.service_account} if job.service_account else {}
    return {"workerPoolSpecs": pools, "scheduling": {"restartJobOnWorkerRestart": True}, **account}


def _pool(job: Job, replicas: int) -> dict:
    accelerators = {"acceleratorType": job.gpu_type, "acceleratorCount": job.gpus} if job.gpus else {}
    return {
        "machineSpec": {"machineType": job.machine_type, **accelerators},
        "replicaCount": replicas,
        "containerSpec": {"imageUri": job.image, "command": ["tintmill"], "args": job.arguments()},
    }
