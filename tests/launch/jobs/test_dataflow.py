"""Job files for Dataflow: one command line, and what is missing is told before anything is sent."""

import shlex
import subprocess
import sys

from tests.support.helpers import ROOT, TIMEOUT, last_line
from tests.support.jobs import PREPARE, preparing
from tintmill.launch.jobs import dataflow


def test_a_dataflow_script_is_one_command_line_quoted():
    job = preparing(project="p", region="r", bucket="b", workers=9, setup_file="/my checkout/setup.py")
    text = dataflow.job_file(job)
    words = shlex.split(text.partition("exec ")[2].replace("\\\n", " "))
    assert words[:3] == ["tintmill", "prepare", "--runner=DataflowRunner"]
    assert {"--setup_file=/my checkout/setup.py", "--max_num_workers=9", "--temp_location=gs://b/tintmill/temp"} <= {
        *words
    }
    assert words[-4:] == list(PREPARE[1:])


def test_dataflow_without_beams_google_parts_says_what_to_install(tmp_path):
    """At once; Beam itself would look for credentials in the network first."""
    hide = "import sys; sys.modules['google.cloud.dataflow_v1beta3'] = None; from tintmill.launch import cli; "
    options = ["--runner=DataflowRunner", "--project=p", "--region=r", "--temp_location=gs://b/temp"]
    line = [sys.executable, "-c", f"{hide}sys.exit(cli.main(sys.argv[1:]))", *PREPARE, *options, "--embedder=none"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=TIMEOUT, cwd=ROOT, check=False)
    assert done.returncode == 1
    assert "[dataflow]" in last_line(done.stderr)
