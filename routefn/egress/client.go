package egress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/cim-go/cim/proto/tlsfile"
)

const (
	// MaxAnswer is how many bytes an answer may have.
	MaxAnswer = 64 << 10
	// Timeout is how long a call may take in all.
	Timeout = 5 * time.Second
)

// ErrForbidden is in the error for a URL that must not be called.
var ErrForbidden = errors.New("is not called")

// errRedirect is in the error for an answer that is a redirect.
var errRedirect = errors.New("a redirect is not followed")

// Config configures a Client. The zero Config allows public addresses alone.
type Config struct {
	Allow []netip.Prefix // addresses that may be called although they are not public
	TLS   *tlsfile.Trust // nil: the system's authorities
}

// Client fetches the contents of URLs. Make it with New; it is safe for concurrent use.
type Client struct {
	http *http.Client
}

// New returns a Client.
func New(c Config) *Client {
	d := dialer{allow: c.Allow, find: func(ctx context.Context, host string) ([]netip.Addr, error) {
		return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	}}
	return &Client{http: &http.Client{
		Timeout: Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return errRedirect
		},
		Transport: c.TLS.Transport(&http.Transport{
			DialContext: d.dial, TLSHandshakeTimeout: Timeout,
			DisableKeepAlives:      true, // a function is frozen between calls, and calls are rare
			MaxResponseHeaderBytes: 16 << 10,
			ForceAttemptHTTP2:      true,
		}),
	}}
}

// Check returns an error unless the URL has the form of a URL that may be called. It does
// not resolve the host.
func Check(at string) error {
	u, err := url.Parse(at)
	switch {
	case err != nil:
		return err
	case u.Scheme != "https" || u.Hostname() == "":
		return fmt.Errorf("%s: want https://HOST/PATH", u.Redacted())
	case u.User != nil:
		return fmt.Errorf("%s: want no user in it", u.Redacted())
	}
	return nil
}

// Get returns the body at a URL. It blocks for Timeout at most. The error wraps
// ErrForbidden for a URL that must not be called. After any other error the next call may
// succeed. For example, no server answered, the status was not 200, or the body was
// longer than MaxAnswer.
func (c *Client) Get(ctx context.Context, at string) ([]byte, error) {
	if err := Check(at); err != nil {
		return nil, fmt.Errorf("fetch: %w: %w", ErrForbidden, err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", err) // err contains the URL
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch %s: it answers %s", r.URL.Redacted(), answer.Status)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, MaxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", r.URL.Redacted(), err)
	}
	if len(body) > MaxAnswer {
		return nil, fmt.Errorf("fetch %s: the answer has more than %d bytes", r.URL.Redacted(), MaxAnswer)
	}
	return body, nil
}

// dialer connects to a host only if all its addresses may be called.
type dialer struct {
	allow []netip.Prefix
	find  func(ctx context.Context, host string) ([]netip.Addr, error)
	net.Dialer
}

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	found, err := d.find(ctx, host)
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(found, func(a netip.Addr) bool { return !d.allowed(a) }); i >= 0 {
		return nil, fmt.Errorf("%s %w: its address %s is not public (-egress-allow)", host, ErrForbidden, found[i].Unmap())
	}
	var failed error
	for _, a := range found {
		conn, err := d.DialContext(ctx, network, net.JoinHostPort(a.String(), port))
		if err == nil {
			return conn, nil
		}
		failed = errors.Join(failed, err)
	}
	return nil, failed
}

func (d *dialer) allowed(a netip.Addr) bool {
	a = a.Unmap()
	return public(a) || slices.ContainsFunc(d.allow, func(p netip.Prefix) bool { return p.Contains(a) })
}
