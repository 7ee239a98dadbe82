# make demo    sets everything up, starts the stack, runs the quickstart on real media
# make lab     JupyterLab with the stack running, the quickstart open
# make test    everything a change can break
# make faults  starts after every fault, an ingest on a full disk, crowds beside killed parts, kill -9
#              of every part, 20 times each, in the middle of an ingest (about an hour)
# make eval    how good the packaged models are; writes docs/quality.md (about a minute)
# make hostile the whole corpus of files made to harm (about four minutes)
# make check   the part of it that needs no running: format, lint, types, import rules, pins
# make constraints   resolves the dependencies anew

# What Python compiles is kept, also where the environment says otherwise: hundreds of processes are
# started here, and each would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

# The stack of this checkout lives in its own folder, unless a home is named.
demo lab up down: export MIXPEEK_HOME := $(or $(MIXPEEK_HOME),$(CURDIR)/.mixpeek)
NOTEBOOK ?= notebooks/quickstart.ipynb
PYTHON := .venv/bin/python

.PHONY: demo lab test faults hostile eval check setup constraints up down

demo: setup
	@$(PYTHON) -P -m workbench.stack.demo

lab: setup
	@$(PYTHON) -P -m workbench lab $(NOTEBOOK)

up: setup
	@$(PYTHON) -P -m workbench up --detach

down: setup
	@$(PYTHON) -P -m workbench down

test: check
	$(PYTHON) -m pytest -m "not engines" -n 2 --dist loadfile --durations=25
	$(PYTHON) -m pytest -m "engines and not drill" --durations=40

faults: setup
	$(PYTHON) -m pytest -m drill -s
	$(PYTHON) tests/faults/run_faults.py $(FAULTS)

hostile: setup
	HOSTILE=all $(PYTHON) -m pytest -s tests/hostile

eval: setup
	$(PYTHON) tests/eval/run_eval.py $(EVAL)

check: setup
	$(PYTHON) .ci/constraints.py check
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m pyright
	.venv/bin/lint-imports

setup:
	@.ci/setup

constraints:
	$(PYTHON) .ci/constraints.py write $$(command -v uv || echo .tools/bin/uv)
