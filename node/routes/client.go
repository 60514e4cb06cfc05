package routes

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
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	gproto "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/cert"
	"github.com/cim-go/cim/proto/stream"
	"github.com/cim-go/cim/proto/tlsfile"
)

// maxAnswer bounds a route's answer, in bytes.
const maxAnswer = 16 << 20

// maxRetryAfter bounds a route's Retry-After. None of our routes names a longer one.
const maxRetryAfter = time.Minute

// Config names the routes.
type Config struct {
	URLs         []string          // base URLs; one is used until it fails, then the next
	ServiceToken string            // sent as the bearer token; empty: none
	Transport    http.RoundTripper // nil: a keep-alive transport of its own, and streams
	PlainHop     bool              // makes every call an HTTP request, and no streams
	// Keys proves this node to routes. nil: ServiceToken proves it.
	Keys *cert.Keyring
	// ShowToken makes the Client send the ServiceToken beside the proof, for routes
	// without a certificate.
	ShowToken bool
	TLS       *tlsfile.Trust // for https URLs, also by streams; ignored if Transport is set; nil: the system's authorities
}

// Client calls routes over HTTP, or over a stream if the route offers one. It implements
// Sessions and Messages. It never repeats a request that may have reached a route,
// because only its callers know which requests may be repeated. A call ends with the
// caller's context, and has no other timeout. Client is safe for concurrent use.
//
// If a route named a time to retry, calls of the same path go to other routes before that
// time. If all routes named such a time, the call fails at once, with the earliest of
// these times (Until).
type Client struct {
	urls    []string
	keys    *cert.Keyring          // nil: there is none
	show    bool                   // show the bearer beside a proof
	bearer  atomic.Pointer[string] // value of the Authorization header; empty: there is none
	client  *http.Client
	streams map[string]*stream.Client // by URL; a URL behind a proxy has none

	silent atomic.Int64 // since when no call got an answer from one of our routes, in ns since 1970; zero: the last call got one

	mu     sync.Mutex
	at     int                      // index of the URL in use
	closed map[endpoint]*laterError // the endpoints for which a route named a time to retry
}

// endpoint is one path of one route. Each has its own time to retry, because a route
// that refuses messages may still take reports.
type endpoint struct{ url, path string }

var (
	_ Sessions = (*Client)(nil)
	_ Messages = (*Client)(nil)
)

// NewClient returns a Client. It checks the URLs and connects to nothing.
func NewClient(config Config) (*Client, error) {
	if len(config.URLs) == 0 {
		return nil, errors.New("routes: no route URL")
	}
	c := &Client{keys: config.Keys, show: config.ShowToken, closed: make(map[endpoint]*laterError), streams: make(map[string]*stream.Client)}
	for _, base := range config.URLs {
		parsed, err := url.Parse(base)
		if err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https" {
			return nil, fmt.Errorf("routes: route URL %q: want http://host or https://host", base)
		}
		c.urls = append(c.urls, strings.TrimSuffix(base, "/"))
	}
	c.SetServiceToken(config.ServiceToken)
	transport := config.Transport
	if transport == nil {
		if !config.PlainHop {
			c.openStreams(config.TLS)
		}
		transport = config.TLS.Transport(&http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: time.Second}).DialContext,
			MaxIdleConnsPerHost: 16, // enough to forward, report, reconcile and pull at the same time
			IdleConnTimeout:     time.Minute,
			ForceAttemptHTTP2:   true,
		})
	}
	c.client = &http.Client{Transport: transport, CheckRedirect: Stay}
	return c, nil
}

// SetServiceToken replaces the token of Config for all later requests and streams.
// Streams that are open stay open.
func (c *Client) SetServiceToken(token string) {
	if token != "" {
		token = "Bearer " + token
	}
	c.bearer.Store(&token)
}

// authorize puts a proof, the service token or both into the header of a request to the
// route at base.
func (c *Client) authorize(header http.Header, base, method, path string, body []byte) {
	if c.keys != nil {
		c.keys.Prove(header, base, "", method, path, body)
	}
	if bearer := *c.bearer.Load(); bearer != "" && (c.keys == nil || c.show) {
		header.Set("Authorization", bearer)
	}
}

// openStreams makes the streams. They connect when they are first used.
func (c *Client) openStreams(trust *tlsfile.Trust) {
	for _, base := range c.urls {
		header := func() http.Header {
			header := make(http.Header)
			c.authorize(header, base, http.MethodGet, proto.PathNodeStream, nil)
			return header
		}
		to := base + proto.PathNodeStream
		r, err := http.NewRequest(http.MethodGet, to, nil)
		if err != nil {
			continue // the plain request reports the error
		}
		if proxy, err := http.ProxyFromEnvironment(r); proxy != nil || err != nil {
			continue
		}
		if dial, err := stream.Dialer(to, header, (&net.Dialer{Timeout: time.Second}).DialContext, trust.Client); err == nil {
			c.streams[base] = stream.NewClient(stream.ClientConfig{Dial: dial, MaxAnswer: maxAnswer})
		}
	}
}

// Close ends the streams. Calls that run, and later ones, go on as plain requests.
func (c *Client) Close() {
	for _, s := range c.streams {
		s.Close()
	}
	c.client.CloseIdleConnections()
}

// Report implements Sessions.
func (c *Client) Report(ctx context.Context, r *proto.ReportRequest) (*proto.ReportAnswer, error) {
	answer := new(proto.ReportAnswer)
	return answer, c.call(ctx, proto.PathNodeReport, r, answer)
}

// Send implements Messages.
func (c *Client) Send(ctx context.Context, r *proto.SendRequest) (*proto.SendAnswer, error) {
	answer := new(proto.SendAnswer)
	return answer, c.call(ctx, proto.PathNodeSend, r, answer)
}

// Reconcile implements Sessions.
func (c *Client) Reconcile(ctx context.Context, r *proto.ReconcileRequest) (*proto.ReconcileAnswer, error) {
	answer := new(proto.ReconcileAnswer)
	return answer, c.call(ctx, proto.PathNodeReconcile, r, answer)
}

// Pull implements Messages.
func (c *Client) Pull(ctx context.Context, r *proto.PullRequest) (*proto.PullAnswer, error) {
	answer := new(proto.PullAnswer)
	return answer, c.call(ctx, proto.PathNodePull, r, answer)
}

// Move implements Sessions.
func (c *Client) Move(ctx context.Context, r *proto.MoveRequest) (*proto.MoveAnswer, error) {
	answer := new(proto.MoveAnswer)
	return answer, c.call(ctx, proto.PathNodeMove, r, answer)
}

// Fire implements Messages.
func (c *Client) Fire(ctx context.Context, r *proto.FireRequest) (*proto.FireAnswer, error) {
	answer := new(proto.FireAnswer)
	return answer, c.call(ctx, proto.PathNodeFire, r, answer)
}

// call makes one request to the URL in use. If a route's time to retry forbids that now,
// call takes the next URL that it may call. After a failure the next call goes to the URL
// after the one that failed. The same holds after an answer that has a result with the
// code Unavailable. Another route may know what this one lacks, such as the key of a
// ticket.
func (c *Client) call(ctx context.Context, path string, request, answer gproto.Message) error {
	body, err := gproto.Marshal(request)
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	base, later := c.pick(path)
	if later != nil {
		return fmt.Errorf("call %s: %w", path, later)
	}
	err = c.try(ctx, base, path, body, answer)
	c.noteAnswer(err)
	if err != nil {
		c.failed(base, path, err)
		return fmt.Errorf("call %s: %w", path, err)
	}
	if lacks(answer) {
		c.leave(base)
	}
	return nil
}

// lacks reports whether any result in a route's answer has the code Unavailable.
func lacks(answer gproto.Message) bool {
	switch a := answer.(type) {
	case *proto.SendAnswer:
		return slices.ContainsFunc(a.Items, unavailable)
	case *proto.ReportAnswer:
		return slices.ContainsFunc(a.Opened, unavailable) || slices.ContainsFunc(a.Entered, unavailable)
	case *proto.MoveAnswer:
		return slices.ContainsFunc(a.Items, unavailable)
	case *proto.PullAnswer:
		return unavailable(a)
	}
	return false
}

func unavailable[R interface{ GetCode() int32 }](result R) bool {
	return proto.Code(result.GetCode()) == proto.Unavailable
}

// noteAnswer records whether one of our routes answered. It finds that out from the error
// of the call. A refusal counts as an answer.
func (c *Client) noteAnswer(err error) {
	if _, ours := errors.AsType[*proto.Error](err); err == nil || ours {
		c.silent.Store(0)
	} else if !errors.Is(err, context.Canceled) {
		c.silent.CompareAndSwap(0, time.Now().UnixNano())
	}
}

// Away returns for how long calls have failed without any answer of a route, and zero if
// the last call was answered. An answer from any other server does not count.
func (c *Client) Away() time.Duration {
	since := c.silent.Load()
	if since == 0 {
		return 0
	}
	return max(0, time.Since(time.Unix(0, since)))
}

// pick returns the URL to call, or an error if none may be called now.
func (c *Client) pick(path string) (string, *laterError) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var first *laterError
	for i := range c.urls {
		base := c.urls[(c.at+i)%len(c.urls)]
		later := c.closed[endpoint{base, path}]
		if later == nil || !time.Now().Before(later.until) {
			return base, nil
		}
		if first == nil || later.until.Before(first.until) {
			first = later
		}
	}
	return "", &laterError{why: first.why, until: first.until, untouched: true}
}

// failed records a failed call, and makes the next call go to the URL after base.
func (c *Client) failed(base, path string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if later, ok := errors.AsType[*laterError](err); ok {
		c.closed[endpoint{base, path}] = later
	}
	c.leaveLocked(base)
}

// leave makes the next call go to the URL after base, unless another call has already
// left base.
func (c *Client) leave(base string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leaveLocked(base)
}

// leaveLocked does what leave does, for callers that hold mu.
func (c *Client) leaveLocked(base string) {
	if c.urls[c.at] == base {
		c.at = (c.at + 1) % len(c.urls)
	}
}

func (c *Client) try(ctx context.Context, base, path string, body []byte, answer gproto.Message) error {
	got, err := c.exchange(ctx, base, path, body)
	if err != nil {
		return err
	}
	if got.Status != http.StatusOK {
		return c.explain(refusal(got))
	}
	if err := gproto.Unmarshal(got.Body, answer); err != nil {
		return fmt.Errorf("decode answer: %w", err)
	}
	return nil
}

func (c *Client) exchange(ctx context.Context, base, path string, body []byte) (*stream.Answer, error) {
	if s := c.streams[base]; s != nil {
		answer, err := s.Call(ctx, path, body)
		if !errors.Is(err, stream.ErrRefused) && !errors.Is(err, stream.ErrClosed) {
			return answer, err
		}
	}
	answer, refusal, err := c.post(ctx, base, path, body)
	if err == nil && answer.Status == http.StatusUnauthorized && c.keys != nil && c.keys.Learn(base, refusal) {
		answer, _, err = c.post(ctx, base, path, body) // the route refused the proof because of its time, and did nothing
	}
	return answer, err
}

func (c *Client) post(ctx context.Context, base, path string, body []byte) (*stream.Answer, http.Header, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, base+path, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	r.Header.Set("Content-Type", proto.ContentProtobuf)
	c.authorize(r.Header, base, http.MethodPost, path, body)
	response, err := c.client.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	read, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("read answer: %w", err)
	case len(read) > maxAnswer:
		return nil, nil, fmt.Errorf("answer is longer than %d bytes", maxAnswer)
	}
	if to := Moved(response); to != "" {
		return nil, nil, errors.New(to)
	}
	seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
	if err != nil {
		seconds = 0
	}
	return &stream.Answer{Status: response.StatusCode, RetryAfter: time.Duration(seconds) * time.Second, Body: read}, response.Header, nil
}

// Stay makes a client follow no redirect, as http.Client.CheckRedirect.
func Stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Moved returns a description of a redirect, or an empty text for any other answer. Nodes
// follow no redirect, because they must not send their token to any other server than the
// routes that they were given.
func Moved(answer *http.Response) string {
	to, err := answer.Location()
	if err != nil || answer.StatusCode/100 != 3 {
		return ""
	}
	return fmt.Sprintf("status %d leads to %s: give the address there as that of the route", answer.StatusCode, to.Redacted())
}

// explain adds advice to the error if a route does not take the proof of this node. This
// happens if the route has only the cluster key, and no certificate.
func (c *Client) explain(err error) error {
	if c.keys == nil || c.show || !errors.Is(err, proto.Err(proto.Unauthorized, "")) {
		return err
	}
	return fmt.Errorf("%w (a route without -identity takes the cluster key, which -accept-cluster-key shows)", err)
}

// refusal returns the error in a route's answer with a status other than 200.
func refusal(got *stream.Answer) error {
	var answer proto.ErrorAnswer
	if err := json.Unmarshal(got.Body, &answer); err != nil || answer.Code == proto.OK {
		return fmt.Errorf("answer has status %d", got.Status)
	}
	why := proto.Err(answer.Code, answer.Message)
	if got.RetryAfter <= 0 || got.RetryAfter > maxRetryAfter {
		return why
	}
	return &laterError{why: why, until: time.Now().Add(got.RetryAfter), untouched: Untouched(why)}
}
