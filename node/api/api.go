// Package api is the internal port of a node, for routes and operators: pushes, users who
// are online, drains, health, metrics, and CIM's push in open mode.
//
// Server.Run has one goroutine of its own beside those of net/http and package stream,
// and returns when all have ended. There are no locks.
package api

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	gproto "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/node/cim"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/browser"
	"github.com/cim-go/cim/proto/cert"
	"github.com/cim-go/cim/proto/sourceip"
	"github.com/cim-go/cim/proto/stream"
)

const (
	maxPush    = 16 << 20 // bytes in a push
	maxCIMPush = 1 << 20  // bytes in CIM's push
	maxPage    = 1000     // users in one page
)

// Node delivers what routes push.
type Node interface {
	Push(r *proto.PushRequest) *proto.PushAnswer
	cim.Connections
}

// Users knows the users who are online.
type Users interface {
	// Online returns up to limit users with ids greater than after, whose names begin
	// with prefix.
	Online(after int64, limit int, prefix string) []proto.User
	Users() int
}

// Drainer empties the node.
type Drainer interface {
	Start()
	Draining() bool
	Status() proto.DrainStatus
}

// Config of a Server. A field is required unless its comment gives its zero value a meaning.
type Config struct {
	Listener net.Listener   // Run closes it
	Pages    *browser.Guard // judges all requests by their Host and Origin headers; nil: accepts all
	Node     Node
	Users    Users
	Drainer  Drainer
	Open     bool     // CIM's own routes may push messages; see CIMPushers
	Tokens   []string // a request must carry one of these; none: every request is accepted
	// Gate decides which processes may call, by their certificates (Gate.Keys) or by
	// Tokens. New sets Gate.Token. If Gate is nil, Tokens alone decide.
	Gate *cert.Gate
	// CIMPushers may push as CIM's routes do, without a token. nil: everybody may.
	CIMPushers *sourceip.Proxies

	Members  http.Handler // served at proto.PathRing; nil: 404
	Metrics  http.Handler // served at proto.PathMetrics; nil: 404
	Profiles http.Handler // served at proto.PathProfiles and below it; nil: 404
	Ready    func() error // returns why the program should get no work yet; nil: it is always ready
}

// Server serves the internal port. Make it with New.
type Server struct {
	config  Config
	tokens  atomic.Pointer[[]string]
	streams *stream.Server // routes push over them
}

// New starts nothing.
func New(c Config) *Server {
	h := &Server{config: c}
	h.SetTokens(c.Tokens...)
	if h.config.Gate == nil {
		h.config.Gate = new(cert.Gate)
	}
	h.config.Gate.Token = func(r *http.Request) bool { return h.shows(r.Header.Get("Authorization")) }
	h.streams = stream.NewServer(stream.ServerConfig{Handle: h.handleStreamed, MaxBody: maxPush, MaxCalls: 1})
	return h
}

// Run serves until ctx ends or the listener fails. It returns nil if ctx ended. It
// closes the listener.
func (h *Server) Run(ctx context.Context) error {
	server := &http.Server{
		Handler:           h.Handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(h.config.Listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve internal http: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if server.Shutdown(grace) != nil {
		_ = server.Close()
	}
	h.streams.Close()
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Handler returns the handler of all requests to the port.
func (h *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST "+proto.PathPush, h.service(h.servePush, cert.Route))
	mux.Handle("GET "+proto.PathPushStream, h.service(h.streams.ServeHTTP, cert.Route))
	mux.Handle("GET "+proto.PathNodeOnline, h.service(h.serveOnline, cert.Route, cert.Operator))
	mux.Handle("POST "+proto.PathDrain, h.service(h.serveDrain, cert.Operator))
	mux.Handle("GET "+proto.PathDrain, h.service(h.serveDrainStatus, cert.Operator))
	mux.HandleFunc("GET "+proto.PathHealth, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ok\n")
	})
	mux.HandleFunc("GET "+proto.PathReady, h.serveReady)
	if h.config.Members != nil {
		mux.Handle("GET "+proto.PathRing, h.config.Members)
	}
	if h.config.Metrics != nil {
		mux.Handle("GET "+proto.PathMetrics, h.config.Metrics)
	}
	if h.config.Profiles != nil {
		mux.Handle("GET "+proto.PathProfiles, h.config.Profiles)
	}
	if h.config.Open {
		mux.Handle("POST "+proto.PathCIMPush, h.cimRoute(h.serveCIMPush))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { refuse(w, proto.NotFound, "") })
	return h.config.Pages.Handler(mux)
}

// service calls the handler next only if the calling process has one of the roles.
// Without certificates, a request needs a service token.
func (h *Server) service(next http.HandlerFunc, roles ...cert.Role) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, err := h.config.Gate.Check(r, roles...)
		if err != nil {
			h.config.Gate.Refuse(w.Header())
			refuse(w, proto.Unauthorized, "")
			return
		}
		next(w, r.WithContext(cert.WithCaller(r.Context(), caller)))
	})
}

// cimRoute serves requests of CIM's routes, which send no token. Config.CIMPushers has
// the addresses of these routes, and requests from other addresses need a token. If
// CIMPushers is nil, no request needs a token.
func (h *Server) cimRoute(next http.HandlerFunc) http.Handler {
	withToken := h.service(next) // processes with certificates do not push this way
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from := h.config.CIMPushers
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		if from == nil || err == nil && from.Trust(peer.Addr()) {
			next(w, r)
			return
		}
		withToken.ServeHTTP(w, r)
	})
}

// SetTokens replaces Config.Tokens, and ignores empty tokens. Streams that are open stay
// open.
func (h *Server) SetTokens(all ...string) {
	tokens := slices.DeleteFunc(slices.Clone(all), func(t string) bool { return t == "" })
	h.tokens.Store(&tokens)
}

// shows reports whether the value of an Authorization header has one of the tokens. It
// returns true if no token is needed.
func (h *Server) shows(header string) bool {
	tokens := *h.tokens.Load()
	good := 0
	for _, t := range tokens {
		good |= subtle.ConstantTimeCompare([]byte(header), []byte("Bearer "+t))
	}
	return good == 1 || len(tokens) == 0
}

func (h *Server) servePush(w http.ResponseWriter, r *http.Request) {
	body, ok := readBody(w, r, maxPush)
	if !ok {
		return
	}
	if caller := cert.CallerOf(r.Context()); caller != nil && !caller.Sent(body) {
		refuse(w, proto.Unauthorized, "The body is not the one that was signed.")
		return
	}
	var request proto.PushRequest
	if err := gproto.Unmarshal(body, &request); err != nil {
		refuse(w, proto.Invalid, "The body is not a push.")
		return
	}
	answer, err := gproto.Marshal(h.config.Node.Push(&request))
	if err != nil {
		refuse(w, proto.Unavailable, "")
		return
	}
	w.Header().Set("Content-Type", proto.ContentProtobuf)
	_, _ = w.Write(answer)
}

// handleStreamed carries out a push that came by a stream.
func (h *Server) handleStreamed(_ context.Context, path string, body, dst []byte) ([]byte, int, time.Duration) {
	var request proto.PushRequest
	if path != proto.PathPush {
		return dst, http.StatusNotFound, 0
	}
	if err := gproto.Unmarshal(body, &request); err != nil {
		return dst, http.StatusBadRequest, 0
	}
	answer, err := gproto.MarshalOptions{}.MarshalAppend(dst, h.config.Node.Push(&request))
	if err != nil {
		return dst, http.StatusInternalServerError, 0
	}
	return answer, http.StatusOK, 0
}

func (h *Server) serveOnline(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	after, err1 := number(query.Get("after"), 0)
	limit, err2 := number(query.Get("limit"), 100)
	if errors.Join(err1, err2) != nil || after < 0 || limit < 1 {
		refuse(w, proto.Invalid, "")
		return
	}
	size := int(min(limit, maxPage))
	answer := proto.OnlineAnswer{
		Users: append([]proto.User{}, h.config.Users.Online(after, size, query.Get("prefix"))...), // never null in JSON
		Total: int64(h.config.Users.Users()),
	}
	if len(answer.Users) == size {
		answer.Next = answer.Users[size-1].User
	}
	writeJSON(w, http.StatusOK, answer)
}

// number parses s, a value in a query. If s is empty, it returns def.
func number(s string, def int64) (int64, error) {
	if s == "" {
		return def, nil
	}
	return proto.ParseNumber(s)
}

// serveDrain begins a drain, after which the node ends. It does not wait for that.
func (h *Server) serveDrain(w http.ResponseWriter, r *http.Request) {
	h.config.Drainer.Start()
	h.serveDrainStatus(w, r)
}

func (h *Server) serveDrainStatus(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, h.config.Drainer.Status())
}

// serveCIMPush answers with status 200 even if the message was not written, as CIM's
// nodes do. Like them, it refuses a body of a type other than JSON.
func (h *Server) serveCIMPush(w http.ResponseWriter, r *http.Request) {
	if header := r.Header.Get("Content-Type"); header != "" {
		if got, _, err := mime.ParseMediaType(header); err != nil || got != "application/json" {
			refuse(w, proto.Invalid, "The content type must be application/json.")
			return
		}
	}
	if body, ok := readBody(w, r, maxCIMPush); ok {
		writeJSON(w, http.StatusOK, cim.Push(body, h.config.Node))
	}
}

func (h *Server) serveReady(w http.ResponseWriter, _ *http.Request) {
	if h.config.Drainer.Draining() {
		http.Error(w, "the node drains", http.StatusServiceUnavailable)
		return
	}
	if h.config.Ready != nil {
		if err := h.config.Ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
	}
	_, _ = io.WriteString(w, "ready\n")
}

// readBody reads a body of at most limit bytes. If it cannot, it refuses the request
// and returns false.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err == nil {
		return body, true
	}
	code := proto.Invalid
	if _, long := errors.AsType[*http.MaxBytesError](err); long {
		code = proto.TooLarge
	}
	refuse(w, code, "")
	return nil, false
}

func refuse(w http.ResponseWriter, code proto.Code, message string) {
	if message == "" {
		message = code.Text()
	}
	writeJSON(w, code.HTTPStatus(), proto.ErrorAnswer{Code: code, Name: code.String(), Message: message})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
