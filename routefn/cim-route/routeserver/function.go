package routeserver

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/process"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/routefn/lambda"
)

// warmTime is how long a function tries to make its route before its first request. It is
// much less than the 10 s that Lambda allows.
const warmTime = 3 * time.Second

// serveLambda answers Lambda's events until ctx ends.
func (o *options) serveLambda(ctx context.Context) error {
	f, err := o.newFunction(place{lambda: true, function: true})
	if err != nil {
		return err
	}
	adapter, err := lambda.New(lambda.Config{Handler: f, Fail: failFunction, Logger: o.log})
	if err != nil {
		return err
	}
	f.warm(ctx)
	adapter.Serve(ctx)
	f.close()
	return nil
}

// serveFunction serves HTTP at the address listen, until ctx ends.
func (o *options) serveFunction(ctx context.Context, listen string) error {
	f, err := o.newFunction(place{function: true})
	if err != nil {
		return err
	}
	listener, err := process.Listen("listen", listen, false)
	if err != nil {
		return err
	}
	defer f.close()
	return process.Serve(ctx, listener, f)
}

// Function returns the handler of a function, for a platform that has its own HTTP
// server. It reads args and the environment as Run does. The handler need not be closed,
// because it lives as long as the process.
func Function(args []string, stderr io.Writer) (http.Handler, error) {
	o, err := parse(args, stderr)
	if err != nil {
		return nil, err
	}
	return o.newFunction(place{function: true})
}

// A function makes its route at the first request at which all secrets and the store are
// available. While a secret or the store is missing, the function logs that every few
// minutes, and answers every request with 503. If the function exited instead, the
// platform would start it again for each request, and the caller would get no answer.
//
// The function answers a request only after all pushes of the request are done, because
// it may be frozen after the answer.
type function struct {
	start func(context.Context) (*Server, error)
	log   *slog.Logger
	made  atomic.Pointer[Server]
	turn  chan struct{} // a lock of capacity 1: the goroutine that has put a value in it makes the route

	told time.Time // when it was last logged that something is missing; guarded by turn
}

func (o *options) newFunction(at place) (*function, error) {
	if o.members.kind != "seed" {
		return nil, fmt.Errorf("%w: -ring %s: a function is frozen between requests and keeps no session; want seed:HOST:PORT[,...]",
			process.ErrUsage, o.members.kind)
	}
	o.adapt(at)
	o.TellOpen(o.log, "the platform's")
	return &function{start: o.startFunction, log: o.log, turn: make(chan struct{}, 1)}, nil
}

// startFunction makes the route, or returns which secret or store is missing. Even if a
// function listens on loopback, anybody may be able to call it. So it needs a cluster key,
// which a server on loopback does not need.
func (o *options) startFunction(ctx context.Context) (*Server, error) {
	keys, err := process.Keys("cluster-key", o.key)
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w: a function needs -cluster-key", process.ErrUsage)
	}
	registry := prometheus.NewRegistry() // the metrics are not served, see makeHandler
	cluster := ring.NewKeys(keys...)
	if err := o.admit(cluster); err != nil {
		return nil, err
	}
	members, err := o.followSeeds(cluster, registry)
	if err != nil {
		return nil, err
	}
	if o.AuditLog == nil { // an earlier try may have opened it
		if o.AuditLog, err = o.Audit.Open(o.stderr, ""); err != nil {
			return nil, err
		}
	}
	pages, err := o.Pages.FunctionGuard(o.Guard.Proxies, o.AuditLog)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	return assemble(ctx, &o.Flags, pages, members, cluster, o.log, registry)
}

// ServeHTTP serves the route's handlers. It answers the liveness check even if there is
// no route yet.
func (f *function) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s, err := f.started(r.Context())
	switch {
	case err == nil:
		s.handler.ServeHTTP(w, r)
		_ = s.route.Flush(r.Context()) // if it fails, nodes find the entries by reconciliation
	case r.URL.Path == proto.PathHealth:
		_, _ = io.WriteString(w, "ok\n")
	default:
		writeFailure(w, http.StatusServiceUnavailable, proto.Err(proto.Unavailable, "The function lacks something it needs; its log says what."))
	}
}

// started returns the route, and makes it if there is none yet. One caller at a time tries
// to make the route, and the other callers wait for it.
func (f *function) started(ctx context.Context) (*Server, error) {
	if s := f.made.Load(); s != nil {
		return s, nil
	}
	select {
	case f.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-f.turn }()
	if s := f.made.Load(); s != nil {
		return s, nil
	}
	s, err := f.start(ctx)
	if err != nil {
		f.tell(err)
		return nil, err
	}
	f.log.Info("function is ready")
	f.made.Store(s)
	return s, nil
}

// tellEvery is the time between two log lines about a missing secret or store.
const tellEvery = 5 * time.Minute

func (f *function) tell(err error) {
	now := time.Now().Round(0) // without the monotonic clock, which may stand still while the function is frozen
	if !f.told.IsZero() && now.Sub(f.told) < tellEvery {
		return
	}
	f.told = now
	f.log.Error("function cannot serve", "err", err)
}

// warm makes the route before the first request, if it can be made now.
func (f *function) warm(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, warmTime)
	defer cancel()
	_, _ = f.started(ctx) // logged, and tried again by the first request
}

func (f *function) close() {
	if s := f.made.Load(); s != nil {
		s.close()
	}
}

// failFunction implements lambda.Config.Fail for a route.
func failFunction(w http.ResponseWriter, status int) {
	failed := proto.Err(proto.Unknown, "") // after a panic, something may have been stored
	if status == http.StatusRequestEntityTooLarge {
		failed = proto.Err(proto.TooLarge, "The answer is longer than can be carried; ask for less.")
	}
	writeFailure(w, status, failed)
}

func writeFailure(w http.ResponseWriter, status int, failed *proto.Error) {
	b, err := json.Marshal(proto.ErrorAnswer{Code: failed.Code, Name: failed.Code.String(), Message: failed.Error()})
	if err != nil {
		panic(err) // the value has a type of ours, so this is a programmer's mistake
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(status)
	_, _ = w.Write(b) // the caller is gone, so no answer is needed
}
