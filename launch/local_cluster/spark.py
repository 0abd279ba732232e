"""A Spark standalone cluster: a master and workers with one core each, and the pool of Python workers."""

from tintmill.launch.local_cluster import engines, processes
from tintmill.launch.local_cluster.standalone import StandaloneCluster

_MAIN = "org.apache.spark.deploy"


class SparkCluster(StandaloneCluster):
    """A master, and workers that join it."""

    engine = engines.SPARK
    head = "master"

    @property
    def flags(self) -> list[str]:
        return [
            "--runner=spark",
            f"--spark_master_url=spark://localhost:{self.port}",
            f"--spark_job_server_jar={engines.job_server_jar(self.engine)}",
            "--job_server_jvm_properties=-Dspark.driver.host=localhost",
            "--job_server_jvm_properties=-Dspark.driver.bindAddress=127.0.0.1",
            *self.pool_flags,
        ]

    def start_head(self) -> None:
        """Starts the master."""
        ports = ["--host", "localhost", "--port", str(self.port), "--webui-port", str(self.page)]
        self._start(self.head, "master.Master", *ports)

    def start_worker(self, number: int) -> None:
        """Starts worker `number`, which starts an executor for each job."""
        name = f"worker-{number}"
        limits = ["--host", "localhost", "--cores", "1", "--memory", "1g", "--webui-port", "0"]
        folder = ["--work-dir", str(self.group.folder / name)]
        self._start(name, "worker.Worker", f"spark://localhost:{self.port}", *limits, *folder)

    def is_ready(self) -> bool:
        """Whether the master says that it is alive."""
        return self._overview().get("status") == "ALIVE"

    def count_workers(self) -> int | None:
        """How many workers have joined and are alive."""
        return self._overview().get("aliveworkers")

    def _start(self, name: str, main: str, *arguments: str) -> None:
        # Spark tells its Scala version by a file that the release on PyPI does not have, unless it is given here.
        home = engines.home(self.engine) / "engine" / "deps"
        env = {"SPARK_HOME": str(home), "SPARK_SCALA_VERSION": "2.12", "SPARK_LOCAL_IP": "127.0.0.1"}
        java = ["java", "-Xmx512m", *engines.add_opens(), "-cp", engines.class_path(self.engine)]
        self.group.start(name, [*java, f"{_MAIN}.{main}", *arguments], env)

    def _overview(self) -> dict:
        """The master's own overview; empty while it does not answer."""
        return processes.read_json(f"http://localhost:{self.page}/json/")
