package sock

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/nettest"
)

// pair returns both ends of a connection.
func pair() (a, b net.Conn, err error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer ln.Close()
	if a, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		return nil, nil, err
	}
	if b, err = ln.Accept(); err != nil {
		return nil, nil, err
	}
	return Wrap(a), Wrap(b), nil
}

func TestConnIsOne(t *testing.T) {
	nettest.TestConn(t, func() (a, b net.Conn, stop func(), err error) {
		a, b, err = pair()
		return a, b, func() { _ = a.Close(); _ = b.Close() }, err
	})
}

func ends(t *testing.T) (a, b net.Conn) {
	t.Helper()
	a, b, err := pair()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close(); _ = b.Close() })
	return a, b
}

func TestMuchIsMovedThroughAFullSocket(t *testing.T) {
	a, b := ends(t)
	want := make([]byte, 32<<20)
	for i := range want {
		want[i] = byte(i * i >> 7)
	}
	wrote := make(chan error, 1)
	go func() {
		n, err := a.Write(want)
		if err == nil && n != len(want) {
			err = io.ErrShortWrite
		}
		wrote <- errors.Join(err, a.Close())
	}()
	got, err := io.ReadAll(b)
	if err := errors.Join(err, <-wrote); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d of %d bytes came, or others: %v", len(got), len(want), err)
	}
}

func TestErrorsAreThoseOfPackageNet(t *testing.T) {
	a, b := ends(t)
	_ = a.SetReadDeadline(time.Now().Add(time.Millisecond))
	_, err := a.Read(make([]byte, 1))
	var e *net.OpError
	if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &e) || e.Op != "read" || !e.Timeout() {
		t.Fatalf("after the deadline: %v", err)
	}
	_ = b.(interface{ SetLinger(int) error }).SetLinger(0)
	_ = b.Close() // with a reset
	_ = a.SetReadDeadline(time.Time{})
	if _, err = a.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("after a reset: %v", err)
	}
	if _, err = a.Write(make([]byte, 1)); !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("write after a reset: %v", err)
	}
	_ = a.Close()
	if _, err = a.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Fatalf("after Close: %v", err)
	}
}

// A pool peeks before it gives a connection out.
func TestPeekIsAskedForOnlyIfThereIsSomething(t *testing.T) {
	a, b := ends(t)
	raw, err := a.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	asked := func() bool {
		called := false
		if err := raw.Read(func(uintptr) bool { called = true; return true }); err != nil {
			t.Fatal(err)
		}
		return called
	}
	if asked() {
		t.Fatal("asked of a connection on which nothing came")
	}
	if _, err := b.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	for !asked() { // until it has come
		runtime.Gosched()
	}
	if n, err := a.Read(make([]byte, 2)); n != 1 || err != nil {
		t.Fatalf("the byte that was looked at: %d, %v", n, err)
	}
	_ = b.Close()
	for !asked() { // the end is something, too
		runtime.Gosched()
	}
}

func TestReadingAndWritingAllocateNothing(t *testing.T) {
	a, b := ends(t)
	buf := make([]byte, 100)
	if n := testing.AllocsPerRun(100, func() {
		_, err := a.Write(buf)
		_, err2 := io.ReadFull(b, buf)
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Fatalf("%v allocations", n)
	}
}

func BenchmarkEcho(bench *testing.B) {
	for _, c := range []struct {
		name string
		wrap func(net.Conn) net.Conn
	}{{"sock", Wrap}, {"net", func(c net.Conn) net.Conn { return c.(*conn).TCPConn }}} {
		bench.Run(c.name, func(bench *testing.B) {
			a, b, err := pair()
			if err != nil {
				bench.Fatal(err)
			}
			a, b = c.wrap(a), c.wrap(b)
			defer a.Close()
			defer b.Close()
			go func() {
				buf := make([]byte, 100)
				for {
					if _, err := io.ReadFull(b, buf); err != nil {
						return
					}
					_, _ = b.Write(buf)
				}
			}()
			buf := make([]byte, 100)
			begun := cpu()
			for bench.Loop() {
				_, err1 := a.Write(buf)
				_, err2 := io.ReadFull(a, buf)
				if err := errors.Join(err1, err2); err != nil {
					bench.Fatal(err)
				}
			}
			bench.ReportMetric(float64((cpu()-begun).Nanoseconds())/float64(bench.N), "cpu-ns/op")
		})
	}
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
