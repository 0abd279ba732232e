"""A Spark standalone cluster: a master and workers with one core each, and the pool of Python workers."""

from collections.abc import Mapping

from tintmill.launch.local_cluster import engines, processes

_MAIN = "org.apache.spark.deploy"


class SparkCluster:
    """A cluster whose processes are in `group`. `flags` are those with which `tintmill prepare` runs there."""

    engine = engines.SPARK

    def __init__(self, group: processes.Processes, workers: int, env: Mapping[str, str] | None = None):
        """Starts the cluster, with `workers` workers, and waits until all of them have joined.

        Args:
          env: environment of the Python workers, beside that of this process.
        Raises:
          TintmillError: a process did not start.
        """
        self.group = group
        self._master, self._page, self.pool = processes.free_ports(3)
        ports = ["--host", "localhost", "--port", str(self._master), "--webui-port", str(self._page)]
        self._start("master", "master.Master", *ports)
        self.group.wait_until("master", lambda: self._overview().get("status") == "ALIVE")
        for number in range(workers):
            self.start_worker(number)
        processes.start_worker_pool(group, self.pool, env)
        self.group.wait_until("master", lambda: self._overview().get("aliveworkers") == workers)

    @property
    def flags(self) -> list[str]:
        return [
            "--runner=spark",
            f"--spark_master_url=spark://localhost:{self._master}",
            f"--spark_job_server_jar={engines.job_server_jar(self.engine)}",
            "--job_server_jvm_properties=-Dspark.driver.host=localhost",
            "--job_server_jvm_properties=-Dspark.driver.bindAddress=127.0.0.1",
            "--environment_type=EXTERNAL",
            f"--environment_config=localhost:{self.pool}",
        ]

    def start_worker(self, number: int) -> None:
        """Starts worker `number`, which starts an executor for each job."""
        name = f"worker-{number}"
        limits = ["--host", "localhost", "--cores", "1", "--memory", "1g", "--webui-port", "0"]
        folder = ["--work-dir", str(self.group.folder / name)]
        self._start(name, "worker.Worker", f"spark://localhost:{self._master}", *limits, *folder)

    def _start(self, name: str, main: str, *arguments: str) -> None:
        # Spark tells its Scala version by a file that the release on PyPI does not have, unless it is given here.
        home = engines.home(self.engine) / "engine" / "deps"
        env = {"SPARK_HOME": str(home), "SPARK_SCALA_VERSION": "2.12", "SPARK_LOCAL_IP": "127.0.0.1"}
        java = ["java", "-Xmx512m", *engines.add_opens(), "-cp", engines.class_path(self.engine)]
        self.group.start(name, [*java, f"{_MAIN}.{main}", *arguments], env)

    def _overview(self) -> dict:
        """The master's own overview; empty while it does not answer."""
        return processes.read_json(f"http://localhost:{self._page}/json/")
