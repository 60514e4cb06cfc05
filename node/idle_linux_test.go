package node

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
)

// BenchmarkIdle measures what an open connection that waits costs the whole node, and
// how fast connections open. The clients are bare descriptors in the same process.
// Their memory is the kernel's, but their processor time is counted.
func BenchmarkIdle(b *testing.B) {
	const conns = 8000
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	w := start(b, func(c *Config) { c.Clients, c.Now = ln, time.Now })
	logins := make([][]byte, conns)
	for i := range logins {
		ticket, err := w.issuer.Ticket(token.Ticket{
			User: int64(i + 1), Name: fmt.Sprintf("user-%d", i), Device: "phone", Number: 5, Node: nodeID,
			Expires: time.Now().Add(time.Minute),
		})
		if err != nil {
			b.Fatal(err)
		}
		logins[i], _ = proto.AppendFrame(nil, &proto.Frame{Cmd: proto.Command_LOGIN_REQUEST, Ticket: ticket})
	}
	fds := make([]int, 0, conns)
	b.Cleanup(func() {
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
	})
	before, begun := resident(), time.Now()
	at := &unix.SockaddrInet4{Port: ln.Addr().(*net.TCPAddr).Port, Addr: [4]byte{127, 0, 0, 1}}
	for _, login := range logins {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err != nil {
			b.Fatal(err)
		}
		fds = append(fds, fd)
		if err := unix.Connect(fd, at); err != nil {
			b.Fatal(err)
		}
		if _, err := unix.Write(fd, login); err != nil {
			b.Fatal(err)
		}
	}
	for w.Users() < conns {
		runtime.Gosched()
	}
	b.ReportMetric(conns/time.Since(begun).Seconds(), "opened/s")
	w.route.set(func(s *script) { s.reports = nil }) // what only the test keeps
	b.ReportMetric(float64(resident()-before)/conns, "RSS-bytes/conn")
	b.ReportMetric(0, "ns/op")
}

// resident returns the bytes of memory that this process has.
func resident() int {
	debug.FreeOSMemory()
	text, _ := os.ReadFile("/proc/self/statm")
	var size, pages int
	_, _ = fmt.Sscan(string(text), &size, &pages)
	return pages * os.Getpagesize()
}
