package routefn

import (
	"context"
	"net/http"
	"time"

	"github.com/cim-go/cim/proto"
)

// readyTimeout is what the store has to say that it is there.
const readyTimeout = time.Second

// Health serves GET /healthz: the process answers. Losing the store must not have
// every route replaced, so it is not asked.
func (rt *Route) Health(w http.ResponseWriter, _ *http.Request) {
	writeBytes(w, http.StatusOK, "text/plain; charset=utf-8", []byte("ok\n"))
}

// Ready serves GET /readyz: 200 while the store answers and the members are known,
// else 503 and which of them is missing.
func (rt *Route) Ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	if err := rt.cfg.Store.Ping(ctx); err != nil {
		failJSON(w, http.StatusServiceUnavailable, proto.Err(proto.Unavailable, "The store does not answer."))
		return
	}
	_ = rt.keeper.fresh() // a route that nobody else asks anything sees what happened, too
	if _, err := rt.members(ctx); err != nil {
		failJSON(w, http.StatusServiceUnavailable, rt.asError(err))
		return
	}
	writeBytes(w, http.StatusOK, "text/plain; charset=utf-8", []byte("ok\n"))
}
