"""Checks what `tintmill prepare` hands on to Beam before a job is begun: misspelt flags, clusters out of reach."""

import argparse
import difflib
import importlib.util
import re
import shutil
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from apache_beam.options.pipeline_options import PipelineOptions

from tintmill.pipeline.beam.runners import LOCAL_RUNNER
from tintmill.pipeline.common import extras
from tintmill.pipeline.common.errors import TintmillError, WrongFlagError

_JOB_SERVERS_IN_JAVA = ("flink", "flinkrunner", "spark", "sparkrunner")
_DATAFLOW = ("dataflow", "dataflowrunner")
_ADDRESSES = ("flink_master", "spark_master_url", "job_endpoint")
_BEGUN_HERE = r"\[(auto|local)\]|local(\[.*\])?|embed"  # no addresses


def check(runner: str, flags: list[str], ours: Iterable[str]) -> None:
    """Refuses what Beam would drop in silence, or wait for.

    Args:
      ours: the names of prepare's own flags.
    Raises:
      TintmillError: naming the flag, and what is wanted or to be installed.
    """
    parser = _OneLineParser(prog="beam", add_help=False, allow_abbrev=False, conflict_handler="resolve")
    for options in {PipelineOptions, *PipelineOptions.__subclasses__()}:
        options._add_argparse_args(parser)  # the method that Beam documents for options of one's own
    known, unknown = parser.parse_known_args(flags)
    _check_unknown(runner, unknown, list(ours))
    if runner.lower() in _JOB_SERVERS_IN_JAVA and not shutil.which(known.job_server_java_launcher):
        raise TintmillError(
            f"--runner={runner}: no {known.job_server_java_launcher} on PATH, and its job server is written in Java; "
            "install a Java 17 runtime"
        )
    if runner.lower() in _DATAFLOW and not importlib.util.find_spec("google.cloud.dataflow_v1beta3"):
        # Beam asks the network first
        raise TintmillError(f"--runner={runner} wants Beam's Google Cloud parts: {extras.install_line('dataflow')}")
    for name in _ADDRESSES:
        _check_address(name, getattr(known, name) or "")


def _check_unknown(runner: str, unknown: list[str], ours: list[str]) -> None:
    """A cluster's job server may know flags that Beam's Python side does not; a misspelt one of ours is none."""
    if unknown and runner == LOCAL_RUNNER:
        raise WrongFlagError(f"{' '.join(unknown)}: no flag of `tintmill prepare`, nor of Beam")
    for flag in unknown:
        name = flag.lstrip("-").split("=")[0]
        near = difflib.get_close_matches(name.removeprefix("no"), ours, n=1, cutoff=0.75)
        if flag.startswith("-") and near:
            raise WrongFlagError(f"{flag}: no flag of `tintmill prepare`, nor of Beam; is --{near[0]} meant?")


def _check_address(name: str, address: str) -> None:
    """Beam waits five minutes for a cluster that is not there, and then says only that it waited."""
    if not address or re.fullmatch(_BEGUN_HERE, address):
        return
    url = urlsplit(address if "://" in address else f"//{address}")
    try:
        port = url.port or {"https": 443, "http": 80}.get(url.scheme)
        if port is None:
            raise WrongFlagError(f"--{name}={address}: wanted HOST:PORT")
        socket.create_connection((url.hostname, port), timeout=10).close()
    except (OSError, ValueError) as error:
        raise TintmillError(f"--{name}={address}: nothing answers there ({error}); is the cluster up?") from error


class _OneLineParser(argparse.ArgumentParser):
    def error(self, message: str):
        raise WrongFlagError(f"a flag for Beam: {message}")
