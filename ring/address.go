package ring

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

const https = "https://"

// HostPort returns the host:port in http, a member's field HTTP, and whether it speaks
// TLS.
func HostPort(http string) (address string, secure bool) { return strings.CutPrefix(http, https) }

// BaseURL returns the URL of http, a member's field HTTP, without a slash at its end.
func BaseURL(http string) string {
	if _, secure := HostPort(http); secure {
		return http
	}
	return "http://" + http
}

// ClientAddress is the address at which clients connect to a member.
type ClientAddress struct {
	HostPort string
	TLS      bool
	Path     string // if set, only a WebSocket at this path connects; empty: TCP, or a WebSocket at the usual path
}

// ClientAddress returns how clients reach the member.
func (m Member) ClientAddress() ClientAddress {
	u, err := parseClient(m.Client)
	if err != nil || u == nil {
		return ClientAddress{HostPort: m.Client, TLS: m.TLS}
	}
	return ClientAddress{HostPort: u.Host, TLS: u.Scheme == "wss", Path: u.EscapedPath()}
}

// parseClient parses s, a member's field Client. It returns nil if s is host:port and
// not a URL.
func parseClient(s string) (*url.URL, error) {
	if !strings.Contains(s, "://") {
		return nil, checkHostPort("client address", s)
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, fmt.Errorf("client address: %w", err)
	case u.Scheme != "ws" && u.Scheme != "wss", u.User != nil, u.RawQuery != "", u.Fragment != "", !strings.HasPrefix(u.Path, "/"):
		return nil, fmt.Errorf("client address %q: %w", s, errClientURL)
	}
	return u, checkHostPort("client address", u.Host)
}

var errClientURL = errors.New("want host:port, or wss://host:port/path")

func checkHTTP(s string) error {
	address, _ := HostPort(s)
	return checkHostPort("http address", address)
}

func checkHostPort(what, s string) error {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || host == "" {
		return fmt.Errorf("%s %q: want host:port", what, s)
	}
	return nil
}
