# `make test` passes the tests (installs redis-server and ZooKeeper from Debian
# packages if they are missing); `make build` writes the programs to bin/.
.PHONY: test build generate bench

test:
	.ci/test

build:
	go build -trimpath -o bin/ ./node/cim-server ./routefn/cim-route ./client/cim

generate:
	go generate ./proto

bench:
	go test -run '^$$' -bench . -benchmem ./ring ./proto/... ./node/... ./routefn/record
