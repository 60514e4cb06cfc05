package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/cim-go/cim/proto"
)

const (
	awaitEvery = 250 * time.Millisecond // the pause between two tries
	tellAfter  = 2 * time.Second        // shorter waits are not logged
	tellEvery  = 10 * time.Second
	failAfter  = 10 * time.Second // how long -fail-fast waits
)

// Await calls try until it succeeds, until it returns false for again, or until ctx
// ends. It blocks until then. Every 10 s it logs the last error and the text in what,
// which names the thing that it waits for. Meanwhile it serves health checks on the
// listeners, which report that the process lives and is not ready. It does not close
// the listeners.
func Await(ctx context.Context, log *slog.Logger, what string, listeners []net.Listener, try func(context.Context) (again bool, err error)) error {
	again, err := try(ctx)
	if err == nil || !again {
		return err
	}
	var held sync.WaitGroup
	serving, stop := context.WithCancel(ctx)
	for _, l := range listeners {
		held.Go(func() { hold(serving, l, what) })
	}
	defer held.Wait()
	defer stop()
	t := newTeller(log, what)
	for {
		t.tell(err)
		select {
		case <-time.After(awaitEvery):
		case <-ctx.Done():
			return ctx.Err()
		}
		if again, err = try(ctx); err == nil || !again {
			return err
		}
	}
}

// AwaitReady calls ready until it returns nil, or ctx ends. It blocks until then. Every
// 10 s it logs the last error and the text in what, as Await does. If failFast is true,
// it returns an error after ten seconds.
func AwaitReady(ctx context.Context, log *slog.Logger, what string, failFast bool, ready func(context.Context) error) error {
	t := newTeller(log, what)
	for {
		err := ready(ctx)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		if failFast && time.Since(t.begun) > failAfter {
			return fmt.Errorf("%s did not answer within %v: %w", what, failAfter, err)
		}
		t.tell(err)
		select {
		case <-time.After(awaitEvery):
		case <-ctx.Done():
			return nil
		}
	}
}

// teller logs a wait from time to time.
type teller struct {
	log         *slog.Logger
	what        string
	begun, next time.Time
}

func newTeller(log *slog.Logger, what string) *teller {
	now := time.Now()
	return &teller{log: log, what: what, begun: now, next: now.Add(tellAfter)}
}

func (t *teller) tell(err error) {
	if now := time.Now(); !now.Before(t.next) {
		t.next = now.Add(tellEvery)
		t.log.Info("waiting", "for", t.what, "err", err)
	}
}

// hold serves health checks on a listener until ctx ends. It does not close the listener.
func hold(ctx context.Context, l net.Listener, what string) {
	answer, err := json.Marshal(proto.ErrorAnswer{
		Code: proto.Unavailable, Name: proto.Unavailable.String(), Message: "Waiting for " + what + ".",
	})
	if err != nil {
		panic(err) // this cannot fail for a value of this type
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == proto.PathHealth {
			_, _ = io.WriteString(w, "ok\n")
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write(answer)
	})
	lent := &lent{Listener: l}
	_ = Serve(ctx, lent, handler) // Serve returns when ctx ends
	if d, ok := l.(deadliner); ok {
		_ = d.SetDeadline(time.Time{})
	}
}

// deadliner is a listener whose Accept can be ended by a deadline.
type deadliner interface{ SetDeadline(time.Time) error }

// lent is a listener whose Close leaves the listener below open.
type lent struct{ net.Listener }

// Close ends Accept and leaves the listener open.
func (l *lent) Close() error {
	if d, ok := l.Listener.(deadliner); ok {
		return d.SetDeadline(time.Unix(1, 0))
	}
	return errors.ErrUnsupported
}
