package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"
)

// ErrEvent means that an event is no HTTP request. The error of Invoke wraps it.
var ErrEvent = errors.New("event is neither an HTTP request of payload 2.0 nor one of a load balancer")

// Config configures a Function. Handler is required.
type Config struct {
	Handler http.Handler

	// Margin is the part of an invocation's time that is reserved for sending the answer.
	// Zero means 200 ms. At most half of the invocation's remaining time is reserved.
	Margin time.Duration

	// Fail writes the answer if Handler cannot. The status is 500 after a panic of
	// Handler, or 413 if Handler's answer is too large. If Fail is nil, the answer is a
	// line of text.
	Fail func(w http.ResponseWriter, status int)

	Logger *slog.Logger // nil: silent
}

// Function calls a handler for Lambda's events. It is safe for concurrent use.
type Function struct{ cfg Config }

// New returns a Function.
func New(c Config) (*Function, error) {
	if c.Handler == nil {
		return nil, errors.New("function needs a handler")
	}
	if c.Margin <= 0 {
		c.Margin = 200 * time.Millisecond
	}
	if c.Fail == nil {
		c.Fail = func(w http.ResponseWriter, status int) { http.Error(w, http.StatusText(status), status) }
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Function{cfg: c}, nil
}

// A front is one of Lambda's front ends. It knows how events become requests, and in
// which form the front end expects answers.
type front struct {
	request func(ctx context.Context, payload []byte) (*http.Request, error)
	answer  func(a *answer) any
	most    int // the largest answer, in encoded bytes
}

// Invoke answers one event. It blocks until the handler has answered. A handler should
// answer soon after its context ends. If the payload is not an HTTP request, the
// handler is not called and the error wraps ErrEvent.
func (f *Function) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	from, err := frontOf(payload)
	if err != nil {
		return nil, err
	}
	ctx, cancel := f.bound(ctx)
	defer cancel()
	r, err := from.request(ctx, payload)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEvent, err)
	}
	b, err := json.Marshal(from.answer(f.serve(r)))
	if err != nil {
		return nil, fmt.Errorf("encode answer: %w", err)
	}
	if len(b) <= from.most {
		return b, nil
	}
	f.cfg.Logger.Error("answer is too large for the front end", "path", r.URL.Path, "bytes", len(b), "most", from.most)
	b, err = json.Marshal(from.answer(f.failed(http.StatusRequestEntityTooLarge)))
	if err != nil {
		return nil, fmt.Errorf("encode answer: %w", err)
	}
	return b, nil
}

// frontOf returns the front end that an event comes from.
func frontOf(payload []byte) (front, error) {
	var event struct {
		Version        string `json:"version"`
		RequestContext struct {
			ELB *struct{} `json:"elb"`
		} `json:"requestContext"`
	}
	if err := json.Unmarshal(payload, &event); err != nil {
		return front{}, fmt.Errorf("%w: %w", ErrEvent, err)
	}
	switch {
	case event.RequestContext.ELB != nil:
		return balancer(payload)
	case event.Version == "2.0":
		return gateway, nil
	}
	return front{}, ErrEvent
}

// bound returns a context that ends before ctx does, by the margin.
func (f *Function) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	margin := min(f.cfg.Margin, time.Until(deadline)/2)
	return context.WithDeadline(ctx, deadline.Add(-margin))
}

// serve runs the handler. If the handler panics, serve answers 500. net/http would
// close the connection instead, but there is no connection here.
func (f *Function) serve(r *http.Request) (a *answer) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		if v != http.ErrAbortHandler {
			f.cfg.Logger.Error("handler panicked", "path", r.URL.Path, "err", fmt.Sprint(v), "stack", string(debug.Stack()))
		}
		a = f.failed(http.StatusInternalServerError)
	}()
	a = newAnswer()
	f.cfg.Handler.ServeHTTP(a, r)
	return a
}

func (f *Function) failed(status int) *answer {
	a := newAnswer()
	f.cfg.Fail(a, status)
	return a
}
