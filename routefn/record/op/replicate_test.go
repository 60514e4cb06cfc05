package op

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/cim-go/cim/routefn/record/redistest"
	"github.com/cim-go/cim/routefn/record/servers"
	"github.com/cim-go/cim/routefn/record/storetest"
)

// shortWait is how long a write waits in tests whose replica is paused for good, and
// longWait in tests whose replica will go on.
const (
	shortWait = 250 * time.Millisecond
	longWait  = 1900 * time.Millisecond
)

// replicated returns a DB that waits for one replica, with its primary and that
// replica.
func replicated(t testing.TB, wait time.Duration) (d *DB, primary, replica *redistest.Server) {
	t.Helper()
	primary = storetest.Primary(t)
	replica = storetest.Replica(t, primary.Addr())
	cfg := at(primary.URL())
	cfg.Replicas, cfg.ReplicaTimeout = 1, wait
	return dial(t, cfg), primary, replica
}

// busy pauses the replica, starts one write that waits for it, and queues n calls of
// send behind that.
func busy(t *testing.T, d *DB, replica *redistest.Server, n int, send func(i int)) (resume func(), wait func()) {
	t.Helper()
	client := clientOf(d).Client
	primary := storetest.Client(t, client.Options().Addr)
	var all sync.WaitGroup
	resume = storetest.Pause(t, replica)
	all.Go(func() { send(0) })
	eventually(t, "the first waits", func() bool {
		return servers.InfoField(primary.Info(t.Context(), "clients").Val(), "blocked_clients") == "1"
	})
	for i := range n {
		all.Go(func() { send(i + 1) })
	}
	eventually(t, "the others wait for the first", func() bool {
		d.writers.mu.Lock()
		defer d.writers.mu.Unlock()
		return len(d.writers.of[client].waiting) == n
	})
	return resume, all.Wait
}

func TestWhatArrivesMeanwhileSharesOneWait(t *testing.T) {
	d, primary, replica := replicated(t, longWait)
	accept(t, d, "a", "warm")
	c := storetest.Client(t, primary.Addr())
	if err := c.ConfigResetStat(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	resume, wait := busy(t, d, replica, 20, func(i int) {
		o := push("a", fmt.Sprint(i))
		if d.Accept(t.Context(), "append", o); o.Err != nil {
			t.Error(o.Err)
		}
	})
	resume()
	wait()
	if calls := servers.InfoField(c.Info(t.Context(), "commandstats").Val(), "cmdstat_wait"); !strings.HasPrefix(calls, "calls=2,") {
		t.Errorf("the server says of WAIT %q, want two calls", calls)
	}
	if got := len(values(t, d, "a")); got != 22 {
		t.Errorf("the list has %d values, want 22", got)
	}
	eventually(t, "the idle writer is gone", func() bool {
		d.writers.mu.Lock()
		defer d.writers.mu.Unlock()
		return len(d.writers.of) == 0
	})
}

// MONITOR shows on which connection each command came. Other readers keep more
// connections of the pool open.
func TestWaitIsOnTheConnectionThatWrote(t *testing.T) {
	d, primary, _ := replicated(t, longWait)
	accept(t, d, "a", "warm")
	lines := monitor(t, primary)
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for n := range 25 {
				o := push("a", fmt.Sprint(i, "-", n))
				if d.Accept(t.Context(), "append", o); o.Err != nil {
					t.Error(o.Err)
				}
			}
		})
		all.Go(func() {
			for range 50 {
				o := Read("cim:{a}:h", []any{"hget", "cim:{a}:h", "live"})
				if d.Run(t.Context(), "sessions", o); o.Err != nil {
					t.Error(o.Err)
				}
			}
		})
	}
	all.Wait()
	waits, writer := 0, ""
	for _, line := range lines() { // +TIME [DB ADDR] "COMMAND" ...
		words := strings.Fields(line)
		switch words[3] {
		case `"rpush"`:
			writer = words[2]
		case `"wait"`:
			if waits++; words[2] != writer {
				t.Fatalf("%s waits for what %s wrote", words[2], writer)
			}
		}
	}
	if waits == 0 {
		t.Error("nobody waited")
	}
}

// monitor records the commands that a server gets. The function lines ends the
// recording and returns them.
func monitor(t *testing.T, server *redistest.Server) (lines func() []string) {
	t.Helper()
	conn, err := net.Dial("tcp", server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := conn.Write([]byte("MONITOR\r\n")); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewScanner(conn)
	in.Scan() // the answer to MONITOR; all later lines are commands
	return func() []string {
		if err := storetest.Client(t, server.Addr()).Echo(t.Context(), "enough").Err(); err != nil {
			t.Fatal(err)
		}
		var lines []string
		for in.Scan() && !strings.Contains(in.Text(), `"echo" "enough"`) {
			lines = append(lines, in.Text())
		}
		return lines
	}
}

// If a caller gives up, the outcome of ops that were sent is unknown, and other ops are
// never sent.
func TestWaitingWriteEndsWithItsContext(t *testing.T) {
	d, _, replica := replicated(t, longWait)
	accept(t, d, "a", "warm")
	ctx, cancel := context.WithCancel(t.Context())
	var got [2]error
	resume, wait := busy(t, d, replica, 1, func(i int) {
		o := push("a", fmt.Sprint(i))
		d.Accept(ctx, "append", o)
		got[i] = o.Err
	})
	cancel()
	wait()
	resume()
	if !errors.Is(got[0], ErrUnknown) || !errors.Is(got[1], ErrUnavailable) || errors.Is(got[1], ErrUnknown) {
		t.Errorf("in flight: %v; waiting: %v", got[0], got[1])
	}
	accept(t, d, "a", "last")
	if got := fmt.Sprint(values(t, d, "a")); got != "[warm 0 last]" {
		t.Errorf("the list has %s", got)
	}
}

func TestTooManyWaitingAreRefused(t *testing.T) {
	d, _, _ := replicated(t, shortWait)
	client := clientOf(d).Client
	d.writers.mu.Lock()
	d.writers.of[client] = &writer{client: client, ops: maxWaiting}
	d.writers.mu.Unlock()
	o := push("a", "1")
	d.Accept(t.Context(), "append", o)
	if !errors.Is(o.Err, ErrUnavailable) || errors.Is(o.Err, ErrUnknown) {
		t.Errorf("append: %v", o.Err)
	}
}

// A write that only the primary has counts as unknown, and is counted by metrics.
func TestWriteOnThePrimaryAloneIsUnknown(t *testing.T) {
	d, _, replica := replicated(t, shortWait)
	resume := storetest.Pause(t, replica)
	for range 2 {
		o := push("a", "1")
		if d.Accept(t.Context(), "append", o); !errors.Is(o.Err, ErrUnknown) || !errors.Is(o.Err, ErrTooFew) {
			t.Errorf("append: %v", o.Err)
		}
	}
	if got := testutil.ToFloat64(d.metrics.unreplicated); got != 2 {
		t.Errorf("%v writes are counted as unreplicated, want 2", got)
	}
	resume()
	accept(t, d, "a", "2")
}
