# Set-ups live in .venv; PYTHON names the interpreter that makes it (3.11 or newer).
PYTHON ?= python3
BIN := .venv/bin
# Where it is set, every process that a test starts would compile the product anew.
unexport PYTHONDONTWRITEBYTECODE

help:  ## Show what there is to make
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: .venv/sandbox.installed  ## Set up, and bring a shop's audiences from a local Snowflake to a local Brevo
	@$(BIN)/tajo demo

test: .venv/dev.installed  ## Set up, and run the tests (some minutes)
	$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder

long: .venv/dev.installed  ## Run the tests that take longer: a browser, large data
	$(BIN)/pytest -m long -n 2 --dist loadfile --no-loadscope-reorder

check: .venv/dev.installed  ## Check format, lint, types and that Dagster loads the project
	$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/dagster definitions validate -m tajo_sf_pipeline.definitions

sandbox: .venv/sandbox.installed  ## Serve the local Snowflake and Brevo until Ctrl-C
	@$(BIN)/tajo sandbox up

ui: .venv/sandbox.installed  ## Open Dagster's UI on the demo's data
	@cd .tajo/demo && DAGSTER_HOME=$(CURDIR)/.tajo/demo/.tajo/dagster $(CURDIR)/$(BIN)/dagster dev -m tajo_sf_pipeline.definitions

reliability: .venv/dev.installed  ## Live 10,000 steps of the model; kill syncs at every step and at 100 instants (an hour)
	MODEL_STEPS=10000 $(BIN)/pytest -m long -n auto tajo_sf_pipeline_tests/reliability/test_long_model.py
	$(BIN)/python -m tajo_sf_pipeline_tests.reliability.kills --write docs/reliability.md

screenshot: .venv/dev.installed  ## Take the pictures of docs/images/ again (needs chromium)
	$(BIN)/python docs/screenshot.py

pins: .venv/dev.installed  ## Pin the newest versions that pyproject.toml allows, with their hashes (needs uv)
	uv pip compile -q -U pyproject.toml requirements/build.in --extra sandbox --universal --python-version 3.11 --generate-hashes --no-header -o requirements/sandbox.txt && uv pip compile -q -U pyproject.toml requirements/build.in --extra postgres -c requirements/sandbox.txt --universal --python-version 3.11 --generate-hashes --no-header -o requirements/deploy.txt && uv pip compile -q -U pyproject.toml requirements/build.in --extra dev -c requirements/sandbox.txt --universal --python-version 3.11 --generate-hashes --no-header -o requirements/dev.txt

.venv/%.installed: requirements/%.txt pyproject.toml
	@$(PYTHON) -m venv .venv && $(BIN)/pip install -q --disable-pip-version-check --require-hashes --no-deps -r $< && $(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e . && touch $@

.PHONY: help demo test long check sandbox ui reliability screenshot pins
