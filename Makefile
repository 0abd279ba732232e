# Needs Python 3.11, git and make; everything else goes into .venv, exactly as requirements.lock says.
PYTHON ?= python3.11
PHOTOS ?=
BIN := .venv/bin

.PHONY: demo test test-faults lint format bench lock clean

demo: .venv/done ## the whole way on a handful of photographs; PHOTOS=DIR for your own
	$(BIN)/tintmill demo $(if $(PHOTOS),--photos=$(PHOTOS))

test: .venv/done ## all tests but the long fault tests
	$(BIN)/python -m pytest -m "not faults"

test-faults: .venv/done ## kills, races, full disks: long
	$(BIN)/python -m pytest -m faults

lint: .venv/done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: .venv/done
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/done ## the numbers of the README, with the machine they were measured on
	$(BIN)/python -m tests.bench.run

lock: .venv/done ## requirements.lock anew from the ranges of setup.py
	$(BIN)/python -m venv .venv/lock
	.venv/lock/bin/pip install --quiet uv
	.venv/lock/bin/uv pip compile setup.py --extra demo --extra test --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate --output-file requirements.lock

clean:
	rm -rf .venv demo build *.egg-info

.venv/done: requirements.lock setup.py
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --no-deps --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@
