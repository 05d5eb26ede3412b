# What a person types here: make demo, make test, sudo make install.  `make help` lists the rest.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

# Debian's packages: the kernel's tools, and what the tests and the benchmark run against.
# python-iptables is compiled when it is installed with pip.
APT_RUN  := python3-venv python3-dev gcc libnftables1 libpcre2-8-0 nftables iptables ipset iproute2 \
            whois netbase
APT_DEB  := dpkg-dev debhelper dh-python python3-click python3-jinja2 python3-regex
APT_TEST := $(APT_RUN) $(APT_DEB) fail2ban kamailio openssl shellcheck lintian man-db groff systemd \
            bash-completion fish zsh rpmlint python3-iptables python3-pyroute2 python3-watchdog \
            redis-server sshguard ripgrep libfaketime

.DEFAULT_GOAL := help
.PHONY: help demo test test-live test-long faults-long test-rooms test-deb check bench soak install deb man venv clean apt-run apt-test apt-deb

help: ## show this
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

apt-run:
	@packaging/apt-ensure $(APT_RUN)

apt-test:
	@packaging/apt-ensure $(APT_TEST)

apt-deb:
	@packaging/apt-ensure $(APT_DEB)

venv: $(STAMP)
$(STAMP): setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --use-pep517 --editable '.[test]'
	touch $@

demo: apt-run venv ## show the main job in a network namespace of its own (root)
	@$(BIN)/python docs/demo/demo.py

install: apt-run ## put the daemon on this host as a systemd service (root)
	@PYTHON=$(PYTHON) packaging/install

deb: apt-deb ## build a package for Debian 12 in build/deb
	@packaging/deb

man: venv ## write the manual pages into build/man
	$(BIN)/python packaging/manpages build/man

bench: apt-test venv ## measure logban and its peers in one run
	$(BIN)/python bench/matcher.py

SOAK_SECONDS ?= 600

soak: apt-test venv ## ten minutes under mixed load: nothing grows, nothing is lost (root; SOAK_SECONDS=15)
	$(BIN)/python bench/soak.py --seconds $(SOAK_SECONDS)

check: venv ## lint, types, shell scripts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	shellcheck packaging/apt-ensure packaging/deb packaging/install packaging/launcher .ci/run

# Coverage is measured where a test looks at one room.  Beside that, without it, run a hundred thousand
# lines through each filter, and the live programs, which mostly wait.
LONG := tests/compat tests/filters tests/packaging tests/scenarios
LIVE := tests/faults tests/integration tests/kamailio tests/regression

test: apt-test check ## set up and run every test (root: the tests make network namespaces)
	$(BIN)/coverage erase
	$(MAKE) --no-print-directory --jobs=3 --output-sync=target test-live test-rooms test-long
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

# What failed is run once more, alone: these tests watch real programs, on machines that may be busy
# with something else.  Both runs are shown, and what fails twice has failed.
AGAIN := --last-failed --last-failed-no-failures=none

test-long: venv
	$(BIN)/python -m pytest $(LONG) -o cache_dir=.pytest_cache/long || \
	$(BIN)/python -m pytest $(LONG) -o cache_dir=.pytest_cache/long $(AGAIN)

test-live: venv
	$(BIN)/python -m pytest $(LIVE) -o cache_dir=.pytest_cache/live || \
	$(BIN)/python -m pytest $(LIVE) -o cache_dir=.pytest_cache/live $(AGAIN)

ROOMS := tests $(addprefix --ignore=,$(LONG) $(LIVE)) -o cache_dir=.pytest_cache/rooms

test-rooms: venv
	$(BIN)/coverage run -m pytest $(ROOMS) || $(BIN)/coverage run -m pytest $(ROOMS) $(AGAIN)

faults-long: apt-test venv ## the tests of faults at twenty times the size: 2,000 kills in four runs (root)
	LOGBAN_FAULTS=20 $(BIN)/python -m pytest tests/faults

test-deb: apt-test venv ## install, upgrade and purge the package in a Debian of its own (root)
	@packaging/apt-ensure debootstrap systemd-container
	$(BIN)/python -m pytest tests/packaging/in_chroot.py

clean: ## remove what make made
	rm -rf $(VENV) build *.egg-info .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis
