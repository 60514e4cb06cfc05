package routefn

import (
	"context"
	"net/http"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/sourceip"
	"github.com/cim-go/cim/routefn/body"
	"github.com/cim-go/cim/routefn/identity"
)

const (
	// bodyTime is how long a client may take to send a body. A body usually has some hundred
	// bytes. It has Config.MaxBody bytes at most.
	bodyTime = 10 * time.Second
	// nodeBodyTime is how long a node may take to send a body. The body may have
	// body.MaxNode bytes.
	nodeBodyTime = 30 * time.Second
)

// intake reads a request's body before the request counts as in flight. So a body that is
// not complete takes no place from other requests. It returns the request for the
// handler, or nil if it has answered the request itself.
func (rt *Route) intake(w http.ResponseWriter, r *http.Request, q request) *http.Request {
	begun := time.Now()
	r, failed := rt.readBody(w, r, q)
	if failed == nil {
		return r
	}
	status := failed.Code.HTTPStatus()
	if failed.Code == proto.Unavailable {
		status = http.StatusRequestTimeout
	}
	rt.metrics.Served(q.name, failed.Code.String(), time.Since(begun))
	body.Fail(w, status, failed)
	return nil
}

// readBody reads a body that is not too large for its caller. A request without a valid
// token counts against its address until its body has arrived. If too many such requests
// of the address are still sending, the error has the code Overloaded. If the body took
// too long, it has the code Unavailable.
func (rt *Route) readBody(w http.ResponseWriter, r *http.Request, q request) (*http.Request, *proto.Error) {
	if q.streamed != nil {
		return rt.readNode(w, r)
	}
	user := rt.proved(r)
	if user != 0 {
		r = r.WithContext(context.WithValue(r.Context(), provedKey{}, user))
	}
	if rt.strangers == nil || user != 0 || r.Body == http.NoBody {
		return r, body.Whole(w, r, rt.cfg.MaxBody, bodyTime)
	}
	control := http.NewResponseController(w)
	evict := func() { _ = control.SetReadDeadline(time.Unix(1, 0)) } // the body takes too long, and its place is needed
	place, ok := rt.strangers.Enter(rt.cfg.Proxies.Client(r), time.Now(), evict)
	if !ok {
		rt.metrics.Crowded.Inc()
		return r, proto.Err(proto.Overloaded, "")
	}
	defer func() {
		place.Leave()
		_ = control.SetReadDeadline(time.Time{}) // evict may have set a deadline just as the body ended
	}()
	return r, body.Whole(w, r, rt.cfg.MaxBody, bodyTime)
}

// readNode reads the body of a request for nodes, if a node has sent the request. If the
// node's signature is for another body, the error has the code Unauthorized.
func (rt *Route) readNode(w http.ResponseWriter, r *http.Request) (*http.Request, *proto.Error) {
	caller, err := rt.callerOf(w, r)
	if err != nil {
		return r, nil // the handler refuses the request and reads nothing
	}
	r = r.WithContext(judged(r.Context(), caller))
	if failed := body.Whole(w, r, body.MaxNode, nodeBodyTime); failed != nil {
		return r, failed
	}
	if caller != nil && !caller.Sent(body.Held(r)) {
		return r, proto.Err(proto.Unauthorized, "The body is not the one that was signed.")
	}
	return r, nil
}

// proved returns the user of the token in a request, or 0 if no route has made the token.
// The store checks later whether the token is still valid.
func (rt *Route) proved(r *http.Request) (user int64) {
	t, err := rt.cfg.Issuer.VerifyToken(identity.Bearer(r))
	if err != nil {
		return 0
	}
	sourceip.Proved(r.Context())
	return t.User
}

// provedKey is in the context of a request whose user has proved who they are.
type provedKey struct{}
