//go:build netns

package fault

import (
	"context"
	"encoding/binary"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// Packets to and from addresses behind the link are lost and delayed; other packets are
// not. When the link has ended, no packet is, and its device is gone.
func TestLinkLosesPacketsOfTheKernel(t *testing.T) {
	runtime.LockOSThread() // which has the network, and ends with the test: it is never unlocked
	if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	if err := openNetwork(t.Context()); err != nil {
		t.Fatal(err)
	}
	bad, good := listen(t), listen(t)
	rules, err := linkRules(bad.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	device, err := openLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	line := newLine(3)
	end := during(t.Context(), func(ctx context.Context) error { return carry(ctx, device, line) })
	for _, rule := range rules {
		if err := ip(t.Context(), append([]string{"rule", "add"}, rule...)...); err != nil {
			t.Fatal(err)
		}
	}
	const n = 200 // as many as a socket keeps
	if got, soonest := arrive(t, bad, n); got < n*3/4 || got > n*97/100 || soonest < line.delay.Min {
		t.Errorf("%v: %d of %d packets arrived, the first after %v", line, got, n, soonest)
	}
	if got, _ := arrive(t, good, n); got != n {
		t.Errorf("%d of %d packets arrived beside the link", got, n)
	}
	if err := ip(t.Context(), "rule", "flush", "table", linkTable); err != nil {
		t.Fatal(err)
	}
	if err := end(t.Context()); err != nil {
		t.Error(err)
	}
	if got, _ := arrive(t, bad, n); got != n {
		t.Errorf("%d of %d packets arrived on the link that was healed", got, n)
	}
	if _, err := os.Stat("/proc/sys/net/ipv4/conf/" + linkName); !os.IsNotExist(err) {
		t.Errorf("the device is still there: %v", err)
	}
}

func listen(t *testing.T) net.PacketConn {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// arrive sends n packets to a listener, and returns how many arrive and the shortest
// time that one took. It waits for a second after the last.
func arrive(t *testing.T, to net.PacketConn, n int) (got int, soonest time.Duration) {
	from := listen(t)
	begun := time.Now()
	for i := range n {
		packet := binary.BigEndian.AppendUint64(nil, uint64(time.Since(begun)))
		if _, err := from.WriteTo(packet, to.LocalAddr()); err != nil {
			t.Fatalf("packet %d: %v", i, err)
		}
	}
	soonest = time.Hour
	for b := make([]byte, linkMTU); got < n; got++ {
		_ = to.SetReadDeadline(time.Now().Add(time.Second)) // of a listener that is open
		if _, _, err := to.ReadFrom(b); err != nil {
			break // what is lost does not come
		}
		soonest = min(soonest, time.Since(begun)-time.Duration(binary.BigEndian.Uint64(b)))
	}
	return got, soonest
}
