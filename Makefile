# Needs Python 3.11, git and make; everything else goes into .venv, exactly as requirements/product.lock says.
PYTHON ?= python3.11
PHOTOS ?=
KILLS ?= 20
BIN := .venv/bin
UV := .venv/lock/bin/uv
GCS_SERVER := github.com/fsouza/fake-gcs-server@v1.56.1
PYTEST := python -m pytest --numprocesses=auto --dist=loadfile --no-loadscope-reorder
COMPILE := $(UV) pip compile --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate

# An editable install goes by an import hook, which editors and type checkers do not follow. These links they follow.
define link
rm -rf $(1)/links && mkdir -p $(1)/links/tintmill
ln -s $(addprefix $(CURDIR)/,launch/interface/__init__.py pipeline model trainer launch) $(1)/links/tintmill/
echo $(CURDIR)/$(1)/links > $$($(1)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/tintmill_links.pth
endef

.PHONY: audit licences sbom demo test test-all test-faults test-kills test-cluster lint format bench bench-train bench-peers bench-cluster install-default lock lock-bench lock-cluster lock-engines clean

demo: .venv/done ## the whole way on a handful of photographs; PHOTOS=DIR for your own
	$(BIN)/tintmill demo $(if $(PHOTOS),--photos=$(PHOTOS))

test: .venv/done $(BIN)/fake-gcs-server ## the quick tests, some minutes; says at its end how many there are in all
	$(BIN)/$(PYTEST) -m "not slow and not faults and not cluster"

test-all: .venv/done $(BIN)/fake-gcs-server ## all tests but the long fault tests and those of clusters
	$(BIN)/$(PYTEST) -m "not faults and not cluster"

test-faults: .venv/done ## kills, races, full disks: long
	$(BIN)/$(PYTEST) -m faults

test-kills: .venv/done ## KILLS=N faults at random moments of prepare and as many kills of train; a minute each
	TINTMILL_KILLS=$(KILLS) $(BIN)/python -m pytest -q -s -m faults -k random_moments tests/faults

test-cluster: .venv-cluster/done ## prepare on Flink and Spark, job files against schemas, Slurm where it is installed
	@for program in java mvn; do command -v $$program > /dev/null || \
	{ echo "make test-cluster: no $$program on PATH; wanted Java 17 and Maven"; exit 1; }; done
	.venv-cluster/bin/$(PYTEST) -m cluster

lint: .venv/done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: .venv/done
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/done ## the numbers of tests/bench/README.md, with the machine they were measured on
	$(BIN)/python -m tests.bench.run

bench-train: .venv/done ## of these the training side alone: reading, the step
	$(BIN)/python -m tests.bench.run read step

bench-peers: .venv-bench/done ## for the benchmark of reading: readers of other projects, 6 GB in .venv-bench

lock: $(UV) ## requirements/product.lock anew from the ranges of setup.py
	$(COMPILE) setup.py --extra demo --extra test --output-file requirements/product.lock

lock-bench: $(UV) ## requirements/bench.lock anew from the ranges of tests/bench/peers.in
	$(COMPILE) tests/bench/peers.in --output-file requirements/bench.lock

lock-cluster: $(UV) ## requirements/cluster.lock anew from setup.py and tests/cluster/requirements.in
	$(COMPILE) setup.py tests/cluster/requirements.in --extra dataflow --extra test --output-file requirements/cluster.lock

lock-engines: .venv/done ## launch/local_cluster/*.sha256 anew: what Maven fetches for Beam's job servers
	$(BIN)/python -m tintmill.launch.local_cluster.engines

bench-cluster: .venv/done ## prepare on Flink and Spark of this machine beside its own runner
	$(BIN)/python -m tests.bench.run cluster

install-default: .venv/done ## FILE=default.onnx VERSION=1.0: an export becomes the model of the package; SCORES="LABEL=FILE ..."
	$(BIN)/tintmill models --built_in --name=default --install=$(FILE) --version=$(VERSION) \
	--description="Photographs of all kinds; takes hints." --notes=model/builtin/default.notes.md $(SCORES:%=--scores=%)

audit: .venv/done ## known vulnerabilities of what is locked; without a network it says that nothing was checked
	@$(BIN)/python -m venv .venv/audit && .venv/audit/bin/pip install --quiet --retries 1 pip-audit==2.10.1 2> /dev/null || true
	@$(BIN)/python requirements/audit.py vulnerabilities .venv/audit/bin/pip-audit

licences: .venv/done ## requirements/licences.md anew: what is installed, under which licence
	$(BIN)/python requirements/audit.py licences

sbom: .venv/done ## dist/: the wheel, and beside it the list of its parts as CycloneDX
	$(BIN)/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	$(BIN)/python requirements/audit.py sbom dist/tintmill.cdx.json

clean:
	rm -rf .venv .venv-bench .venv-cluster demo build *.egg-info

.venv/done: requirements/product.lock setup.py
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --no-deps --require-hashes --requirement requirements/product.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	$(call link,.venv)
	$(BIN)/python -c "from tintmill.model.prediction import spread; spread.load_loops()" # compiled now: no picture waits
	touch $@

# What tests of gs:// run against; Go's checksum database holds the version to its bytes.
$(BIN)/fake-gcs-server: .venv/done
	@if command -v go > /dev/null; then GOBIN=$(abspath $(BIN)) go install $(GCS_SERVER); \
	else echo "no Go here: tests of gs:// will be skipped"; fi

.venv-bench/done: requirements/bench.lock
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/pip install --quiet --no-deps --require-hashes --requirement requirements/bench.lock
	touch $@

.venv-cluster/done: requirements/cluster.lock setup.py
	$(PYTHON) -m venv .venv-cluster
	.venv-cluster/bin/pip install --quiet --no-deps --require-hashes --requirement requirements/cluster.lock
	.venv-cluster/bin/pip install --quiet --no-deps --no-build-isolation --editable .
	$(call link,.venv-cluster)
	touch $@

$(UV): .venv/done
	$(BIN)/python -m venv .venv/lock
	.venv/lock/bin/pip install --quiet uv
