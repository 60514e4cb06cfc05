package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	gproto "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/stream"
)

// maxAnswer is the most bytes of a route's answer.
const maxAnswer = 16 << 20

// maxRetryAfter is the longest wait that is believed: who says more is no route of
// ours.
const maxRetryAfter = time.Minute

// UplinkConfig says where the routes are.
type UplinkConfig struct {
	URLs         []string          // base URLs; one is kept until it fails, then the next is tried
	ServiceToken string            // sent as the bearer token; empty: none
	Transport    http.RoundTripper // nil: a keep-alive transport of its own, and streams
	PlainHop     bool              // no streams: every call is an HTTP request
}

// Uplink is a Route over HTTP, by a stream to each route that offers one. It never
// repeats a request that may have left: its callers know which ones may be. Its
// calls are bounded by their context only.
//
// A route that said when to come back is not asked the same before that; another
// one is, if there is one that did not say so. When none is left, a call fails at
// once, with the shortest of these times.
type Uplink struct {
	urls    []string
	bearer  atomic.Pointer[string] // of the Authorization header; empty: there is none
	client  *http.Client
	streams map[string]*stream.Client // by URL; none for one behind a proxy

	mu     sync.Mutex
	at     int                  // index of the URL in use
	closed map[door]*laterError // where a route said to come back later, until when
}

// door is a path of a route: one that takes no messages now takes reports.
type door struct{ url, path string }

// laterError is the refusal of a route that said when to come back.
type laterError struct {
	why       *proto.Error
	until     time.Time
	untouched bool // nothing of the request was done
}

func (e *laterError) Error() string { return e.why.Error() }
func (e *laterError) Unwrap() error { return e.why }

// toldUntil returns until when err says to wait; in the past if it does not.
func toldUntil(err error) time.Time {
	if later, ok := errors.AsType[*laterError](err); ok {
		return later.until
	}
	return time.Time{}
}

// untouched reports whether nothing of the request that err came of was done: a
// route that has too much to do says so before it does anything.
func untouched(err error) bool {
	if later, ok := errors.AsType[*laterError](err); ok {
		return later.untouched
	}
	why, ok := errors.AsType[*proto.Error](err)
	return ok && why.Code == proto.Overloaded
}

var _ Route = (*Uplink)(nil)

// NewUplink checks the URLs and connects to nothing.
func NewUplink(c UplinkConfig) (*Uplink, error) {
	if len(c.URLs) == 0 {
		return nil, errors.New("uplink: no route URL")
	}
	u := &Uplink{closed: make(map[door]*laterError), streams: make(map[string]*stream.Client)}
	for _, base := range c.URLs {
		parsed, err := url.Parse(base)
		if err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https" {
			return nil, fmt.Errorf("uplink: route URL %q: want http://host or https://host", base)
		}
		u.urls = append(u.urls, strings.TrimSuffix(base, "/"))
	}
	u.SetServiceToken(c.ServiceToken)
	transport := c.Transport
	if transport == nil {
		if !c.PlainHop {
			u.openStreams()
		}
		transport = &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: time.Second}).DialContext,
			MaxIdleConnsPerHost: 16, // the lanes, the reporter, reconciliation, and some pulls
			IdleConnTimeout:     time.Minute,
			ForceAttemptHTTP2:   true,
		}
	}
	u.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // a token is for the route it was given for
	}}
	return u, nil
}

// SetServiceToken has every request and stream from now on bear another token than
// UplinkConfig says. Streams that are open stay.
func (u *Uplink) SetServiceToken(token string) {
	if token != "" {
		token = "Bearer " + token
	}
	u.bearer.Store(&token)
}

// authorize puts the service token into the header of a request.
func (u *Uplink) authorize(header http.Header) {
	if bearer := *u.bearer.Load(); bearer != "" {
		header.Set("Authorization", bearer)
	}
}

// openStreams makes the streams, which connect when they are first used.
func (u *Uplink) openStreams() {
	header := func() http.Header {
		header := make(http.Header)
		u.authorize(header)
		return header
	}
	for _, base := range u.urls {
		to := base + proto.PathNodeStream
		r, err := http.NewRequest(http.MethodGet, to, nil)
		if err != nil {
			continue // the request that is made instead says so
		}
		if proxy, err := http.ProxyFromEnvironment(r); proxy != nil || err != nil {
			continue
		}
		if dial, err := stream.Dialer(to, header, (&net.Dialer{Timeout: time.Second}).DialContext, nil); err == nil {
			u.streams[base] = stream.NewClient(stream.ClientConfig{Dial: dial, MaxAnswer: maxAnswer})
		}
	}
}

// Close ends the streams; calls go on as plain requests.
func (u *Uplink) Close() {
	for _, s := range u.streams {
		s.Close()
	}
	u.client.CloseIdleConnections()
}

// Report implements Route.
func (u *Uplink) Report(ctx context.Context, r *proto.ReportRequest) (*proto.ReportAnswer, error) {
	answer := new(proto.ReportAnswer)
	return answer, u.call(ctx, proto.PathNodeReport, r, answer)
}

// Send implements Route.
func (u *Uplink) Send(ctx context.Context, r *proto.SendRequest) (*proto.SendAnswer, error) {
	answer := new(proto.SendAnswer)
	return answer, u.call(ctx, proto.PathNodeSend, r, answer)
}

// Reconcile implements Route.
func (u *Uplink) Reconcile(ctx context.Context, r *proto.ReconcileRequest) (*proto.ReconcileAnswer, error) {
	answer := new(proto.ReconcileAnswer)
	return answer, u.call(ctx, proto.PathNodeReconcile, r, answer)
}

// Pull implements Route.
func (u *Uplink) Pull(ctx context.Context, r *proto.PullRequest) (*proto.PullAnswer, error) {
	answer := new(proto.PullAnswer)
	return answer, u.call(ctx, proto.PathNodePull, r, answer)
}

// Move implements Route.
func (u *Uplink) Move(ctx context.Context, r *proto.MoveRequest) (*proto.MoveAnswer, error) {
	answer := new(proto.MoveAnswer)
	return answer, u.call(ctx, proto.PathNodeMove, r, answer)
}

// Fire implements Route.
func (u *Uplink) Fire(ctx context.Context, r *proto.FireRequest) (*proto.FireAnswer, error) {
	answer := new(proto.FireAnswer)
	return answer, u.call(ctx, proto.PathNodeFire, r, answer)
}

// call makes one request to the URL in use, or the next one that may be asked.
// After a failure the next call goes to the one behind it.
func (u *Uplink) call(ctx context.Context, path string, request, answer gproto.Message) error {
	body, err := gproto.Marshal(request)
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	base, later := u.pick(path)
	if later != nil {
		return fmt.Errorf("call %s: %w", path, later)
	}
	if err := u.ask(ctx, base, path, body, answer); err != nil {
		u.failed(base, path, err)
		return fmt.Errorf("call %s: %w", path, err)
	}
	return nil
}

// pick returns the URL to ask, or that none may be asked now.
func (u *Uplink) pick(path string) (string, *laterError) {
	u.mu.Lock()
	defer u.mu.Unlock()
	var first *laterError
	for i := range u.urls {
		base := u.urls[(u.at+i)%len(u.urls)]
		later := u.closed[door{base, path}]
		if later == nil || !time.Now().Before(later.until) {
			return base, nil
		}
		if first == nil || later.until.Before(first.until) {
			first = later
		}
	}
	return "", &laterError{why: first.why, until: first.until, untouched: true}
}

// failed moves on from the URL, unless somebody else just did.
func (u *Uplink) failed(base, path string, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if later, ok := errors.AsType[*laterError](err); ok {
		u.closed[door{base, path}] = later
	}
	if u.urls[u.at] == base {
		u.at = (u.at + 1) % len(u.urls)
	}
}

func (u *Uplink) ask(ctx context.Context, base, path string, body []byte, answer gproto.Message) error {
	got, err := u.exchange(ctx, base, path, body)
	if err != nil {
		return err
	}
	if got.Status != http.StatusOK {
		return refusal(got)
	}
	if err := gproto.Unmarshal(got.Body, answer); err != nil {
		return fmt.Errorf("decode answer: %w", err)
	}
	return nil
}

func (u *Uplink) exchange(ctx context.Context, base, path string, body []byte) (*stream.Answer, error) {
	if s := u.streams[base]; s != nil {
		answer, err := s.Call(ctx, path, body)
		if !errors.Is(err, stream.ErrRefused) && !errors.Is(err, stream.ErrClosed) {
			return answer, err
		}
	}
	return u.post(ctx, base+path, body)
}

func (u *Uplink) post(ctx context.Context, to string, body []byte) (*stream.Answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", proto.ContentProtobuf)
	u.authorize(r.Header)
	response, err := u.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	read, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read answer: %w", err)
	case len(read) > maxAnswer:
		return nil, fmt.Errorf("answer is longer than %d bytes", maxAnswer)
	}
	seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
	if err != nil {
		seconds = 0
	}
	return &stream.Answer{Status: response.StatusCode, RetryAfter: time.Duration(seconds) * time.Second, Body: read}, nil
}

// refusal returns the error that a route's answer other than 200 carries.
func refusal(got *stream.Answer) error {
	var answer proto.ErrorAnswer
	if err := json.Unmarshal(got.Body, &answer); err != nil || answer.Code == proto.OK {
		return fmt.Errorf("status %d", got.Status)
	}
	why := proto.Err(answer.Code, answer.Message)
	if got.RetryAfter <= 0 || got.RetryAfter > maxRetryAfter {
		return why
	}
	return &laterError{why: why, until: time.Now().Add(got.RetryAfter), untouched: untouched(why)}
}
