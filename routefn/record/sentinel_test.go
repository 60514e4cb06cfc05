package record

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cim-go/cim/routefn/record/redistest"
	"github.com/cim-go/cim/routefn/record/servers"
)

// While the primary is gone, nothing is accepted. After Sentinel has promoted a
// replica, the same Store goes on there, with all that replicas had. Messages without
// an answer are sent again, and are stored once. Without any Sentinel, the error of a
// write shows that nothing was sent.
func TestStoreFollowsTheSentinels(t *testing.T) {
	group, err := redistest.NewSentinel(t.Context(), t.TempDir(), 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(group.Stop)
	s := dial(t, Config{URL: group.URL()})
	alice, bob := register(t, s, "alice"), register(t, s, "bob")
	stored(t, s, private(alice, bob, "before"))
	waitReplicated(t, s)

	if _, err := group.Lose(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	m := private(alice, bob, "meanwhile")
	begun := time.Now()
	for tries := 0; ; tries++ {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		a := s.Append(ctx, []Message{m})[0]
		cancel()
		if a.Err == nil {
			t.Logf("a replica took over after %v, %d tries", time.Since(begun), tries)
			break
		}
		if !errors.Is(a.Err, ErrUnavailable) && !errors.Is(a.Err, ErrUnknown) || time.Since(begun) > 20*time.Second {
			t.Fatalf("after %v: %v", time.Since(begun), a.Err)
		}
		m.Again = true
		time.Sleep(20 * time.Millisecond)
	}
	want := []string{private(alice, bob, "before").key(), m.key()}
	wantKeys(t, inbox(t, s, bob), want...)
	wantKeys(t, inbox(t, s, alice), want...)

}

// A Sentinel that does not know the primary, as after a reset, answers "nil". A
// Sentinel that is gone does not answer. Neither must count as an answer of the store,
// because nothing was sent.
func TestWithoutAPrimaryNothingIsSent(t *testing.T) {
	group, err := redistest.NewSentinel(t.Context(), t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(group.Stop)
	s := dial(t, Config{URL: group.URL()})
	alice, bob := register(t, s, "alice"), register(t, s, "bob")
	stored(t, s, private(alice, bob, "before"))
	primary, err := group.Primary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fails := func(when string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if _, err := s.Sessions(ctx, bob); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s, a read says %v, want ErrUnavailable", when, err)
		}
		if err := s.Append(ctx, []Message{private(alice, bob, "1")})[0].Err; !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s, a write says %v, want ErrUnavailable", when, err)
		}
	}
	if err := group.Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	primary.Kill() // its open connections die, too
	if err := s.Ping(t.Context()); err == nil {
		t.Fatal("a killed server answers")
	}
	fails("forgotten")
	group.Stop()
	fails("without Sentinels")
}

// waitReplicated blocks until all replicas have all writes.
func waitReplicated(t *testing.T, s *Store) {
	t.Helper()
	n, err := s.Topology.(servers.One).Wait(t.Context(), 2, 5*time.Second).Result()
	if err != nil || n != 2 {
		t.Fatalf("%d replicas have it: %v", n, err)
	}
}
