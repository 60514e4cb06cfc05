package fault

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cim-go/cim/proto/tlsfile"
	"github.com/cim-go/cim/proto/tlsfile/localca"
)

type repeatProxy struct{}

func (repeatProxy) Name() string { return "repeat-proxy" }
func (repeatProxy) Story() string {
	return "the proxy in front of the routes refuses streams and sends each POST twice, at once or one after the other"
}
func (repeatProxy) Hits() Class { return Proxy }
func (repeatProxy) Missing(w *World) string {
	if w.repeaters == nil {
		return "there is no proxy in front of the routes"
	}
	return ""
}
func (repeatProxy) Rhythm() Rhythm {
	return Rhythm{Every: Span{10 * time.Second, 20 * time.Second}, Lasts: Span{2 * time.Second, 8 * time.Second}}
}

func (repeatProxy) Inject(_ context.Context, w *World, _ Strike) (Wound, error) {
	w.repeaters.repeat(true)
	return Wound{What: "POSTs repeated", Heal: func(context.Context) error {
		w.repeaters.repeat(false)
		return nil
	}}, nil
}

// Repeaters are proxies, one in front of each route. While repeating is on, they send
// each POST request twice.
type Repeaters struct {
	on        atomic.Bool
	transport *http.Transport
	server    *tls.Config // nil: proxies and routes are plain

	mu      sync.Mutex
	streams map[net.Conn]struct{} // connections that have become streams
}

// NewRepeaters returns proxies that only forward requests until repeating is turned on. If
// the parameter ca is nil, the proxies and the routes speak plain HTTP. If it is set, they
// speak TLS.
func NewRepeaters(ca *localca.CA) (*Repeaters, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy, transport.MaxIdleConnsPerHost = nil, 256 // all nodes and clients share it
	r := &Repeaters{transport: transport, streams: make(map[net.Conn]struct{})}
	if ca == nil {
		return r, nil
	}
	cert, key, err := ca.Issue("proxy", "127.0.0.1")
	if err != nil {
		return nil, err
	}
	pair, err := tlsfile.Load(cert, key, nil)
	if err != nil {
		return nil, fmt.Errorf("read certificate of proxy: %w", err)
	}
	r.server = pair.Server()
	transport.TLSClientConfig, err = tlsfile.Client(ca.File)
	return r, err
}

// Front starts a proxy in front of the route at an address, and returns the proxy's
// address. The caller stops the proxy.
func (r *Repeaters) Front(route string) (address string, stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("start proxy: %w", err)
	}
	at, target := listener.Addr().String(), &url.URL{Scheme: "http", Host: route}
	if r.server != nil {
		listener, target.Scheme = tls.NewListener(listener, r.server), "https"
	}
	pass := httputil.NewSingleHostReverseProxy(target)
	pass.Transport, pass.ErrorLog = r.transport, log.New(io.Discard, "", 0)
	server := &http.Server{
		Handler:   http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { r.serve(pass, w, q) }),
		ConnState: r.follow,
		ErrorLog:  pass.ErrorLog, // without this, the server would log every client that ends a connection during a handshake
	}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) }) // stop ends the server
	return at, func() {
		_ = server.Close()
		r.cut()
		serving.Wait()
	}, nil
}

// repeat turns the repeating on or off. Turning it on also closes all streams.
func (r *Repeaters) repeat(on bool) {
	if r.on.Store(on); on {
		r.cut()
	}
}

// follow notes which connections have become streams.
func (r *Repeaters) follow(conn net.Conn, state http.ConnState) {
	if state == http.StateHijacked {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.streams[conn] = struct{}{}
	}
}

func (r *Repeaters) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for conn := range r.streams {
		_ = conn.Close()
	}
	clear(r.streams)
}

func (r *Repeaters) serve(pass http.Handler, w http.ResponseWriter, q *http.Request) {
	switch on := r.on.Load(); {
	case on && q.Header.Get("Upgrade") != "":
		http.Error(w, "no streams here", http.StatusNotFound)
	case on && q.Method == http.MethodPost:
		r.twice(pass, w, q)
	default:
		pass.ServeHTTP(w, q)
	}
}

// twice sends the request twice, and returns the second answer. It waits for both answers,
// so that no copy of the request is under way when the caller makes its next request.
func (r *Repeaters) twice(pass http.Handler, w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	again := func() *http.Request {
		same := q.Clone(q.Context())
		same.Body = io.NopCloser(bytes.NewReader(body))
		return same
	}
	var first sync.WaitGroup
	first.Go(func() {
		defer func() {
			if r := recover(); r != nil && !errors.Is(r.(error), http.ErrAbortHandler) {
				panic(r)
			}
		}()
		pass.ServeHTTP(new(unread), again())
	})
	if rand.IntN(2) == 0 {
		first.Wait()
	}
	defer first.Wait()
	pass.ServeHTTP(w, again())
}

// unread takes the answer that nobody reads.
type unread struct{ header http.Header }

func (u *unread) Header() http.Header {
	if u.header == nil {
		u.header = make(http.Header)
	}
	return u.header
}
func (*unread) Write(b []byte) (int, error) { return len(b), nil }
func (*unread) WriteHeader(int)             {}
