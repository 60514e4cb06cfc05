package tickets

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
)

// Poller calls a route.
type Poller interface {
	// Poll calls a route. If keys is true, it reads the keys of tickets, and the
	// verifier uses them from then on.
	Poll(ctx context.Context, keys bool) (*proto.FireAnswer, error)
}

// Config of a Checker. All fields are required but Open.
type Config struct {
	Node     string // the node's id, which a ticket must name
	Verifier *token.Verifier
	Open     bool // CIM connections may log in without tickets

	Poller Poller
	Failed prometheus.Counter // counts calls for keys without an answer
	Logger *slog.Logger
}

// Checker judges logins. It is safe for concurrent use. Make it with New.
type Checker struct {
	config Config
	wake   chan struct{} // of size 1: a login waits

	mu      sync.Mutex
	waiting []unverified
}

// New starts nothing.
func New(c Config) *Checker { return &Checker{config: c, wake: make(chan struct{}, 1)} }

// Identity is the owner of a connection: the user, the device, and values of the ticket.
type Identity struct {
	User      int64
	Name      string
	Device    string
	Number    int64 // the session's; zero: a route will choose one
	Displaces int64
	Proof     [token.ProofSize]byte // a CIM connection has none
	CIM       bool
}

// ErrUnknownKey is the refusal of a ticket that none of the node's keys verifies. Compare
// it with ==.
var ErrUnknownKey = proto.Err(proto.BadTicket, "")

// Identify checks a login. If it has a ticket, the ticket alone decides. Only a CIM
// client may log in without one, and only in open mode and over CIM's own framing. The
// parameter plain says whether the link has that framing.
func (c *Checker) Identify(f *proto.Frame, plain bool) (Identity, *proto.Error) {
	if f.Ticket != "" {
		return c.byTicket(f.Ticket)
	}
	switch {
	case !c.config.Open || !plain:
		return Identity{}, proto.Err(proto.BadTicket, "A ticket is needed.")
	case f.RequestId < 1 || f.RequestId > proto.MaxUser:
		// An empty frame decodes to a login of user 0.
		return Identity{}, proto.Err(proto.Invalid, "")
	}
	return Identity{
		User: f.RequestId, Name: f.ReqMsg, Device: proto.CIMDevice, Displaces: token.Any, CIM: true,
	}, nil
}

// byTicket checks a login with a ticket. It does not check whether the ticket has
// expired. The store checks that when it opens the session, by the same clock from which
// the ticket's number comes.
func (c *Checker) byTicket(ticket string) (Identity, *proto.Error) {
	if !c.config.Verifier.Ready() { // the node has just started, and no route has answered yet
		return Identity{}, proto.Err(proto.Unavailable, "")
	}
	t, err := c.config.Verifier.Ticket(ticket)
	switch {
	case errors.Is(err, token.ErrUnknownKey):
		return Identity{}, ErrUnknownKey
	case err != nil:
		return Identity{}, proto.Err(proto.BadTicket, "")
	case t.Node != c.config.Node:
		return Identity{}, proto.Err(proto.WrongNode, "")
	}
	return Identity{
		User: t.User, Name: t.Name, Device: t.Device, Number: t.Number, Displaces: t.Displaces,
		Proof: [token.ProofSize]byte(t.Proof),
	}, nil
}
