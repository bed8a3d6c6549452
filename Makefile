# Every target is a small script in tools/, which says at its head what it does and what it can be told.
.DEFAULT_GOAL := help
.PHONY: help demo test install lint test-engine test-engine-long test-regress test-isolation test-client bench clean

help: ## show this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 26

demo: ## watch a new version meet live sessions, on a throwaway server
	@tools/demo.sh

test: ## all tests, on a throwaway server; ends with "N passed, N failed"
	@tools/test.sh

install: ## build and install into the PostgreSQL of PG_CONFIG
	@tools/setup.sh build
	@tools/install.sh

lint: ## formatting and clippy; warnings are errors
	@tools/setup.sh build
	@tools/lint.sh

test-engine: ## the engine alone, without PostgreSQL [TESTS="name"]
	@tools/test.sh engine

test-engine-long: ## its property tests, a million cases each, from a new seed
	@tools/test.sh engine-long

test-regress: ## pg_regress [TESTS="file file"] [ACCEPT=1]
	@tools/test.sh regress

test-isolation: ## races [TESTS="file file"] [ACCEPT=1]
	@tools/test.sh isolation

test-client: ## pytest over real connections [TESTS="name name"]
	@tools/test.sh client

bench: ## benchmarks, as ratios
	@tools/bench.sh

clean: ## remove everything that was built
	@rm -rf target
