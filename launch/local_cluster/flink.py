"""A Flink session cluster: a JobManager and TaskManagers with one slot each, and the pool of Python workers."""

from tintmill.launch.local_cluster import engines, processes
from tintmill.launch.local_cluster.standalone import StandaloneCluster

_MAIN = "org.apache.flink.runtime"
_JOB_MANAGER = f"{_MAIN}.entrypoint.StandaloneSessionClusterEntrypoint"
_TASK_MANAGER = f"{_MAIN}.taskexecutor.TaskManagerRunner"

# A TaskManager passes references on; the pictures are in the Python workers. Flink's start scripts would compute these
# sizes; a TaskManager that is started without them wants them given.
_MEMORY = {
    "taskmanager.cpu.cores": "1",
    "taskmanager.memory.framework.heap.size": "128m",
    "taskmanager.memory.framework.off-heap.size": "128m",
    "taskmanager.memory.task.heap.size": "128m",
    "taskmanager.memory.task.off-heap.size": "0",
    "taskmanager.memory.managed.size": "128m",
    "taskmanager.memory.network.min": "64m",
    "taskmanager.memory.network.max": "64m",
    "taskmanager.memory.jvm-metaspace.size": "256m",
    "taskmanager.memory.jvm-overhead.min": "192m",
    "taskmanager.memory.jvm-overhead.max": "192m",
}
_LOGGING = """rootLogger.level = WARN
rootLogger.appenderRef.console.ref = Console
appender.console.name = Console
appender.console.type = CONSOLE
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %p %c{1} %m%n
"""


class FlinkCluster(StandaloneCluster):
    """A JobManager, and TaskManagers that join it."""

    engine = engines.FLINK
    head = "job-manager"

    @property
    def flags(self) -> list[str]:
        return [
            "--runner=flink",
            f"--flink_master=localhost:{self.page}",
            f"--flink_job_server_jar={engines.job_server_jar(self.engine)}",
            f"--parallelism={self.count_workers()}",
            *self.pool_flags,
        ]

    def start_head(self) -> None:
        """Starts the JobManager."""
        self._write_config()
        self._start(self.head, _JOB_MANAGER, "-Xmx512m")

    def start_worker(self, number: int) -> None:
        """Starts TaskManager `number`, which has one slot."""
        name = f"task-manager-{number}"
        self._start(name, _TASK_MANAGER, "-Xmx256m", {"taskmanager.resource-id": name} | _MEMORY)

    def is_ready(self) -> bool:
        """Whether the JobManager answers."""
        return "flink-version" in self._overview()

    def count_workers(self) -> int | None:
        """How many slots there are, one in each TaskManager that has joined."""
        return self._overview().get("slots-total")

    def _start(self, name: str, main: str, heap: str, more: dict[str, str] | None = None) -> None:
        java = ["java", heap, *engines.add_opens(), f"-Dlog4j.configurationFile={self.group.folder}/log4j.properties"]
        values = [part for key, value in (more or {}).items() for part in ("-D", f"{key}={value}")]
        classes = ["-cp", engines.class_path(self.engine), main, "--configDir", str(self.group.folder)]
        self.group.start(name, [*java, *classes, *values])

    def _write_config(self) -> None:
        """Only this machine reaches the cluster: Flink runs whatever it is sent."""
        values = {
            "jobmanager.rpc.address": "localhost",
            "jobmanager.rpc.port": self.port,
            "jobmanager.bind-host": "localhost",
            "taskmanager.host": "localhost",
            "taskmanager.bind-host": "localhost",
            "rest.address": "localhost",
            "rest.bind-address": "localhost",
            "rest.port": self.page,
            "taskmanager.numberOfTaskSlots": 1,
            "io.tmp.dirs": self.group.folder,
            # A batch job without it ends with the first TaskManager that is lost.
            "restart-strategy.type": "fixed-delay",
            "restart-strategy.fixed-delay.attempts": 3,
            "restart-strategy.fixed-delay.delay": "2 s",
            # By default a lost TaskManager is noticed after 50 s, and its work is taken up only then.
            "heartbeat.interval": 2000,
            "heartbeat.timeout": 10000,
        }
        lines = "".join(f"{key}: {value}\n" for key, value in values.items())
        (self.group.folder / "config.yaml").write_text(lines)
        (self.group.folder / "log4j.properties").write_text(_LOGGING)

    def _overview(self) -> dict:
        """Flink's own overview; empty while it does not answer."""
        return processes.read_json(f"http://localhost:{self.page}/overview")
