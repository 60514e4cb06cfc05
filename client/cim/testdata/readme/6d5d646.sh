# The commands of the README at commit 6d5d646, as it has them: what users typed
# then must work for good. It runs on the default ports, so in a network of its own,
# in a folder whose bin/ has the programs. Measurements and long runs are left out.
set -euo pipefail
ip link set lo up
trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT

# Without Go's tool and the sources: `go run ./client/cim ARGS` is `cim ARGS`.
go() { shift 2; cim "$@"; }

# eventually COMMAND...: until it succeeds, for a minute.
eventually() {
	for _ in $(seq 300); do
		if "$@"; then return; fi
		sleep 0.2
	done
	echo "never succeeded: $*" >&2
	return 1
}
ring_has() { cim ring 2>/dev/null | grep -q "$1.*serving"; }
heard() { grep -q "$1" "$2"; }
say() { # TEXT PROGRAM...: sends a text to everyone and stays for a while
	local text=$1
	shift
	{ sleep 3; echo "$text"; sleep 3; } | "$@"
}

echo '== two commands'
go run ./client/cim up -demo | tee demo
grep -q 'nothing was lost, nothing was shown twice, nothing was out of order' demo

echo '== the first five minutes'
mkfifo alice
go run ./client/cim up -name alice <alice >alice.out 2>&1 &
up=$!
exec 3>alice
eventually ring_has node-3
say 'good morning, everyone' go run ./client/cim -name bob
eventually heard 'bob: good morning, everyone' alice.out
go run ./client/cim ring
exec 3>&-
kill -INT $up
wait $up || true

echo '== one process at a time'
redis-server --port 6379 --maxmemory-policy noeviction --save '' >redis.out &
bin/cim-route -auth open >route.out 2>&1 &
bin/cim-server -auth open -id node-1 >node-1.out 2>&1 &
eventually ring_has node-1
bin/cim-server -auth open -id node-2 -join 127.0.0.1:7946 >node-2.out 2>&1 &
eventually ring_has node-2
bin/cim ring
say 'hello' bin/cim -name alice
cim invoke POST /v1/register '{"name":"carol"}'
cim drain node-2
cim verify -faults help >/dev/null
