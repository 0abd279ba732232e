"""The web command: mistakes are one line, and a run or a model file colours what a visitor sends."""

import contextlib
import io
import re
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support import exports, helpers, pages, training
from tests.support.stub_colorizer import picture
from tintmill.model.export import reader, writer
from tintmill.model.files.colour_file import Options, colour_bytes
from tintmill.pipeline.imaging import lab, photo


@pytest.mark.parametrize(
    ("flags", "parts"),
    [
        (["--run=a", "--model=b"], ["wanted one of the two"]),
        (["--run=/nowhere"], ["/nowhere: no dataset.json"]),
        (["--model=/nowhere"], ["--model=/nowhere: no such file"]),
        (["--run=a", "picture.jpg"], ["wanted flags only"]),
    ],
)
def test_mistakes_are_one_line_with_the_remedy(flags, parts):
    helpers.assert_one_line_error(helpers.tintmill("web", "--port=0", *flags), *parts)


def test_a_taken_port_is_told_before_the_network_is_loaded(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = helpers.tintmill("web", f"--run={tmp_path}", f"--port={port}")
    helpers.assert_one_line_error(refused, f"--port={port}", "cannot listen")


@contextlib.contextmanager
def running(*flags, env: dict | None = None):
    """(process, address) of the command itself; ended by SIGTERM."""
    process = helpers.start(helpers.command_line("web", "--port=0", *flags), env=env)
    line = process.stdout.readline()
    assert "this machine only" in line, line + process.communicate()[1]
    try:
        yield process, re.search(r"http://127\.0\.0\.1:\d+/", line).group()
    finally:
        helpers.kill_group(process, signal.SIGTERM)


@pytest.fixture(scope="module")
def exportable(tmp_path_factory) -> tuple:
    """A network with bins, and what its exports say of it."""
    return writer.of_run(exports.make_small_run(tmp_path_factory.mktemp("run")))


@pytest.fixture(scope="module")
def onnx(exportable, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "small.onnx"
    writer.write(*exportable, "onnx", str(path))
    return path


def test_a_model_file_colours_what_a_browser_sends(onnx, tmp_path):
    """From the file of `tintmill export` to the file on a visitor's disk, the temperature moved on the way."""
    data = picture(3, 300, 400, "PNG")
    with pages.open_browser() as browser, running(f"--model={onnx}") as (_, address):
        tab = pages.Tab(browser, address)
        tab.page.set_input_files("#files", [{"name": "old.png", "mimeType": "image/png", "buffer": data}])
        tab.page.locator(".item[data-phase=ready]").wait_for()
        tab.page.locator("#temperature").fill("0.1")
        tab.page.wait_for_selector("body:not([data-busy])")
        with tab.page.expect_download() as download:
            tab.page.locator("#download").click()
        download.value.save_as(tmp_path / download.value.suggested_filename)
        assert tab.errors == []
    wanted = colour_bytes(data, reader.load(str(onnx)), Options(temperature=0.1), photo.Limits(min_side=1), {})
    with Image.open(tmp_path / "old_coloured.png") as saved:
        assert "two_convolutions" in str(saved.info)
        assert np.array_equal(np.asarray(saved), np.asarray(Image.open(io.BytesIO(wanted.data))))
        assert np.linalg.norm(lab.rgb_to_lab(np.asarray(saved))[..., 1:], axis=-1).mean() > 5


@pytest.mark.slow
def test_a_model_file_that_is_cut_or_of_another_version_is_one_line(exportable, onnx, tmp_path):
    cut, other = tmp_path / "cut.onnx", tmp_path / "other.onnx"
    cut.write_bytes(onnx.read_bytes()[:-100])
    network, description = exportable
    writer.write(network, description | {"version": 9}, "onnx", str(other))
    helpers.assert_one_line_error(helpers.tintmill("web", "--port=0", f"--model={cut}"), f"--model={cut}", "cut off")
    refused = helpers.tintmill("web", "--port=0", f"--model={other}")
    helpers.assert_one_line_error(refused, f"--model={other}", "version 9", "export it again")


@pytest.mark.slow
def test_a_trained_run_colours_what_is_dropped_and_leaves_no_file(plain_dataset, runs, tmp_path):
    """The command itself with a network that has bins; its temporary folder stays empty."""
    run = training.trained(plain_dataset, runs / "web", "toy_dropout", "--steps=5", "--loss=bins")
    folder = tmp_path / "temporary"
    folder.mkdir()
    with running(f"--run={run}", env={"TMPDIR": str(folder)}) as (process, address):
        visitor = pages.Visitor(address)
        with ThreadPoolExecutor(10) as pool:
            answers = list(pool.map(lambda seed: visitor.ask("pictures", picture(seed)), range(10)))
        assert [answer.status for answer in answers] == [201] * 10
        for what, asked in (("view", {"temperature": 0.9}), ("download", {})):
            answer = visitor.post(f"pictures/{answers[0].json['id']}/{what}", asked)
            assert pages.open_image(answer).size == (96, 72)
    assert process.returncode == 143
    assert not [path for path in Path(folder).rglob("*") if path.is_file()]
