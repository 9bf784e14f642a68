# SPDX-License-Identifier: GPL-3.0-or-later
# Each target sets up what it needs by itself, in .venv. A fresh machine needs Python 3.11 or newer with its venv
# module, make, and a package index that pip can reach.
#
#   make demo                              a complete running example on http://127.0.0.1:5232/
#   make demo PORT=8080 CONTACTS=5000      another port, more sample contacts
#   make demo DATABASE=postgresql://u:p@host/business STATE=postgresql://u:p@host/state
#   make test                              the whole test suite
#   make test TESTS='tests/unit -k sample' a part of it
#   make lint                              ruff and mypy --strict
#   make bench                             the benchmarks, all in full; make bench BENCH=--help says what there is
#   make bench BENCH='duplicates --short'  one of them, with small numbers
#   make crash                             the long proofs of what a kill or a failing disk does (hours)
#   make radicale-tests RADICALE=DIR       Radicale's own test suite, from its checkout in DIR, over this storage
#   make clean                             removes what make has set up

PYTHON ?= $(shell for name in python3.11 python3 python3.14 python3.13 python3.12; do \
    $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { command -v $$name; break; }; done)
PORT ?= 5232
CONTACTS ?=
DATABASE ?=
STATE ?=
TESTS ?=
# The whole suite runs in as many processes as the machine has cores, four at most: each has database servers of its own.
PARALLEL := -n auto --maxprocesses 4 --dist worksteal
BENCH ?=
RADICALE ?=
CRASH ?=

BIN := .venv/bin
DRIVERS := $(strip $(if $(findstring postgres,$(DATABASE)$(STATE)),postgresql) \
                   $(if $(findstring mariadb,$(DATABASE)$(STATE))$(findstring mysql,$(DATABASE)$(STATE)),mariadb))

# Make cannot join words with a comma without these two.
empty :=
comma := ,
DEMO_EXTRAS := $(if $(DRIVERS),[$(subst $(empty) $(empty),$(comma),$(DRIVERS))])
DEMO_STAMP := .venv/.installed$(addprefix -,$(subst $(empty) $(empty),-,$(DRIVERS)))
TEST_STAMP := .venv/.installed-test

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench crash radicale-tests clean

help:
	@sed -n 's/^#   //p' $(firstword $(MAKEFILE_LIST))

demo: $(DEMO_STAMP)
	$(BIN)/radicale-bcm demo --directory "$(CURDIR)/demo" --port "$(PORT)" $(if $(CONTACTS),--contacts "$(CONTACTS)") \
	    $(if $(DATABASE),--database "$(DATABASE)") $(if $(STATE),--state "$(STATE)")

test: $(TEST_STAMP)
	$(BIN)/python -m pytest $(if $(TESTS),$(TESTS),$(PARALLEL))

lint: $(TEST_STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(TEST_STAMP)
	$(BIN)/python -m tests.benchmarks $(BENCH)

crash: $(TEST_STAMP)
	$(BIN)/python -m tests.crash $(CRASH)

radicale-tests: $(TEST_STAMP)
	@test -n "$(RADICALE)" || { echo "usage: make radicale-tests RADICALE=<checkout of Radicale>" >&2; exit 2; }
	$(BIN)/python tests/radicale/run.py "$(RADICALE)"
	$(BIN)/python tests/radicale/run.py "$(RADICALE)" --as-addressbooks radicale/tests/test_base.py radicale/tests/test_rights.py

clean:
	rm -rf .venv .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist

# A stamp is newer than pyproject.toml and this file when its set of packages is installed, so a second call costs nothing.
.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and PATH has none." \
	    "Try: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
	    echo "The venv module does not work. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }

$(DEMO_STAMP): pyproject.toml Makefile | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.$(DEMO_EXTRAS)'
	@touch $@

$(TEST_STAMP): pyproject.toml Makefile | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test,postgresql,mariadb,metrics]'
	@touch $@
