package record

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/cim-go/cim/routefn/record/redistest"
	"github.com/cim-go/cim/routefn/record/servers"
)

// busy pauses the replica, starts one append that waits for it, and queues n calls of
// send behind that.
func busy(t *testing.T, s *Store, replica *redistest.Server, n int, send func(i int)) (resume func(), wait func()) {
	t.Helper()
	client := s.topology.(servers.One).Client
	primary := clientOf(t, client.Options().Addr)
	var all sync.WaitGroup
	resume = pause(t, replica)
	all.Go(func() { send(0) })
	eventually(t, "the first waits", func() bool {
		return servers.InfoField(primary.Info(t.Context(), "clients").Val(), "blocked_clients") == "1"
	})
	for i := range n {
		all.Go(func() { send(i + 1) })
	}
	eventually(t, "the others wait for the first", func() bool {
		s.writers.mu.Lock()
		defer s.writers.mu.Unlock()
		return len(s.writers.of[client].waiting) == n
	})
	return resume, all.Wait
}

func TestWhatArrivesMeanwhileSharesOneWait(t *testing.T) {
	s, primary, replica := replicated(t, longWait)
	alice, bob := register(t, s, "alice"), register(t, s, "bob")
	stored(t, s, private(alice, bob, "warm"))
	c := clientOf(t, primary.Addr())
	if err := c.ConfigResetStat(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	resume, wait := busy(t, s, replica, 20, func(i int) {
		if a := s.Append(t.Context(), []Message{private(alice, bob, fmt.Sprint(i))})[0]; a.Err != nil {
			t.Error(a.Err)
		}
	})
	resume()
	wait()
	if calls := servers.InfoField(c.Info(t.Context(), "commandstats").Val(), "cmdstat_wait"); !strings.HasPrefix(calls, "calls=2,") {
		t.Errorf("the server says of WAIT %q, want two calls", calls)
	}
	if got := len(inbox(t, s, bob)); got != 22 {
		t.Errorf("bob has %d messages, want 22", got)
	}
	eventually(t, "the idle writer is gone", func() bool {
		s.writers.mu.Lock()
		defer s.writers.mu.Unlock()
		return len(s.writers.of) == 0
	})
}

// MONITOR shows on which connection each command came. Other readers keep more
// connections of the pool open.
func TestWaitIsOnTheConnectionThatWrote(t *testing.T) {
	s, primary, _ := replicated(t, longWait)
	alice, bob := register(t, s, "alice"), register(t, s, "bob")
	stored(t, s, private(alice, bob, "warm"))
	lines := monitor(t, primary)
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for n := range 25 {
				if a := s.Append(t.Context(), []Message{private(alice, bob, fmt.Sprint(i, "-", n))})[0]; a.Err != nil {
					t.Error(a.Err)
				}
			}
		})
		all.Go(func() {
			for range 50 {
				if _, err := s.Sessions(t.Context(), alice); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	waits, writer := 0, ""
	for _, line := range lines() { // +TIME [DB ADDR] "COMMAND" ...
		words := strings.Fields(line)
		switch words[3] {
		case `"rpushx"`:
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
		if err := clientOf(t, server.Addr()).Echo(t.Context(), "enough").Err(); err != nil {
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
func TestWaitingAppendEndsWithItsContext(t *testing.T) {
	s, _, replica := replicated(t, longWait)
	alice, bob := register(t, s, "alice"), register(t, s, "bob")
	stored(t, s, private(alice, bob, "warm"))
	ctx, cancel := context.WithCancel(t.Context())
	var got [2]error
	resume, wait := busy(t, s, replica, 1, func(i int) {
		got[i] = s.Append(ctx, []Message{private(alice, bob, fmt.Sprint(i))})[0].Err
	})
	cancel()
	wait()
	resume()
	if !errors.Is(got[0], ErrUnknown) || !errors.Is(got[1], ErrUnavailable) || errors.Is(got[1], ErrUnknown) {
		t.Errorf("in flight: %v; waiting: %v", got[0], got[1])
	}
	stored(t, s, private(alice, bob, "last"))
	wantKeys(t, inbox(t, s, bob), private(alice, bob, "warm").key(), key(alice, 0), private(alice, bob, "last").key())
}

func TestTooManyWaitingAreRefused(t *testing.T) {
	s, _, _ := replicated(t, shortWait)
	alice, bob := register(t, s, "alice"), register(t, s, "bob")
	client := s.topology.(servers.One).Client
	s.writers.mu.Lock()
	s.writers.of[client] = &writer{client: client, ops: maxWaiting}
	s.writers.mu.Unlock()
	a := s.Append(t.Context(), []Message{private(alice, bob, "1")})[0]
	if !errors.Is(a.Err, ErrUnavailable) || errors.Is(a.Err, ErrUnknown) {
		t.Errorf("append: %v", a.Err)
	}
}
