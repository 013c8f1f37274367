# The index of what one can do here. Each target sets up what it needs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
FRONT := $(shell find extension/src extension/style extension/schema -type f)
DEMO := .demo
# More words for JupyterLab: make lab LAB="--no-browser --port 8890"
LAB ?=

export JUPYTER_MLOPS_WORKSPACE ?= $(CURDIR)/$(DEMO)/workspace

.PHONY: help demo test lab dashboards lint types build bench bench-docs calibration chaos chaos-long generate clean

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(READY)  ## Run the tour from start to end and say what happened
	$(BIN)/python binder/run_tour.py $(DEMO)

test: $(READY)  ## Run all tests
	cd extension && PATH="$(CURDIR)/$(BIN):$$PATH" jlpm test
	env -u JUPYTER_MLOPS_WORKSPACE $(BIN)/python -m pytest

lab: $(READY)  ## Open JupyterLab on the tour
	mkdir -p $(DEMO)
	$(BIN)/jupyter lab $(LAB) binder/tour.ipynb

dashboards: $(READY)  ## Open the executive dashboard in Voilà
	mkdir -p $(DEMO)
	$(BIN)/jupyter lab $(LAB) --LabApp.default_url=/jupyter-mlops/dashboards/executive

lint: $(READY) types  ## Check style, types, and the arrows between rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	cd extension && PATH="$(CURDIR)/$(BIN):$$PATH" jlpm lint:check

types: $(READY)  ## Check types
	$(BIN)/mypy

build: $(READY)  ## Build the wheel and the source distribution
	rm -rf extension/jupyter_mlops_lab/labextension dist
	$(BIN)/python -m build

bench: $(READY)  ## Measure, as ratios against named things (PEERS=0 without peers, LONG=1)
	env -u JUPYTER_MLOPS_WORKSPACE $(BIN)/python tests/bench

bench-docs:  ## The same, written to docs/benchmarks.md
	$(MAKE) bench BENCH_OUT=docs/benchmarks.md

calibration: $(READY)  ## Simulate false alarms and power of drift, written to docs/calibration.md (QUICK=1, PEERS=1, JOBS=4)
	env -u JUPYTER_MLOPS_WORKSPACE CALIBRATION_OUT=$${CALIBRATION_OUT-docs/calibration.md} \
	  $(BIN)/python tests/calibration

chaos: $(READY)  ## Kill, swap and stop the server under load, fail its disk (within 15 minutes)
	env -u JUPYTER_MLOPS_WORKSPACE $(BIN)/python tests/chaos

chaos-long: $(READY)  ## The same with the counts of the promises; takes hours
	env -u JUPYTER_MLOPS_WORKSPACE $(BIN)/python tests/chaos --long

generate: $(READY)  ## Write grammar, types, reference and catalogues anew
	$(BIN)/python -m jupyter_mlops.commands.grammar
	$(BIN)/python -m jupyter_mlops.locale.extract

clean:  ## Remove everything that was made here
	rm -rf $(VENV) $(DEMO) dist build extension/lib extension/node_modules \
	  extension/jupyter_mlops_lab/labextension tests/artefacts .bench

$(READY): pyproject.toml extension/package.json extension/yarn.lock $(FRONT)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	rm -rf extension/jupyter_mlops_lab/labextension
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[test]"
	touch $@
