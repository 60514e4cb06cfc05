package stream

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// protocol is the value of the Upgrade header.
const protocol = "cim-stream"

// ErrRefused is returned if the server, or a proxy before it, offers no streams. The call
// was not carried out, and may be made over plain HTTP.
var ErrRefused = errors.New("stream: the server offers no streams")

// Dialer returns a function that opens a stream by an HTTP request to a URL of http or
// https. Each request has the header fields that the function header returns; header
// may be nil. The function secure returns the TLS configuration of each connection to
// https, and may be nil or return nil for Go's defaults. The returned function blocks
// until the stream is open or its ctx ends. Its error wraps ErrRefused if the answer is
// not 101.
func Dialer(to string, header func() http.Header, dial func(ctx context.Context, network, address string) (net.Conn, error), secure func() *tls.Config) (func(context.Context) (net.Conn, error), error) {
	u, err := url.Parse(to)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("stream: URL %q: want http://host or https://host", to)
	}
	if header == nil {
		header = func() http.Header { return nil }
	}
	address := u.Host
	if u.Port() == "" {
		address = net.JoinHostPort(u.Hostname(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	}
	return func(ctx context.Context) (net.Conn, error) {
		conn, err := dial(ctx, "tcp", address)
		if err != nil {
			return nil, err
		}
		if u.Scheme == "https" {
			c := new(tls.Config)
			if secure != nil {
				if given := secure(); given != nil {
					c = given.Clone()
				}
			}
			if c.ServerName == "" {
				c.ServerName = u.Hostname()
			}
			c.NextProtos = []string{"http/1.1"} // HTTP/2 has no Upgrade
			conn = tls.Client(conn, c)
		}
		upgraded, err := upgrade(ctx, conn, u, header())
		if err != nil {
			_ = conn.Close()
			return nil, err
		}
		return upgraded, nil
	}, nil
}

// upgrade makes the request over conn and reads the answer.
func upgrade(ctx context.Context, conn net.Conn, u *url.URL, header http.Header) (net.Conn, error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	r := &http.Request{Method: http.MethodGet, URL: u, Host: u.Host, Header: header.Clone(), ProtoMajor: 1, ProtoMinor: 1}
	if r.Header == nil {
		r.Header = make(http.Header)
	}
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", protocol)
	if err := r.Write(conn); err != nil {
		return nil, fmt.Errorf("stream: request an upgrade: %w", err)
	}
	reader := bufio.NewReaderSize(conn, readBuffer)
	answer, err := http.ReadResponse(reader, r)
	if err != nil {
		return nil, fmt.Errorf("stream: read the answer to an upgrade: %w", err)
	}
	_ = answer.Body.Close() // if the status is 101, there is no body; otherwise the caller closes conn
	if answer.StatusCode != http.StatusSwitchingProtocols || answer.Header.Get("Upgrade") != protocol {
		return nil, fmt.Errorf("%w: %s", ErrRefused, answer.Status)
	}
	if !stop() {
		return nil, ctx.Err()
	}
	return &buffered{Conn: conn, reader: reader}, nil
}

// accept takes the connection over from the HTTP server. If it fails, it writes the error
// response.
func accept(w http.ResponseWriter, r *http.Request) (net.Conn, error) {
	if r.Header.Get("Upgrade") != protocol {
		w.Header().Set("Upgrade", protocol)
		w.Header().Set("Connection", "Upgrade")
		http.Error(w, "this path needs an upgrade to "+protocol, http.StatusUpgradeRequired)
		return nil, fmt.Errorf("stream: %s request does not ask for an upgrade", r.Method)
	}
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, "this server has no streams", http.StatusNotImplemented)
		return nil, fmt.Errorf("stream: take over the connection: %w", err)
	}
	_, err = conn.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + protocol + "\r\n\r\n"))
	if err == nil {
		err = conn.SetDeadline(time.Time{}) // removes the HTTP server's deadline
	}
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("stream: answer an upgrade: %w", err)
	}
	came, err := rw.Reader.Peek(rw.Reader.Buffered()) // bytes after the request
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("stream: take over the connection: %w", err)
	}
	return &buffered{Conn: conn, reader: bufio.NewReaderSize(io.MultiReader(bytes.NewReader(came), conn), readBuffer)}, nil
}

// readBuffer is the size of a read, in bytes.
const readBuffer = 32 << 10

// buffered is a connection with a reader that has already read some bytes.
type buffered struct {
	net.Conn
	reader *bufio.Reader
}

func readerOf(c io.Reader) *bufio.Reader {
	if b, ok := c.(*buffered); ok {
		return b.reader
	}
	return bufio.NewReaderSize(c, readBuffer)
}
