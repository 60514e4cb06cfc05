package config

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
	awaitEvery = 250 * time.Millisecond // between two tries
	tellAfter  = 2 * time.Second        // what comes soon is not worth a line
	tellEvery  = 10 * time.Second
	failAfter  = 10 * time.Second // of -fail-fast
)

// Await calls try until it succeeds, says that there is no sense in trying again, or ctx
// ends, and blocks until then. Once in 10 s the log has what is awaited and why.
// Meanwhile it answers on the listeners, which it does not close: that the process
// lives, and that it is not ready.
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

// AwaitReady watches until ready returns nil, or ctx ends. Once in 10 s the log has what
// is awaited and why. With failFast it returns an error after ten seconds.
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

// teller tells the log now and then.
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

// hold serves health checks on a listener until ctx ends, and leaves it open.
func hold(ctx context.Context, l net.Listener, what string) {
	answer, err := json.Marshal(proto.ErrorAnswer{
		Code: proto.Unavailable, Name: proto.Unavailable.String(), Message: "Waiting for " + what + ".",
	})
	if err != nil {
		panic(err) // our own type: a programmer's mistake
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
	_ = Serve(ctx, lent, handler) // it ends with ctx
	if d, ok := l.(deadliner); ok {
		_ = d.SetDeadline(time.Time{})
	}
}

// deadliner is what a listener can do whose Accept can be ended.
type deadliner interface{ SetDeadline(time.Time) error }

// lent is a listener that stays open when its borrower closes it.
type lent struct{ net.Listener }

// Close ends Accept.
func (l *lent) Close() error {
	if d, ok := l.Listener.(deadliner); ok {
		return d.SetDeadline(time.Unix(1, 0))
	}
	return errors.ErrUnsupported
}
