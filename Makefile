# Every goal works from a fresh clone and in any order. What a goal does in more than a line is in scripts/.

SHELL := bash
MAKEFLAGS += --no-print-directory
PREFIX ?= /usr/local
DESTDIR ?=
# Which Lua the library is built with; see scripts/lua.sh.
LUA ?=
LUA_SOURCE ?=
export PREFIX DESTDIR LUA LUA_SOURCE

PART := scripts/part.sh
STAGED := .build/stage/lib/libluawait.so
IN_PYTHON := PYTHONPATH=bindings/python

# The parts of `make test`, those first that take longest, and of `make test-deep`.
TEST_PARTS := test-swift test-lua test-hostile test-fuzz test-c test-faults test-python test-install check-header \
	check-exports check-binary check-tables check-lua test-docs
DEEP_PARTS := check-model test-chaos test-asan test-tsan test-valgrind test-checked-lua test-lua-rest \
	test-short-turns simulate test-long-fuzz

.DEFAULT_GOAL := help
# Goals run one after the other, but for the parts of the tests, for which everything has been prepared: those run two
# at once, because each spends much of its time in a compiler that uses one core.
ifndef PREPARED
.NOTPARALLEL:
endif
unexport PREPARED
RUN_PARTS := PREPARED=yes $(MAKE) --jobs=2
.PHONY: help deps deps-run deps-test deps-lint deps-model venv build run test check check-header check-exports check-binary check-tables check-lua check-model \
	test-install test-docs test-c test-faults test-chaos test-hostile test-python test-swift test-fuzz test-valgrind test-valgrind-quick test-lua test-lua-rest test-checked-lua test-asan test-tsan test-deep test-short-turns test-long-fuzz stress simulate fuzz lint format bench install uninstall clean

help: ## Show these goals
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-19s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

deps: ## Install what building, testing and linting need and the machine lacks
	@scripts/deps.sh run test lint model

ifdef PREPARED
deps-run deps-test deps-model deps-lint venv build: ;
else
deps-run:
	@scripts/deps.sh run

deps-test:
	@scripts/deps.sh test

deps-model:
	@scripts/deps.sh model

deps-lint:
	@scripts/deps.sh lint

venv: deps-lint
	@scripts/venv.sh

build: deps-run ## Build the release library into .build/stage
	@scripts/build.sh
endif

run: build ## Install what is missing, build, and run the example host
	@$(IN_PYTHON) python3 examples/python/quickstart.py

test: build deps-test venv ## Run all tests but the deep ones
	@$(RUN_PARTS) $(TEST_PARTS)
	@echo "test: all parts passed"

test-deep: build deps-test deps-model venv ## Run what takes longer: models, sanitizers, valgrind, other Luas, fuzzing
	@$(RUN_PARTS) $(DEEP_PARTS)
	@echo "test-deep: all parts passed"

check: check-header check-exports check-binary check-tables ## Check the header, exports, binary, and what several languages list

check-header: build deps-test
	@$(PART) $@ scripts/check-header.sh

check-exports: build deps-test
	@$(PART) $@ scripts/check-exports.sh

check-binary: build deps-test
	@$(PART) $@ scripts/check-binary.sh

check-tables:
	@$(PART) $@ scripts/check-tables.py

check-lua: deps-test ## Check which Lua a build chooses
	@$(PART) $@ scripts/check-lua.sh

check-model: deps-model ## Check the protocols' models in docs/model exhaustively
	@$(PART) $@ scripts/check-model.sh

test-install: build deps-test ## Install, build a program against it, uninstall
	@$(PART) $@ scripts/test-install.sh

test-docs: build deps-test ## Run every example of README, docs and header
	@$(PART) $@ python3 scripts/test-docs.py

test-c: build deps-test ## Run the C tests, which see only the public header
	@$(PART) $@ scripts/test-c.sh

test-hostile: build deps-test ## Run the hostile scripts on every executor, and print how late they ended
	@$(PART) $@ scripts/test-hostile.sh

test-faults: build deps-test ## Let every allocation fail in turn
	@$(PART) $@ scripts/test-faults.sh

test-chaos: build deps-test ## Disturb generated programs in every way: they must do the same (CASES, SEED)
	@$(PART) $@ scripts/test-chaos.sh $(or $(CASES),10) $(SEED)

test-python: build deps-test venv ## Run the Python binding's tests
	@$(IN_PYTHON) $(PART) $@ .venv/bin/pytest bindings/python/tests

test-swift: deps-test ## Run the Swift unit tests
	@$(PART) $@ scripts/test-swift.sh

test-fuzz: build deps-test ## Replay what fuzzing has found, and compare the library functions with Lua's
	@$(PART) $@ scripts/test-fuzz.sh

test-valgrind: build deps-test ## Run all C tests once more under valgrind
	@$(PART) $@ scripts/test-valgrind.sh

# In `make test` LUA_SOURCE is for the build, and the second Lua is the other one.
OTHER_LUA := $(if $(filter test-lua,$(MAKECMDGOALS)),$(LUA_SOURCE))
test-lua: $(if $(OTHER_LUA),,build) deps-test ## Run C tests and hostile scripts on the other Lua, or on LUA_SOURCE=folder
	@$(PART) $@ scripts/test-lua.sh $(OTHER_LUA)

test-lua-rest: build deps-test venv ## Run the Python and Swift tests and stress on the other Lua
	@$(PART) $@ scripts/test-lua.sh "" python swift stress

test-checked-lua: deps-test ## Run C tests, hostile scripts and stress on a Lua that checks itself and its callers
	@$(PART) $@ scripts/test-lua.sh checked c hostile stress

test-valgrind-quick: build deps-test ## Run those C tests under valgrind where it sees most
	@$(PART) $@ scripts/test-valgrind.sh --quick

test-asan: deps-test ## Run C tests, hostile scripts, failing allocations and stress under AddressSanitizer
	@$(PART) $@ scripts/test-asan.sh

test-tsan: deps-test ## Run the C tests and the stress program under ThreadSanitizer
	@$(PART) $@ scripts/test-tsan.sh

stress: build ## Call everything at once, from all sides (SECONDS=60)
	@scripts/stress.sh $(SECONDS)

fuzz: deps-test ## Fuzz for SECONDS (60) each, all or one TARGET (fuzz_json, fuzz_script, fuzz_pattern, fuzz_options)
	@scripts/fuzz.sh run $(or $(SECONDS),60) $(TARGET)

test-short-turns: build deps-test ## Run the C tests as on a busy machine: with turns of a tenth of a millisecond
	@LUAWAIT_TEST_SLICE_US=100 BUILD=$(CURDIR)/.build/tests-c-short $(PART) $@ scripts/test-c.sh

test-long-fuzz: build deps-test ## Fuzz each target for FUZZ_SECONDS (120), and compare the library functions on many calls
	@$(PART) $@ scripts/test-fuzz.sh --long

simulate: deps-test ## Drive 100,000 random lives of an engine against a model of what its host may see
	@$(PART) $@ scripts/simulate.sh

lint: deps-lint venv ## Check formatting and style
	@$(PART) $@ scripts/lint.sh

format: deps-lint venv ## Apply the formatters
	@scripts/lint.sh --fix

bench: build ## Run the benchmarks: Luawait and the raw limits on the same work
	@bench/run.sh

# Needs no rights to build when the library is there: `make build`, then `sudo make install`.
install: | $(STAGED) ## Install library, header and pkg-config file (PREFIX, DESTDIR)
	@scripts/install.sh install

uninstall: ## Remove what install put there (PREFIX, DESTDIR)
	@scripts/install.sh uninstall

$(STAGED):
	@$(MAKE) build

clean: ## Remove everything that was built or installed into the tree
	rm -rf .build .build-* .venv
