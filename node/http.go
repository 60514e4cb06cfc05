package node

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	gproto "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
)

const (
	maxPush    = 16 << 20 // bytes of a push
	maxCIMPush = 1 << 20  // bytes of CIM's push
	maxPage    = 1000     // users in one page
)

// serveHTTP serves the internal port until ctx ends. It closes the listener.
func (n *Node) serveHTTP(ctx context.Context) error {
	server := &http.Server{
		Handler:           n.Handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(n.config.Internal) }()
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
	n.streams.Close()
	<-failed
	return nil
}

// Handler returns what the internal port serves. Run serves it; a program may
// mount it elsewhere, too.
func (n *Node) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST "+proto.PathPush, n.service(n.servePush))
	mux.Handle("GET "+proto.PathPushStream, n.service(n.streams.ServeHTTP))
	mux.Handle("GET "+proto.PathNodeOnline, n.service(n.serveOnline))
	mux.Handle("POST "+proto.PathDrain, n.service(n.serveDrain))
	mux.Handle("GET "+proto.PathDrain, n.service(n.serveDrainStatus))
	mux.HandleFunc("GET "+proto.PathHealth, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ok\n")
	})
	mux.HandleFunc("GET "+proto.PathReady, n.serveReady)
	if n.config.Members != nil {
		mux.Handle("GET "+proto.PathRing, n.config.Members)
	}
	if n.config.Metrics != nil {
		mux.Handle("GET "+proto.PathMetrics, n.config.Metrics)
	}
	if n.config.Open {
		mux.HandleFunc("POST "+proto.PathCIMPush, n.serveCIMPush)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { refuse(w, proto.NotFound, "") })
	return mux
}

// service lets only those in who show the service token.
func (n *Node) service(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !n.shows(r.Header.Get("Authorization")) {
			refuse(w, proto.Unauthorized, "")
			return
		}
		next(w, r)
	})
}

// SetServiceTokens replaces the ServiceToken and the OtherTokens of Config: only those
// who show one of these come in from now on. Streams that are open stay. An empty token
// is none.
func (n *Node) SetServiceTokens(token string, others ...string) {
	tokens := slices.DeleteFunc(append([]string{token}, others...), func(t string) bool { return t == "" })
	n.tokens.Store(&tokens)
}

// shows reports whether a header bears one of the service tokens, or none is needed.
func (n *Node) shows(header string) bool {
	tokens := *n.tokens.Load()
	good := 0
	for _, t := range tokens {
		good |= subtle.ConstantTimeCompare([]byte(header), []byte("Bearer "+t))
	}
	return good == 1 || len(tokens) == 0
}

func (n *Node) servePush(w http.ResponseWriter, r *http.Request) {
	body, ok := readBody(w, r, maxPush)
	if !ok {
		return
	}
	var request proto.PushRequest
	if err := gproto.Unmarshal(body, &request); err != nil {
		refuse(w, proto.Invalid, "The body is not a push.")
		return
	}
	answer, err := gproto.Marshal(n.Push(&request))
	if err != nil {
		refuse(w, proto.Unavailable, "")
		return
	}
	w.Header().Set("Content-Type", proto.ContentProtobuf)
	_, _ = w.Write(answer)
}

// handleStreamed carries out a push that came by a stream.
func (n *Node) handleStreamed(_ context.Context, path string, body, dst []byte) ([]byte, int, time.Duration) {
	var request proto.PushRequest
	if path != proto.PathPush {
		return dst, http.StatusNotFound, 0
	}
	if err := gproto.Unmarshal(body, &request); err != nil {
		return dst, http.StatusBadRequest, 0
	}
	answer, err := gproto.MarshalOptions{}.MarshalAppend(dst, n.Push(&request))
	if err != nil {
		return dst, http.StatusInternalServerError, 0
	}
	return answer, http.StatusOK, 0
}

func (n *Node) serveOnline(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	after, err1 := number(query.Get("after"), 0)
	limit, err2 := number(query.Get("limit"), 100)
	if errors.Join(err1, err2) != nil || after < 0 || limit < 1 {
		refuse(w, proto.Invalid, "")
		return
	}
	size := int(min(limit, maxPage))
	answer := proto.OnlineAnswer{
		Users: append([]proto.User{}, n.hub.Online(after, size, query.Get("prefix"))...), // never null in JSON
		Total: int64(n.hub.Users()),
	}
	if len(answer.Users) == size {
		answer.Next = answer.Users[size-1].User
	}
	writeJSON(w, http.StatusOK, answer)
}

// number parses a query's value; an empty one is the default.
func number(s string, def int64) (int64, error) {
	if s == "" {
		return def, nil
	}
	return strconv.ParseInt(s, 10, 64)
}

// serveDrain begins a drain, which ends the node, and does not wait for it.
func (n *Node) serveDrain(w http.ResponseWriter, r *http.Request) {
	n.Drain()
	n.serveDrainStatus(w, r)
}

func (n *Node) serveDrainStatus(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, n.drainer.status())
}

func (n *Node) serveReady(w http.ResponseWriter, _ *http.Request) {
	if n.drainer.begun() {
		http.Error(w, "the node drains", http.StatusServiceUnavailable)
		return
	}
	if n.config.Ready != nil {
		if err := n.config.Ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
	}
	_, _ = io.WriteString(w, "ready\n")
}

// readBody reads at most limit bytes and answers the request itself if it cannot.
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
