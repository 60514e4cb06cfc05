# `make test` passes the tests (installs redis-server and ZooKeeper from Debian
# packages if they are missing); `make build` writes the programs to bin/; `make dist`
# packs those that are deployed into dist/, the same bytes wherever it runs; `make
# bench` times functions, `make table` the whole system; `make terraform-check` holds
# terraform/ against the real provider and an emulated AWS.
.PHONY: test build dist generate bench table terraform-check

test:
	.ci/test

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
	cd terraform/check && go run ./real
