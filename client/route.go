package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cim-go/cim/proto"
)

// maxAnswer bounds a route's answer in bytes. It allows a page of pullPage messages of the
// largest size, even if JSON writes most bytes of the texts as six bytes.
const maxAnswer = 96 << 20

// ErrNoRoute is in the error when no route answered.
var ErrNoRoute = errors.New("no route answered")

// ErrNotRoute is in the error if no address is a route. At each address, a proxy or
// another server refused with a final status, or redirected the request. No route got the
// request, so nothing is stored, and a retry does not help.
var ErrNotRoute = errors.New("what answered is no route")

// codeError is a route's or node's refusal, with the time after which it may be
// retried.
type codeError struct {
	code  *proto.Error
	after time.Duration // from Retry-After; zero: none
}

func (e *codeError) Error() string { return e.code.Error() }
func (e *codeError) Unwrap() error { return e.code }

// routes calls the routes over HTTP. Its methods may be called concurrently.
type routes struct {
	http  *http.Client // set at the start
	bases []string

	credentials *credentials

	mu      sync.Mutex
	current int // index of the route in use
}

func newRoutes(cfg Config) *routes {
	r := &routes{http: withoutMoves(cfg.HTTP), credentials: newCredentials(cfg)}
	for _, base := range cfg.Routes {
		r.bases = append(r.bases, strings.TrimRight(base, "/"))
	}
	return r
}

// manner has the urgency of a request. An overloaded route serves urgent requests first.
// The zero manner is that of a first try.
type manner struct {
	refused int  // how many tries of the request in a row a route has refused for now
	backlog bool // the request reads an old page, and more pages follow
}

// timeout is how long the request may take at one route.
func (m manner) timeout() time.Duration {
	if m.refused > 0 {
		return callTimeout + proto.RefusedPatience
	}
	return callTimeout
}

// call is callAs with the zero manner.
func (r *routes) call(ctx context.Context, method, path string, in, out any) error {
	return r.callAs(ctx, manner{}, method, path, in, out)
}

// reader is an answer that need not be JSON, or has more than its body.
type reader interface {
	// accepts returns the content type that the request names, or an empty text.
	accepts() string
	read(h http.Header, body []byte) error
}

// callAs calls the route in use. If that does not answer, it calls each of the others
// once. The parameter in becomes the JSON body, unless it is nil. The answer is decoded
// into the parameter out, or passed to out.read if out is a reader. If a route refused,
// the error wraps a *proto.Error. Any other error wraps ErrNotRoute, ErrNoRoute or ctx's
// error.
func (r *routes) callAs(ctx context.Context, m manner, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("call %s: %w", path, err)
		}
	}
	var failures []error
	for range r.bases {
		i, base := r.inUse()
		err := r.ask(ctx, m, method, base+path, body, out)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("call %s: %w", path, ctx.Err())
		}
		if refused := new(codeError); errors.As(err, &refused) {
			if refused.code.Code == proto.Unavailable {
				r.leave(i) // the next call goes to another route, because perhaps only this one cannot reach the store
			}
			return fmt.Errorf("call %s: %w", path, refused)
		}
		r.leave(i)
		failures = append(failures, err)
	}
	all := errors.Join(failures...)
	if !slices.ContainsFunc(failures, func(err error) bool { return !errors.Is(err, ErrNotRoute) }) {
		return fmt.Errorf("call %s: %w", path, all)
	}
	return fmt.Errorf("call %s: %w: %w", path, ErrNoRoute, all)
}

func (r *routes) inUse() (int, string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.current, r.bases[r.current]
}

// leave changes to the next route, unless another call just did.
func (r *routes) leave(i int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current == i {
		r.current = (i + 1) % len(r.bases)
	}
}

// ask makes one request. The error is a *codeError if a route refused.
func (r *routes) ask(ctx context.Context, m manner, method, url string, body []byte, out any) error {
	ctx, cancel := context.WithTimeout(ctx, m.timeout())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if m.refused > 0 {
		req.Header.Set(proto.HeaderRefused, strconv.Itoa(m.refused))
	}
	if m.backlog {
		req.Header.Set(proto.HeaderPriority, proto.PriorityBacklog)
	}
	if token := r.credentials.bearer(); token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	own, reads := out.(reader)
	if reads && own.accepts() != "" {
		req.Header.Set("Accept", own.accepts())
	}
	resp, err := r.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return refusal(resp, answer)
	}
	if reads {
		err = own.read(resp.Header, answer)
	} else {
		err = json.Unmarshal(answer, out)
	}
	if err != nil {
		return fmt.Errorf("answer of %s: %w", url, err)
	}
	return nil
}

// refusal reads an answer other than 2xx. An answer without the form of a route's answer
// comes from a server in between, such as a balancer without a route behind it.
func refusal(resp *http.Response, body []byte) error {
	var e proto.ErrorAnswer
	if err := json.Unmarshal(body, &e); err != nil || e.Code == proto.OK {
		err := fmt.Errorf("%s answered %s", resp.Request.URL.Host, resp.Status)
		if to, moved := movedTo(resp); moved {
			return fmt.Errorf("%w: %w, which leads to %s: give the address there as that of the route", ErrNotRoute, err, to)
		}
		if forGood(resp.StatusCode) {
			return fmt.Errorf("%w: %w", ErrNotRoute, err)
		}
		return err
	}
	seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil || seconds < 0 {
		seconds = 0
	}
	return &codeError{proto.Err(e.Code, e.Message), time.Duration(seconds) * time.Second}
}

// forGood reports whether the status means that the request was not carried out, and
// that a repetition would get the same status.
func forGood(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return status/100 == 4
}

// losesBody reports whether most clients follow a redirect of this status with a GET. Such
// a GET has no body, so it is not the same call.
func losesBody(status int) bool {
	return status == http.StatusMovedPermanently || status == http.StatusFound || status == http.StatusSeeOther
}

// movedTo returns the target of a redirect that is not followed.
func movedTo(resp *http.Response) (to string, moved bool) {
	if !losesBody(resp.StatusCode) {
		return "", false
	}
	if u, err := resp.Location(); err == nil {
		return u.Redacted(), true
	}
	return "nowhere", true
}

// withoutMoves returns a copy of c. The copy does not follow a redirect that would drop
// the request's body (losesBody). It follows other redirects as c does.
func withoutMoves(c *http.Client) *http.Client {
	own := *c
	own.CheckRedirect = func(next *http.Request, via []*http.Request) error {
		switch {
		case losesBody(next.Response.StatusCode):
			return http.ErrUseLastResponse
		case c.CheckRedirect != nil:
			return c.CheckRedirect(next, via)
		case len(via) >= 10: // the limit of package http
			return errors.New("stopped after 10 redirects")
		}
		return nil
	}
	return &own
}

// codeOf returns the code in err, or OK if there is none.
func codeOf(err error) proto.Code {
	if e := new(proto.Error); errors.As(err, &e) {
		return e.Code
	}
	return proto.OK
}
