"""The pool of Python workers that the nodes of a cluster on one machine share; `python -m` this, with --service_port.

Each node numbers its own workers, so that workers of two nodes may have one name. Beam's pool knows workers by name: a
node that is done would end the worker of another node in mid-work. This pool ends no worker by name. A worker ends by
itself when its node closes their connection, or dies.
"""

import sys
import threading

from apache_beam.portability.api import beam_fn_api_pb2
from apache_beam.runners.worker import worker_pool_main

from tintmill.pipeline.beam.loopback import listening_on_loopback


class SharedPool(worker_pool_main.BeamFnExternalWorkerPoolServicer):
    """Beam's pool, which keeps each process under a name of its own, so that all of them end with the pool."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self._starting = threading.Lock()

    def StartWorker(self, start_worker_request, unused_context):
        with self._starting:
            answer = super().StartWorker(start_worker_request, unused_context)
            process = self._worker_processes.pop(start_worker_request.worker_id, None)
            if process:
                self._worker_processes[f"{start_worker_request.worker_id}, process {process.pid}"] = process
        return answer

    def StopWorker(self, stop_worker_request, unused_context):
        return beam_fn_api_pb2.StopWorkerResponse()


if __name__ == "__main__":
    worker_pool_main.BeamFnExternalWorkerPoolServicer = SharedPool
    with listening_on_loopback():
        worker_pool_main.main(sys.argv)
