package routefn

import (
	"context"
	"net/http"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/cert"
	"github.com/cim-go/cim/proto/sourceip"
	"github.com/cim-go/cim/proto/stream"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/routefn/admission"
	"github.com/cim-go/cim/routefn/compat"
	"github.com/cim-go/cim/routefn/contact"
	"github.com/cim-go/cim/routefn/failure"
	"github.com/cim-go/cim/routefn/group"
	"github.com/cim-go/cim/routefn/identity"
	"github.com/cim-go/cim/routefn/metrics"
	"github.com/cim-go/cim/routefn/moderation"
	"github.com/cim-go/cim/routefn/node"
	"github.com/cim-go/cim/routefn/nodes"
	"github.com/cim-go/cim/routefn/push"
	"github.com/cim-go/cim/routefn/storecheck"
	"github.com/cim-go/cim/routefn/takeout"
	"github.com/cim-go/cim/routefn/trail"
	"github.com/cim-go/cim/routefn/user"
)

// Route serves all requests. Make it with New; it is safe for concurrent use.
type Route struct {
	cfg Config                                    // completed by New, and read only
	all func(context.Context) (*ring.View, error) // members, also those that cfg.Roster does not admit

	// The frame around every request.
	metrics   *metrics.Metrics
	admission *admission.Limiter
	shares    admission.Share   // bounds the requests of each client with a token
	brake     admission.Brake   // slows down clients with a token that are refused again and again
	strangers *sourceip.Limiter // bounds the requests without a token whose bodies are arriving; nil: no limit
	failures  failure.Log
	codes     *failure.Codes
	trail     *trail.Trail
	tokens    nodes.Tokens
	gate      *cert.Gate // judges the calls of nodes
	streams   *stream.Server

	// These parts keep data from one request to the next.
	check    *storecheck.Checker
	accounts *identity.Accounts
	nodes    *nodes.Client
	pusher   *push.Pusher

	// The requests, by caller.
	user    *user.Requests
	group   *group.Requests
	contact *contact.Requests

	moderation *moderation.Requests
	takeout    *takeout.Requests
	node       *node.Requests
	compat     *compat.Requests

	requests []request               // all kinds of requests: see table
	streamed map[string]streamedCall // requests that a stream carries, by path; read only
}

// A request describes one kind of request. It has the name that Only and the metrics use,
// the methods and the path, and the handler.
type request struct {
	name     string
	methods  []string
	path     string
	handler  handler
	streamed streamedCall // only for requests of nodes
}

type (
	// A handler serves one kind of request. The parameter name is the kind's name in the
	// metrics.
	handler func(rt *Route, name string, w http.ResponseWriter, r *http.Request)
	// A streamedCall serves a request that came on a stream. Its first result is a
	// protobuf message.
	streamedCall func(ctx context.Context, rt *Route, encoded []byte) (any, *proto.Error)
)
