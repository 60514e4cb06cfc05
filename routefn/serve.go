package routefn

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/body"
	"github.com/cim-go/cim/routefn/failure"
)

// serve runs one use case. It writes the use case's answer or error in the format f.
func (rt *Route) serve(w http.ResponseWriter, r *http.Request, useCase string, f body.Format, run func(context.Context) (any, error)) {
	m := mannerOf(r)
	ctx, seen := rt.trail.Begin(r.Context(), useCase)
	answer, failed := rt.carryOut(ctx, useCase, m, run)
	rt.trail.End(r, useCase, seen, answer, failed)
	if failed != nil {
		if m.again > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(m.again.Seconds()))))
		}
		if m.closes {
			w.Header().Set("Connection", "close")
		}
		f.Fail(w, failure.Status(failed), failed)
		return
	}
	f.Answer(w, answer)
}

// carryOut runs one use case if load shedding admits it. It counts the request, gives
// an error its code, and turns a panic into failure.Panicked. If a check of the store
// is due, the check runs beside the use case.
func (rt *Route) carryOut(ctx context.Context, useCase string, m *manner, run func(context.Context) (any, error)) (answer any, failed *proto.Error) {
	defer rt.check.Beside()()
	start := time.Now()
	code := "panic"
	defer func() {
		if v := recover(); v != nil {
			if v == http.ErrAbortHandler {
				panic(v)
			}
			rt.cfg.Logger.Error("use case panicked", "use_case", useCase, "err", fmt.Sprint(v), "stack", string(debug.Stack()))
			answer, failed = nil, failure.Panicked
		}
		rt.metrics.Served(useCase, code, time.Since(start))
	}()
	answer, err := rt.braked(ctx, useCase, m, run)
	if err != nil {
		failed = rt.codes.Of(err)
		rt.ended(m, failed.Code)
		m.again = max(m.again, failure.After(err))
		code = failed.Code.String()
		level := slog.LevelDebug
		if rt.failures.Due(failed.Code, err, rt.cfg.Now()) {
			level = slog.LevelWarn
		}
		rt.cfg.Logger.Log(ctx, level, "request failed", "use_case", useCase, "code", code, "err", err)
		return nil, failed
	}
	rt.ended(m, proto.OK)
	code = proto.OK.String()
	return answer, nil
}
