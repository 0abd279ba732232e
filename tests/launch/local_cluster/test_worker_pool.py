"""The pool of Python workers that the nodes of a cluster share."""


def test_a_node_that_is_done_does_not_end_the_worker_of_another_one_of_the_same_name(tmp_path):
    """Nodes that share a pool each call their first worker 1-1."""
    from apache_beam.portability.api import beam_fn_api_pb2

    from tintmill.launch.local_cluster.worker_pool import SharedPool

    worker = tmp_path / "worker"
    worker.write_text("#!/bin/sh\nexec sleep 60\n")
    worker.chmod(0o755)
    pool = SharedPool(use_process=True, container_executable=str(worker))
    for _ in range(2):
        assert not pool.StartWorker(beam_fn_api_pb2.StartWorkerRequest(worker_id="1-1"), None).error
    both = list(pool._worker_processes.values())
    pool.StopWorker(beam_fn_api_pb2.StopWorkerRequest(worker_id="1-1"), None)
    assert len(both) == 2
    assert [process.poll() for process in both] == [None, None]
    for process in both:
        process.kill()
        process.wait()
