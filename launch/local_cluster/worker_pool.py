"""The pool of Python workers that the nodes of a cluster on one machine share; `python -m` this, with --service_port.

Each node numbers its own workers, so that two nodes have workers of one name. Beam's pool knows workers by name: a
node that is done would end another one's in mid-work. Here none is ended by name: a worker ends by itself where the
node that it serves closes their connection, as when a node dies.
"""

import sys
import threading

from apache_beam.portability.api import beam_fn_api_pb2
from apache_beam.runners.worker import worker_pool_main


class SharedPool(worker_pool_main.BeamFnExternalWorkerPoolServicer):
    """Beam's pool; its processes under names of their own, so that all of them end with it."""

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
    worker_pool_main.main(sys.argv)
