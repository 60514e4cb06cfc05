package main

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
)

// proxy is an HTTPS proxy that answers for AWS. It ends TLS with a certificate of its own
// and forwards each request to the emulator, which distinguishes services by the host
// name. It connects only to the emulator.
type proxy struct {
	Calls atomic.Int64 // forwarded requests

	listener net.Listener
	front    *http.Server // takes CONNECT
	inside   *http.Server // takes what is in the tunnels
	tunnels  *queue
	serves   sync.WaitGroup
}

// newProxy serves on a port of its own until Close.
func newProxy(a *authority, emulator string) (*proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: listener, tunnels: newQueue(listener.Addr())}
	p.front = &http.Server{Handler: http.HandlerFunc(p.connect)}
	quiet := log.New(io.Discard, "", 0) // whoever gives up a connection logs that
	behind := &httputil.ReverseProxy{ErrorLog: quiet, Rewrite: func(r *httputil.ProxyRequest) {
		p.Calls.Add(1)
		r.SetURL(&url.URL{Scheme: "http", Host: emulator})
		r.Out.Host = r.In.Host
	}}
	p.inside = &http.Server{Handler: behind, ErrorLog: quiet, TLSConfig: &tls.Config{GetCertificate: a.certificateFor}}
	p.serves.Go(func() { _ = p.front.Serve(listener) }) // Close ends both
	p.serves.Go(func() { _ = p.inside.ServeTLS(p.tunnels, "", "") })
	return p, nil
}

// URL is what HTTPS_PROXY takes.
func (p *proxy) URL() string { return "http://" + p.listener.Addr().String() }

// Close ends all connections and waits for what serves them.
func (p *proxy) Close() {
	p.front.Close()
	p.inside.Close()
	p.serves.Wait()
}

func (p *proxy) connect(w http.ResponseWriter, r *http.Request) {
	host, port, err := net.SplitHostPort(r.Host)
	if r.Method != http.MethodConnect || err != nil || port != "443" || !strings.HasSuffix(host, ".amazonaws.com") {
		http.Error(w, "there is no "+r.Host+" behind this", http.StatusForbidden)
		return
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if _, err := io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil || !p.tunnels.put(conn) {
		conn.Close()
	}
}

// queue is a listener of connections that are there already.
type queue struct {
	addr   net.Addr
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newQueue(addr net.Addr) *queue {
	return &queue{addr: addr, conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (q *queue) put(conn net.Conn) bool {
	select {
	case q.conns <- conn:
		return true
	case <-q.closed:
		return false
	}
}

func (q *queue) Accept() (net.Conn, error) {
	select {
	case conn := <-q.conns:
		return conn, nil
	case <-q.closed:
		return nil, net.ErrClosed
	}
}

func (q *queue) Close() error {
	q.once.Do(func() { close(q.closed) })
	return nil
}

func (q *queue) Addr() net.Addr { return q.addr }
