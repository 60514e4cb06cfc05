package main

import (
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A client that closes while messages arrive has unread bytes, so its system resets the
// connection. CIM's channels end their sending before that, and CIM's client logs out
// afterwards. So it is shown again only what arrived just before it closed.
func TestCIMClientThatClosesWhileMessagesArriveIsShownOnlyTheLastAgain(t *testing.T) {
	t.Parallel()
	for _, logsOut := range []bool{true, false} {
		t.Run(fmt.Sprint("logs out: ", logsOut), func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, plan{})
			alice, bob := cimRegister(t, s.url, "alice"), cimRegister(t, s.url, "bob")
			c := s.connectCIM("alice")
			privately(t, s.url, bob, alice, "old")
			c.texts(1)
			time.Sleep(3 * time.Second) // a node notes once a second what a client's system has
			if code := privately(t, s.url, bob, alice, "unread"); code != "9000" {
				t.Fatalf("message: %s", code)
			}
			eventually(t, "the message is in the client's buffer", func() bool { return waiting(t, c.conn) > 0 })
			c.conn.(*net.TCPConn).CloseWrite()
			c.conn.Close()
			if logsOut {
				s.offline(alice)
			}
			want := []string{"bob: old", "bob: unread"}
			if logsOut {
				want = want[1:]
			}
			again := s.connectCIM("alice")
			if got := again.texts(len(want)); !slices.Equal(got, want) {
				t.Errorf("was shown %q, want %q", got, want)
			}
			again.quiet()
		})
	}
}

// waiting returns how many bytes wait in the system to be read from a socket.
func waiting(t *testing.T, conn net.Conn) (n int) {
	t.Helper()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { n, failed = unix.IoctlGetInt(int(fd), unix.SIOCINQ) }); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	return n
}
