package servers

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// pipe returns a probed connection that has rested for its pause, and its peer.
func pipe(t *testing.T) (*probedConn, net.Conn) {
	t.Helper()
	here, there := net.Pipe()
	t.Cleanup(func() {
		here.Close()
		there.Close()
	})
	dial := probeDialer(func(context.Context, string, string) (net.Conn, error) { return here, nil }, time.Second)
	conn, err := dial(t.Context(), "tcp", "")
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	return conn.(*probedConn), there
}

func TestServerThatNeverAnswersAProbeIsDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, there := pipe(t)
		got := make([]byte, 100)
		heard := make(chan int)
		go func() {
			n, _ := there.Read(got)
			heard <- n
		}()
		begun := time.Now()
		n, err := p.Write([]byte("set"))
		if n != 0 || !errors.Is(err, ErrDead) || !Unsent(err) {
			t.Errorf("%d bytes written, error is %v", n, err)
		}
		if took := time.Since(begun); took != probeTimeout {
			t.Errorf("it took %v", took)
		}
		if n := <-heard; string(got[:n]) != string(probe) {
			t.Errorf("the server got %q", got[:n])
		}
	})
}

// A connection must not be probed between a request and its answer, because the probe
// would read that answer.
func TestConnectionIsProbedOnlyAtRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, there := pipe(t)
		var got []string
		done := make(chan struct{})
		go func() {
			defer close(done)
			b := make([]byte, 100)
			for {
				n, err := there.Read(b)
				if err != nil {
					return
				}
				got = append(got, string(b[:n]))
				if string(b[:n]) == string(probe) {
					there.Write(alive)
				}
			}
		}()
		for range 2 { // the second one is the rest of a request whose first part took long
			if _, err := p.Write([]byte("set")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Second)
		}
		go there.Write([]byte("+OK"))
		if _, err := io.ReadFull(p, make([]byte, 3)); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Write([]byte("get")); err != nil { // at once
			t.Fatal(err)
		}
		p.Close()
		<-done
		if want := []string{string(probe), "set", "set", "get"}; !slices.Equal(got, want) {
			t.Errorf("the server got %q, want %q", got, want)
		}
	})
}
