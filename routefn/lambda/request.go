package lambda

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
)

// call is a request, in a form that is the same for the events of all front ends.
type call struct {
	method   string
	path     string // may be escaped, because front ends differ
	query    string // still escaped
	header   http.Header
	body     string
	isBase64 bool
	peer     string // address of the client, without a port
}

// request builds the request as a server would have read it from a connection.
func (c call) request(ctx context.Context) (*http.Request, error) {
	body := []byte(c.body)
	if c.isBase64 {
		var err error
		if body, err = base64.StdEncoding.DecodeString(c.body); err != nil {
			return nil, fmt.Errorf("body is not base64: %w", err)
		}
	}
	r, err := http.NewRequestWithContext(ctx, c.method, "/", io.NopCloser(bytes.NewReader(body)))
	if err != nil {
		return nil, err
	}
	r.URL = location(c.path, c.query)
	r.RequestURI = r.URL.RequestURI()
	r.ContentLength = int64(len(body))
	if len(body) == 0 {
		r.Body = http.NoBody
	}
	r.Host = c.header.Get("Host")
	c.header.Del("Host")
	c.header.Del("Content-Length") // this header has the length that the front end read, perhaps of base64
	c.header.Del("Transfer-Encoding")
	r.Header = c.header
	r.RemoteAddr = net.JoinHostPort(c.peer, "0")
	return r, nil
}

// location returns the URL with the path and the query. The query must be escaped, and
// the path may be.
func location(path, query string) *url.URL {
	if path == "" {
		path = "/"
	}
	u := &url.URL{Path: path, RawQuery: query}
	if unescaped, err := url.PathUnescape(path); err == nil {
		u.Path, u.RawPath = unescaped, path // RawPath counts only where it differs from Path
	}
	return u
}
