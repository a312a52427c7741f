# The tasks of this repository. Each target calls a script; "scripts/NAME --help" explains the options.

.DEFAULT_GOAL := help
.PHONY: help setup hooks build test test-unit demo lint format words docs deploy bench fuzz simulate soak ci release image images sbom
.PHONY: reproducible clean

help: ## List the targets
	@sed -n -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

setup: ## Install the Debian packages that are missing
	scripts/setup

hooks: ## Install the git hook that checks format and words before a commit
	scripts/setup hooks

build: ## Build the programs (debug)
	swift build

test: ## Build, and run all tests, also under ThreadSanitizer
	scripts/test

test-unit: ## Build, and run the unit tests alone
	scripts/test --unit

demo: ## Run pods in VMs on this machine, from the first to the last step
	scripts/demo

lint: ## Check format, imports, words and links
	scripts/lint

format: ## Format the Swift and Go sources, then check as lint does
	scripts/lint --fix

words: ## Check the words alone
	scripts/words

docs: ## Check that the documents name only what exists
	scripts/docs

deploy: ## Check the chart, the manifests, the alerts and the policies
	scripts/check-deploy

bench: ## Measure, and report the figures that moved beyond their tolerance
	scripts/bench

fuzz: ## Run each fuzzer for a minute
	scripts/fuzz

simulate: ## Run 100,000 schedules of the lifecycle with faults
	scripts/simulate

soak: ## Start pods for half an hour while processes are killed and the network is cut
	scripts/soak

ci: ## Run everything that a change must pass
	.ci/run

release: ## Build the production set into dist/
	scripts/release

image: ## Build the disk image of the pod VM into dist/image (as root)
	scripts/image

images: ## Build the container images into dist/images (as root)
	scripts/images

sbom: ## Write the software bill of materials of the release programs
	scripts/sbom --output dist/cloud-api-adaptor.spdx.json

reproducible: ## Build the release twice and compare the programs byte for byte
	scripts/reproducible

clean: ## Delete everything that was built
	rm -rf .build dist Benchmarks/.build Fuzz/.build
