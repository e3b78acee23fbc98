# Versions of the tools that targets install into ./bin.
KUSTOMIZE := v5.8.2
GOLANGCI_LINT := v2.12.2
HELM := v3.18.4

IMAGE ?= localhost/krmfn:dev
VERSION ?= $(or $(shell git describe --tags --always --dirty 2>/dev/null),dev)
REVISION ?= $(shell git rev-parse HEAD 2>/dev/null)
FUZZTIME ?= 20s
# What to add to the go test of e2e and bench: ARGS=-run=TestKpt, ARGS=-update.
ARGS ?=

# Every go command writes its programs here.
export GOBIN := $(CURDIR)/bin
# In a cache of all working trees, golangci-lint takes the files of another one
# for those of this.
export GOLANGCI_LINT_CACHE := $(CURDIR)/bin/golangci-lint-cache

.DEFAULT_GOAL := help
.PHONY: help check test golden render build image e2e cluster bench fuzz kustomize helm golangci-lint

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "%-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

check: golangci-lint ## Look for mistakes without running anything: gofmt, go vet, golangci-lint, tidy modules
	@files=$$(gofmt -l .); test -z "$$files" || { echo "gofmt -w these files:"; echo "$$files"; exit 1; }
	go vet ./...
	cd e2e && go vet ./...
	go mod tidy -diff
	cd e2e && go mod tidy -diff
	cd e2e/cluster/programs && go mod tidy -diff
	bin/golangci-lint run --allow-serial-runners
	cd e2e && ../bin/golangci-lint run --allow-serial-runners

test: ## Run the tests that need nothing but Go
	go test ./...

golden: ## Rewrite goldens and derived documents; git diff is the review
	go test ./cmd/krmfn ./functions/validateha ./internal/report -run '^TestGolden' -update
	@# The manuals show what has just been written.
	go test ./functions -run '^TestGolden' -update

render: ## Print the highly available Harbor 1.2
	go run ./cmd/krmfn render overlays/harbor-1.2-ha

build: ## Build bin/krmfn
	CGO_ENABLED=0 go build -trimpath -ldflags "-X main.version=$(VERSION) -X sigs.k8s.io/kustomize/api/provenance.version=$(KUSTOMIZE)" -o bin/krmfn ./cmd/krmfn

image: ## Build the container image (IMAGE=registry.example.com/krmfn:v1)
	docker build --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) -t $(IMAGE) .

e2e: build image kustomize helm ## Run the tests against the real image, kustomize, helm, kubectl, kpt and Kubernetes
	@# With -p 1, go test shows what happens while it happens.
	cd e2e && IMAGE=$(IMAGE) go test -count=1 -v -p 1 -timeout 60m $(ARGS) ./...
	KRMFN_RUN="docker run --rm -i --network none --user nobody --security-opt=no-new-privileges $(IMAGE)" \
	  go test -count=1 -run TestConformance -timeout 30m ./cmd/krmfn

cluster: ## Run a Kubernetes control plane with three nodes until Ctrl-C
	cd e2e && go install ./cmd/cluster
	@bin/cluster e2e/cluster/programs

bench: build image kustomize ## Measure: ratios of whole programs, then Go benchmarks
	IMAGE=$(IMAGE) bench/run
	go test -run '^$$' -bench . -benchmem $(ARGS) ./...

fuzz: ## Fuzz each target for a while (FUZZTIME=20s)
	@for package in $$(go list ./...); do \
	  for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz'); do \
	    echo "$$package $$target"; \
	    go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package || exit; \
	  done; \
	done

kustomize:
	go install sigs.k8s.io/kustomize/kustomize/v5@$(KUSTOMIZE)

helm:
	go install helm.sh/helm/v3/cmd/helm@$(HELM)

golangci-lint:
	go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT)
