package program

import (
	"context"
	"crypto/ed25519"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cim-go/cim/proto/token"
)

// Keys are asked for rarely, and soon when there is a ticket that they do not fit;
// but strangers with tickets of their own cost no more than one question in 10 s.
func TestKeysAreAskedForRarelyAndWhenATicketDoesNotFit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := func(secret string) *token.Issuer {
			i, err := token.NewIssuer([]byte(secret))
			if err != nil {
				t.Fatal(err)
			}
			return i
		}
		before, after := issuer("the route key before"), issuer("the route key after it")
		var now atomic.Pointer[token.Issuer] // nil: no route yet
		var asked atomic.Int32
		k := keyKeeper{verifier: token.NewVerifier(), log: slog.New(slog.DiscardHandler), fetch: func(context.Context) ([]ed25519.PublicKey, error) {
			asked.Add(1)
			if i := now.Load(); i != nil {
				return []ed25519.PublicKey{i.Public()}, nil
			}
			return nil, errors.New("no route yet")
		}}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); k.run(ctx) }()
		defer func() { cancel(); <-done }()
		wait := func(d time.Duration) { time.Sleep(d); synctest.Wait() }
		admits := func(i *token.Issuer) bool {
			ticket, err := i.Ticket(token.Ticket{User: 1, Name: "alice", Node: "n1", Expires: time.Now().Add(time.Minute)})
			if err != nil {
				t.Fatal(err)
			}
			_, err = k.verifier.Ticket(ticket, time.Now())
			return err == nil
		}

		wait(time.Second)
		now.Store(before)
		wait(time.Second)
		if n := asked.Swap(0); !admits(before) || n < 5 {
			t.Fatalf("asked %d times, ready %v", n, k.verifier.Ready())
		}
		wait(time.Hour + time.Minute)
		if n := asked.Swap(0); n != 6 {
			t.Errorf("asked %d times in an hour of rest, want 6", n)
		}
		now.Store(after)
		if admits(after) {
			t.Error("a key was known before anybody told it")
		}
		wait(0)
		if !admits(after) {
			t.Error("the new key is not known at once")
		}
		asked.Store(0)
		for range 600 {
			admits(before)
			wait(100 * time.Millisecond)
		}
		if n := asked.Load(); n > 7 {
			t.Errorf("asked %d times in a minute of tickets that do not fit, want 7 at most", n)
		}
	})
}
