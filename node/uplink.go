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
	"strings"
	"sync/atomic"
	"time"

	gproto "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
)

// maxAnswer is the most bytes of a route's answer.
const maxAnswer = 16 << 20

// UplinkConfig says where the routes are.
type UplinkConfig struct {
	URLs         []string          // base URLs; one is kept until it fails, then the next is tried
	ServiceToken string            // sent as the bearer token; empty: none
	Transport    http.RoundTripper // nil: a keep-alive transport of its own
}

// Uplink is a Route over HTTP. It never repeats a request that may have left:
// its callers know which ones may be. Its calls are bounded by their context only.
type Uplink struct {
	urls   []string
	bearer string
	client *http.Client
	at     atomic.Uint32 // index of the URL in use, modulo their number
}

var _ Route = (*Uplink)(nil)

// NewUplink checks the URLs and connects to nothing.
func NewUplink(c UplinkConfig) (*Uplink, error) {
	if len(c.URLs) == 0 {
		return nil, errors.New("uplink: no route URL")
	}
	u := &Uplink{}
	for _, base := range c.URLs {
		parsed, err := url.Parse(base)
		if err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https" {
			return nil, fmt.Errorf("uplink: route URL %q: want http://host or https://host", base)
		}
		u.urls = append(u.urls, strings.TrimSuffix(base, "/"))
	}
	if c.ServiceToken != "" {
		u.bearer = "Bearer " + c.ServiceToken
	}
	transport := c.Transport
	if transport == nil {
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

// call makes one request to the URL in use. After a failure the next call goes
// to the next URL.
func (u *Uplink) call(ctx context.Context, path string, request, answer gproto.Message) error {
	body, err := gproto.Marshal(request)
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	at := u.at.Load()
	base := u.urls[int(at)%len(u.urls)]
	if err := u.post(ctx, base+path, body, answer); err != nil {
		u.at.CompareAndSwap(at, at+1)
		return fmt.Errorf("call %s: %w", path, err)
	}
	return nil
}

func (u *Uplink) post(ctx context.Context, to string, body []byte, answer gproto.Message) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", proto.ContentProtobuf)
	if u.bearer != "" {
		r.Header.Set("Authorization", u.bearer)
	}
	response, err := u.client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	read, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return fmt.Errorf("read answer: %w", err)
	case len(read) > maxAnswer:
		return fmt.Errorf("answer is longer than %d bytes", maxAnswer)
	case response.StatusCode != http.StatusOK:
		return refusal(response.StatusCode, read)
	}
	if err := gproto.Unmarshal(read, answer); err != nil {
		return fmt.Errorf("decode answer: %w", err)
	}
	return nil
}

// refusal returns the error that a route's answer other than 200 carries.
func refusal(status int, body []byte) error {
	var answer proto.ErrorAnswer
	if err := json.Unmarshal(body, &answer); err != nil || answer.Code == proto.OK {
		return fmt.Errorf("status %d", status)
	}
	return proto.Err(answer.Code, answer.Message)
}
