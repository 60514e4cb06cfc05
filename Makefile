# `make test` runs all checks. It installs what is missing: redis-server, ZooKeeper and
# others from Debian packages; terraform is built from its Go module. `make test-long`
# runs what CI runs short at its full length. `make build` writes the programs to bin/.
# `make dist` packs those that are deployed into dist/, the same bytes wherever it runs.
# `make bench` times functions, `make table` the whole system. `make terraform-check`
# holds terraform/ against the real provider and an emulated AWS.
.PHONY: test test-long cover build dist generate bench table terraform-check

test:
	.ci/test

# Storms of 10,000 users, a million random steps, kills in the middle of imports: an hour.
test-long:
	CIM_TEST_LONG=1 CIM_TEST_VALKEY=$$(.ci/servers | tail -n 1) go test -count 1 -timeout 2h -v ./proto/order ./client/cim

# Not under the race detector, where counting makes the ring's property tests ten times
# slower. The tests of client/cim run whole programs, which are not counted.
cover:
	CIM_TEST_VALKEY=$$(.ci/servers | tail -n 1) go test -coverprofile=cover.out $$(go list ./... | grep -v '/client/cim$$')
	go tool cover -func=cover.out | tail -n 1

build:
	go build -trimpath -o bin/ ./node/cim-server ./routefn/cim-route ./client/cim

dist:
	go run ./terraform/dist

generate:
	go generate ./proto

bench:
	go test -run '^$$' -bench . -benchmem ./ring ./proto/... ./node/... ./routefn/record

# What this machine can do, and how much of it is left: some twenty minutes.
table: build
	bin/cim bench

# Needs python3 and redis-server, and installs the provider and moto into a cache: the
# better part of an hour and 10 GB of memory the first time, and minutes after that.
terraform-check:
	terraform=$$(.ci/terraform) && cd terraform/check && PATH=$$PATH:$$terraform go run ./real
