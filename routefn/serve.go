package routefn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	pb "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
)

// A format is how a kind of callers is answered.
type format struct {
	answer func(w http.ResponseWriter, body any)
	fail   func(w http.ResponseWriter, status int, err *proto.Error)
}

var (
	jsonFormat     = format{answer: writeJSON, fail: failJSON}
	protobufFormat = format{answer: writeProtobuf, fail: failJSON}
)

// serve runs one use case and answers what it returns.
func (rt *Route) serve(w http.ResponseWriter, r *http.Request, useCase string, f format, run func(context.Context) (any, error)) {
	m := mannerOf(r)
	body, failed := rt.carryOut(r.Context(), useCase, m, run)
	if failed != nil {
		if m.again > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(m.again.Seconds()))))
		}
		f.fail(w, statusOf(failed), failed)
		return
	}
	f.answer(w, body)
}

// errPanicked is the answer of a use case that panicked: something may have been
// stored before. It says no more.
var errPanicked = proto.Err(proto.Unknown, "")

// statusOf tells operators' instruments a panic from a store that did not answer.
func statusOf(failed *proto.Error) int {
	if failed == errPanicked {
		return http.StatusInternalServerError
	}
	return failed.Code.HTTPStatus()
}

// carryOut runs one use case. It is where requests are counted, errors get their
// codes, a panic becomes errPanicked, and what was queued for nodes leaves.
func (rt *Route) carryOut(ctx context.Context, useCase string, m *manner, run func(context.Context) (any, error)) (body any, failed *proto.Error) {
	defer rt.keeper.glance()()
	start := time.Now()
	code := "panic"
	defer func() {
		if v := recover(); v != nil {
			if v == http.ErrAbortHandler {
				panic(v)
			}
			rt.cfg.Logger.Error("use case panicked", "use_case", useCase, "err", fmt.Sprint(v), "stack", string(debug.Stack()))
			body, failed = nil, errPanicked
		}
		rt.push.start()
		rt.metrics.served(useCase, code, time.Since(start))
	}()
	body, err := rt.admitted(ctx, useCase, m, run)
	if err != nil {
		failed = rt.asError(err)
		code = failed.Code.String()
		level := slog.LevelDebug
		if rt.outage.due(failed.Code, err, rt.cfg.Now()) {
			level = slog.LevelWarn
		}
		rt.cfg.Logger.Log(ctx, level, "request failed", "use_case", useCase, "code", code, "err", err)
		return nil, failed
	}
	code = proto.OK.String()
	return body, nil
}

// storeCodes are the codes of the store's errors, as a caller sees them.
var storeCodes = []struct {
	err  error
	code proto.Code
}{
	{record.ErrUnknown, proto.Unknown},
	{record.ErrUnavailable, proto.Unavailable},
	{record.ErrNoUser, proto.UnknownUser},
	{record.ErrNoGroup, proto.UnknownGroup},
	{record.ErrNotMember, proto.NotMember},
	{record.ErrNotCreator, proto.NotCreator},
	{record.ErrRemoved, proto.Removed},
	{record.ErrIDReused, proto.IDReused},
	{record.ErrNameTaken, proto.NameTaken},
	{record.ErrSuperseded, proto.SessionUnknown},
	{record.ErrExpired, proto.TicketExpired},
	{record.ErrVoid, proto.Unauthorized},
	{record.ErrDisplacesOther, proto.Rejected},
	{record.ErrTooLate, proto.TooLate},
	{record.ErrNotScheduled, proto.NotScheduled},
	{record.ErrTooMany, proto.TooMany},
	{record.ErrDiverged, proto.Diverged},
	{record.ErrInvalid, proto.Invalid},
	{context.Canceled, proto.Unavailable},
	{context.DeadlineExceeded, proto.Unavailable},
}

// asError gives an error the code that callers see. Only a *proto.Error speaks to
// them in its own words. What nobody expected is logged here, where it ends.
func (rt *Route) asError(err error) *proto.Error {
	if e, ok := errors.AsType[*proto.Error](err); ok {
		return e
	}
	for _, s := range storeCodes {
		if errors.Is(err, s.err) {
			e := proto.Err(s.code, "")
			switch s.code {
			case proto.UnknownUser, proto.UnknownGroup, proto.NotMember, proto.NotScheduled:
				e = rt.certainly(e)
			}
			return e
		}
	}
	rt.cfg.Logger.Error("unexpected error", "err", err)
	return proto.Err(proto.Unavailable, "")
}

// certainly returns an error that says that something is not there, unless the store may
// have lost it a moment ago: then the caller is to come back later.
func (rt *Route) certainly(e *proto.Error) *proto.Error {
	if !rt.keeper.certain() {
		return proto.Err(proto.Unavailable, "The store has lost something, which is being made again.")
	}
	return e
}

func writeJSON(w http.ResponseWriter, body any) { writeJSONStatus(w, http.StatusOK, body) }

func writeJSONStatus(w http.ResponseWriter, status int, body any) {
	b, err := json.Marshal(body)
	if err != nil {
		panic(fmt.Sprintf("answer cannot be encoded: %v", err)) // our own types: a programmer's mistake
	}
	writeBytes(w, status, "application/json", b)
}

func writeProtobuf(w http.ResponseWriter, body any) {
	b, err := pb.Marshal(body.(pb.Message))
	if err != nil {
		panic(fmt.Sprintf("answer cannot be encoded: %v", err))
	}
	writeBytes(w, http.StatusOK, proto.ContentProtobuf, b)
}

func writeBytes(w http.ResponseWriter, status int, contentType string, b []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if wait := retryAfter(status); wait > 0 && h.Get("Retry-After") == "" {
		h.Set("Retry-After", strconv.Itoa(int(wait/time.Second)))
	}
	w.WriteHeader(status)
	_, _ = w.Write(b) // the caller is gone, and there is nobody to tell
}

func failJSON(w http.ResponseWriter, status int, err *proto.Error) {
	writeJSONStatus(w, status, errorAnswer(err))
}

func errorAnswer(err *proto.Error) proto.ErrorAnswer {
	return proto.ErrorAnswer{Code: err.Code, Name: err.Code.String(), Message: err.Error()}
}

// mayRetry reports whether the request that err came from may succeed later.
func mayRetry(err error) bool {
	return errors.Is(err, record.ErrUnavailable) || errors.Is(err, record.ErrUnknown) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
