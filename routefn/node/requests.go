package node

import (
	"context"
	"log/slog"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/skew"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/routefn/admission"
	"github.com/cim-go/cim/routefn/delayed"
	"github.com/cim-go/cim/routefn/dispatch"
	"github.com/cim-go/cim/routefn/failure"
	"github.com/cim-go/cim/routefn/identity"
	"github.com/cim-go/cim/routefn/nodes"
	"github.com/cim-go/cim/routefn/placement"
	"github.com/cim-go/cim/routefn/push"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/storecheck"
)

// Counter counts reports of nodes about sessions for which they have no proof.
type Counter interface{ Inc() }

// Config configures Requests. All fields are required.
type Config struct {
	Store     *record.Store
	Check     *storecheck.Checker
	Accounts  *identity.Accounts
	Issuer    *token.Issuer
	Codes     *failure.Codes
	Placer    *placement.Placer
	Dispatch  *dispatch.Dispatcher
	Delayed   *delayed.Sender
	Pusher    *push.Pusher
	Nodes     *nodes.Client
	Members   func(context.Context) (*ring.View, error) // errors are *proto.Error
	Admission *admission.Limiter
	Clocks    *skew.Clocks // compare this clock with the nodes' clocks
	Unproven  Counter

	Name      string // of this process
	Repeat    string // rule for repeated logins: proto.RepeatReplace or proto.RepeatReject
	CIMRepeat string // the rule for CIM's clients
	MaxText   int    // bytes
	Now       func() time.Time
	Log       *slog.Logger
}

// Requests has the requests of nodes. Make it with New; it is safe for concurrent use.
type Requests struct{ cfg Config }

// New returns Requests.
func New(c Config) *Requests { return &Requests{c} }

func leaseOf(o *proto.Origin) record.Lease {
	return record.Lease{Node: o.Node, Boot: o.Boot, Addr: o.Address}
}
