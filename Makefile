# What a person types here: make demo, make test, sudo make install.  `make help` lists the rest.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

# Debian's packages: the kernel's tools, and what the tests and the benchmark run against.
APT_RUN  := python3-venv libnftables1 nftables iptables ipset iproute2 whois netbase
APT_TEST := $(APT_RUN) fail2ban shellcheck

.DEFAULT_GOAL := help
.PHONY: help demo test check bench install venv clean apt-run apt-test

help: ## show this
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

apt-run:
	@packaging/apt-ensure $(APT_RUN)

apt-test:
	@packaging/apt-ensure $(APT_TEST)

venv: $(STAMP)
$(STAMP): setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $@

demo: apt-run venv ## show the main job in a network namespace of its own (root)
	@$(BIN)/python docs/demo/demo.py

install: apt-run ## put the daemon on this host as a systemd service (root)
	@PYTHON=$(PYTHON) packaging/install

bench: apt-test venv ## measure logban and its peers in one run
	$(BIN)/python bench/matcher.py

check: venv ## lint, types, shell scripts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	shellcheck packaging/apt-ensure packaging/install .ci/run

test: apt-test check ## set up and run every test (root: the tests make network namespaces)
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

clean: ## remove what make made
	rm -rf $(VENV) build *.egg-info .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis
