"""A forked process is to a test what a new one is: exit codes, streams, signals, its group, its environment."""

import os
import signal
import subprocess
import sys

import pytest

from tests.support import helpers, warm_processes

IMPORTED = "import sys, os; assert 'tensorflow' in sys.modules; "  # fails in a new process, where it is not
SLEEP = IMPORTED + "import time; print('up', flush=True); time.sleep(99)"


def run(code: str, *arguments: str, **options) -> subprocess.CompletedProcess:
    line = [sys.executable, "-c", IMPORTED + code, *arguments]
    return warm_processes.run(line, helpers.TIMEOUT, text=True, **options)


def start(**options) -> subprocess.Popen:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = warm_processes.popen([sys.executable, "-c", SLEEP], **pipes, **options)
    assert process.stdout.readline() == "up\n"
    return process


def test_streams_arguments_folder_and_exit_code_are_its_own(tmp_path):
    code = "print(sys.argv[1:], os.getcwd(), __name__); print('bad', file=sys.stderr); sys.exit(7)"
    done = run(code, "a b", "--c", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (7, "bad\n")
    assert done.stdout == f"['a b', '--c'] {tmp_path} __main__\n"


def test_an_exception_is_a_traceback_and_code_1():
    done = run("raise ValueError('deliberate')")
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("ValueError: deliberate\n")


def test_a_text_as_exit_code_is_printed_and_code_1():
    done = run("sys.exit('deliberate')")
    assert (done.returncode, done.stderr) == (1, "deliberate\n")


def test_it_ends_with_its_threads_and_what_it_wants_done_at_its_end():
    code = "import atexit, threading, time; atexit.register(print, 'end'); "
    code += "threading.Thread(target=lambda: (time.sleep(0.3), print('thread'))).start(); sys.exit(3)"
    done = run(code)
    assert (done.returncode, done.stdout) == (3, "thread\nend\n")


def test_output_that_nobody_reads_is_an_error_as_in_a_new_process():
    reader, writer = os.pipe()
    os.close(reader)
    line = [sys.executable, "-c", "import sys; 'tensorflow'; sys.stdout.reconfigure(write_through=False); print(1)"]
    ends = []
    for start in (subprocess.Popen, warm_processes.popen):
        process = start(line, stdout=writer, stderr=subprocess.PIPE, text=True)
        ends.append((process.communicate(timeout=helpers.TIMEOUT)[1].split("\n")[-2], process.returncode))
    os.close(writer)
    assert ends == [("BrokenPipeError: [Errno 32] Broken pipe", 120)] * 2


def test_a_crash_is_the_signal_that_it_was():
    assert run("os.abort()").returncode == -signal.SIGABRT


def test_a_command_fails_as_in_a_new_process(tmp_path):
    line = helpers.command_line("train", f"--data={tmp_path}", f"--run={tmp_path / 'run'}")
    forked = warm_processes.run(line, helpers.TIMEOUT, text=True)
    with warm_processes.fresh_processes_only():
        fresh = warm_processes.run(line, helpers.TIMEOUT, text=True)
    assert (forked.returncode, forked.stdout, forked.stderr) == (fresh.returncode, fresh.stdout, fresh.stderr)
    assert forked.returncode == 1
    assert "manifest.json" in forked.stderr


def test_what_takes_too_long_is_killed():
    with pytest.raises(subprocess.TimeoutExpired):
        warm_processes.run([sys.executable, "-c", SLEEP], 0.5)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_signals_to_its_group_reach_it_alone(number):
    process = start(start_new_session=True)
    assert os.getpgid(process.pid) == os.getsid(process.pid) == process.pid
    os.killpg(process.pid, number)
    _, stderr = process.communicate(timeout=helpers.TIMEOUT)
    assert process.returncode == -number
    assert ("KeyboardInterrupt" in stderr) == (number == signal.SIGINT)


def test_it_is_a_child_in_the_group_of_this_process():
    process = start()
    assert os.getpgid(process.pid) == os.getpgid(0)
    process.terminate()
    process.communicate(timeout=helpers.TIMEOUT)
    assert process.returncode == -signal.SIGTERM


def test_its_environment_is_the_one_given():
    env = {name: value for name, value in os.environ.items() if name != "PATH"} | {"TF_CONFIG": "here"}
    assert run("print(os.environ.get('PATH'), os.environ['TF_CONFIG'])", env=env).stdout == "None here\n"


def test_an_environment_that_a_start_may_read_gets_a_new_process():
    done = run("", env=os.environ | {"PYTHONHASHSEED": "3"})
    assert done.returncode == 1
    assert "AssertionError" in done.stderr


def test_tensorflow_computes_in_two_processes_at_once():
    code = "import tensorflow as tf; print(int(tf.reduce_sum(tf.ones((64, 64)) @ tf.ones((64, 64)))))"
    line = [sys.executable, "-c", IMPORTED + code]
    both = [warm_processes.popen(line, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate(timeout=helpers.TIMEOUT)[0] for process in both] == ["262144\n"] * 2


def test_random_numbers_differ_between_processes():
    code = "import random, numpy; print(random.random(), numpy.random.random())"
    one, other = run(code).stdout.split(), run(code).stdout.split()
    assert one[0] != other[0]
    assert one[1] != other[1]
