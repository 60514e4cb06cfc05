package routefn

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/body"
)

// readyTimeout is how long the store has to answer.
const readyTimeout = time.Second

// nearlyFull is the part of its maxmemory that the store may use before /readyz reports
// how full it is.
const nearlyFull = 0.8

// serveHealth serves GET /healthz, which shows that the process answers. It ignores the
// store, because a loss of the store must not make an orchestrator replace every route.
func (rt *Route) serveHealth(w http.ResponseWriter, _ *http.Request) {
	body.Write(w, http.StatusOK, "text/plain; charset=utf-8", []byte("ok\n"))
}

// withoutReason removes the reason from the answers of a health check, so that only the
// status is left.
func withoutReason(check http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { check(&statusOnly{ResponseWriter: w}, r) }
}

// statusOnly is a ResponseWriter that replaces the body by "ok" or "not ready".
type statusOnly struct {
	http.ResponseWriter
	written bool
}

func (s *statusOnly) WriteHeader(status int) {
	if s.written {
		return
	}
	s.written = true
	text := "ok\n"
	if status != http.StatusOK {
		text = "not ready\n"
	}
	s.Header().Set("Content-Type", "text/plain; charset=utf-8")
	s.Header().Del("Content-Length")
	s.ResponseWriter.WriteHeader(status)
	_, _ = s.ResponseWriter.Write([]byte(text)) // this fails only if the caller is gone
}

// Write drops the body that a health check writes.
func (s *statusOnly) Write(b []byte) (int, error) {
	s.WriteHeader(http.StatusOK)
	return len(b), nil
}

// serveReady serves GET /readyz. It answers 200 while the store answers and the members
// are known. If one of the two is missing, it answers 503 with the reason. It also makes
// the route check the store for a loss, even if no other requests come. If the store's
// memory is nearly full, the answer reports that, but its status is still 200. The reason
// is that every other route has the same store.
func (rt *Route) serveReady(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	if err := rt.cfg.Store.Ping(ctx); err != nil {
		body.Fail(w, http.StatusServiceUnavailable, proto.Err(proto.Unavailable, "The store does not answer."))
		return
	}
	_ = rt.check.Fresh()
	if _, err := rt.cfg.Members(ctx); err != nil {
		body.Fail(w, http.StatusServiceUnavailable, rt.codes.Of(err))
		return
	}
	text := "ok\n"
	if part, err := rt.cfg.Store.Filled(ctx); err == nil && part >= nearlyFull {
		text += fmt.Sprintf("The store's memory is %.0f %% full. When it is full, no message is accepted.\n", 100*part)
	}
	body.Write(w, http.StatusOK, "text/plain; charset=utf-8", []byte(text))
}
