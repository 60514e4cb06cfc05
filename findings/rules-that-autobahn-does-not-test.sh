#!/usr/bin/env bash
# A WebSocket server that ignores three rules of RFC 6455 passes the Autobahn suite with
# the same result as one that keeps them.
#
# Versions   autobahntestsuite 0.8.2 (PyPI; autobahn 0.10.9, Twisted 20.3.0) on Python 2.7.18
# Set-up     one echo server of this script, as "strict" and as "lax". The suite's fuzzing
#            client plays all cases of the classes 1 to 7 and 10. Then this script sends each
#            server what only "lax" takes.
# Behaviour                                              strict        lax
#            suite: OK, non-strict, informational of 247 240, 4, 3     240, 4, 3
#            a frame without a mask                      closes, 1002  echoes it
#            a length of 5 in the form for 65,535        closes, 1002  echoes it
#            Sec-WebSocket-Version: 7                    answers 426   answers 101
#            No case of the suite sends any of the three. For the mask and the version the
#            RFC says what a server MUST do (sections 5.1 and 4.2.2). For the length it says
#            what a sender MUST do (5.2).
# It matters to anyone who takes a green report for conformance: these rules need tests of
# one's own. (The 4 non-strict cases: this server judges UTF-8 at the end of a message.)
#
# Needs: python3, Python 2.7 with pip (PYTHON2 names it), a C compiler, bash. Loopback only.
# Some minutes, most of them for compiling cffi and cryptography.
set -euo pipefail
dir=$(mktemp -d)
trap 'kill $(cat "$dir"/*.pid 2>/dev/null) 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
two=${PYTHON2:-$(command -v python2.7)}
"$two" --version >/dev/null 2>&1 || two=$(ls "${PYENV_ROOT:-$HOME/.pyenv}"/versions/2.7.*/bin/python | tail -1)
export PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONWARNINGS=ignore
"$two" -m pip -q install --target bootstrap 'virtualenv==20.15.1' 2>/dev/null
PYTHONPATH=bootstrap "$two" -m virtualenv -q venv
venv/bin/pip -q install autobahntestsuite==0.8.2 autobahn==0.10.9 Twisted==20.3.0 2>/dev/null
cat >echo.py <<'PY'
import asyncio, base64, hashlib, struct, sys

LAX = sys.argv[1] == "lax"
CODES = set(range(1000, 1004)) | set(range(1007, 1012)) | set(range(3000, 5000))

class Bad(Exception):
    pass

def out(op, payload):
    n = len(payload)
    head = bytes([n]) if n < 126 else struct.pack("!BH", 126, n) if n < 65536 else struct.pack("!BQ", 127, n)
    return bytes([0x80 | op]) + head + payload

async def frame(r):
    first, second = await r.readexactly(2)
    n, least = second & 127, 0
    if n == 126:
        n, least = struct.unpack("!H", await r.readexactly(2))[0], 126
    elif n == 127:
        n, least = struct.unpack("!Q", await r.readexactly(8))[0], 65536
    masked, op, last = second & 128, first & 15, bool(first & 128)
    if first & 0x70 or op not in (0, 1, 2, 8, 9, 10) or op > 7 and (n > 125 or not last):
        raise Bad(1002)
    if not LAX and (not masked or n < least):
        raise Bad(1002)
    mask = await r.readexactly(4) if masked else bytes(4)
    payload = await r.readexactly(n)
    key = (mask * (n // 4 + 1))[:n]
    return op, last, (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(n, "big")

async def serve(r, w):
    kind, message = 0, b""
    while True:
        op, last, payload = await frame(r)
        if op == 8:
            if payload and (len(payload) < 2 or int.from_bytes(payload[:2], "big") not in CODES):
                raise Bad(1002)
            utf8(payload[2:])
            w.write(out(8, payload[:2]))
            return
        if op == 9:
            w.write(out(10, payload))
        if op > 7:
            continue
        if bool(op) == bool(kind):
            raise Bad(1002)
        kind, message = op or kind, message + payload
        if last:
            if kind == 1:
                utf8(message)
            w.write(out(kind, message))
            kind, message = 0, b""
        await w.drain()

def utf8(b):
    try:
        b.decode()
    except UnicodeDecodeError:
        raise Bad(1007)

async def connected(r, w):
    try:
        head = (await r.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        fields = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:])}
        if not LAX and fields.get("sec-websocket-version") != "13":
            w.write(b"HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\nContent-Length: 0\r\n\r\n")
        else:
            sum = hashlib.sha1((fields["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
            w.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
                    + base64.b64encode(sum) + b"\r\n\r\n")
            await serve(r, w)
    except Bad as e:
        w.write(out(8, struct.pack("!H", e.args[0])))
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    w.close()

async def main():
    s = await asyncio.start_server(connected, "127.0.0.1", 0, limit=1 << 20)
    print(s.sockets[0].getsockname()[1], flush=True)
    await s.serve_forever()

asyncio.run(main())
PY
cat >probe.py <<'PY'
import json, socket, struct, sys
from collections import Counter

name, port = sys.argv[1], int(sys.argv[2])

def ask(frame, version="13"):
    s = socket.create_connection(("127.0.0.1", port), 10)
    f = s.makefile("rb")
    s.sendall((f"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: {version}\r\n"
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").encode())
    status = int(f.readline().split()[1])
    while f.readline() != b"\r\n":
        pass
    if not frame:
        return status
    s.sendall(frame)
    op, n = f.read(2)
    payload = f.read(n)
    return "echoes" if payload == b"Hello" else f"closes-{struct.unpack('!H', payload)[0]}"

cases = json.load(open(f"{name}/index.json"))[name].values()
how = Counter(c["behavior"] if c["behaviorClose"] in ("OK", "INFORMATIONAL") else c["behaviorClose"] for c in cases)
masked = b"\x81\xfe\x00\x05\0\0\0\0Hello"
print(name, how["OK"], how["NON-STRICT"], how["INFORMATIONAL"], "of", len(cases),
      ask(b"\x81\x05Hello"), ask(masked), ask(b"", "7"))
PY
for name in strict lax; do
	python3 echo.py "$name" >"$name.port" &
	echo $! >"$name.pid"
	until [ -s "$name.port" ]; do sleep 0.1; done
	port=$(cat "$name.port")
	echo '{"outdir": "'"$name"'", "servers": [{"agent": "'"$name"'", "url": "ws://127.0.0.1:'"$port"'"}], "cases": ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"], "exclude-cases": [], "exclude-agent-cases": {}}' >"$name.json"
	venv/bin/wstest -m fuzzingclient -s "$name.json" >"$name.log" 2>&1
	python3 probe.py "$name" "$port"
done | tee seen
printf 'strict 240 4 3 of 247 closes-1002 closes-1002 426\nlax 240 4 3 of 247 echoes echoes 101\n' | diff - seen && echo "as described"
