# CI runs "make check", then "make test".
GOLANGCI_VERSION := v2.15.0
BIN := $(CURDIR)/.bin

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build .bin/ozone
	go build -o $(BIN)/ozone ./cmd/ozone

.PHONY: run
run: build ## Run one node with everything embedded, data in ./.data
	$(BIN)/ozone serve --data ./.data --demo --sim-delay 1s

.PHONY: check
check: tidy-check lint race ## Formatting, lint, import rules, unit tests under the race detector

# One package at a time, since each has the cores for itself; in it four tests, since most of the time they wait.
.PHONY: test
test: build rig asyncapi fuzz ## Every test
	go test -p 1 -parallel 4 -shuffle=on -timeout 20m ./...

# The fuzz targets, each as package:target.
FUZZED := ./edge:FuzzPath ./edge:FuzzCommands ./edge/v10:FuzzBodies ./edge/v10:FuzzXMLBodies ./edge/v10:FuzzPersonality ./schemas:FuzzMessages

.PHONY: fuzz
fuzz: ## Each fuzz target for FOR=10s
	@for f in $(FUZZED); do go test $${f%%:*} -run '^$$' -fuzz "^$${f##*:}$$" -fuzztime $(or $(FOR),10s) || exit 1; done

.PHONY: rig
rig: ## Install the servers and programs that the tests need, where they are missing
	./tests/rig/install.sh

.PHONY: asyncapi
asyncapi: rig $(BIN)/asyncapi/node_modules ## Read schemas/asyncapi.json with the official parser
	NODE_PATH=$(BIN)/asyncapi/node_modules node tests/asyncapi/check.cjs schemas/asyncapi.json

$(BIN)/asyncapi/node_modules: tests/asyncapi/package-lock.json | rig
	mkdir -p $(BIN)/asyncapi
	cp tests/asyncapi/package.json tests/asyncapi/package-lock.json $(BIN)/asyncapi/
	cd $(BIN)/asyncapi && npm ci --ignore-scripts --no-audit --no-fund
	touch $@

.PHONY: race
race: ## Short packages under the race detector
	go test -race -short -shuffle=on -timeout 8m ./schemas/... ./actors/... ./edge/... ./bus/inproc/... ./hosts/...

.PHONY: golden
golden: ## Rewrite testdata/*.golden, then read the diff
	OZONE_GOLDEN=update go test ./schemas/... ./actors/... ./edge/...

.PHONY: kills
kills: build rig ## N kills -9 under load, ON=embedded or ON=servers; with ACCOUNTS=2 subscribers get most events
	go test ./tests/kills -count=1 -v -timeout 0 -args -n $(or $(N),15) -on $(or $(ON),embedded) -accounts $(or $(ACCOUNTS),0)

.PHONY: bench
bench: build ## The speed table, each row beside its floor: embedded, then on a private RabbitMQ and PostgreSQL
	$(BIN)/ozone bench --floors
	go run ./tests/bench/servers -floors

.PHONY: lint
lint: $(BIN)/golangci-lint ## Lint, formatting and the import rules
	$(BIN)/golangci-lint run ./...

.PHONY: fmt
fmt: $(BIN)/golangci-lint ## Format
	$(BIN)/golangci-lint fmt

.PHONY: tidy-check
tidy-check: ## go.mod and go.sum say what the code uses
	go mod tidy -diff

$(BIN)/golangci-lint:
	GOBIN=$(BIN) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
