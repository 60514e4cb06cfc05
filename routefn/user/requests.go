package user

import (
	"context"
	"log/slog"
	"time"

	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/routefn/delayed"
	"github.com/cim-go/cim/routefn/dispatch"
	"github.com/cim-go/cim/routefn/failure"
	"github.com/cim-go/cim/routefn/identity"
	"github.com/cim-go/cim/routefn/nodes"
	"github.com/cim-go/cim/routefn/placement"
	"github.com/cim-go/cim/routefn/push"
	"github.com/cim-go/cim/routefn/record"
)

// Timing records how long the store takes. Load shedding depends on it.
type Timing interface {
	Answered(took time.Duration)
}

// Counter counts.
type Counter interface{ Add(float64) }

// Config configures Requests. All fields are required.
type Config struct {
	Store    *record.Store
	Accounts *identity.Accounts
	Issuer   *token.Issuer
	Placer   *placement.Placer
	Dispatch *dispatch.Dispatcher
	Pusher   *push.Pusher
	Nodes    *nodes.Client
	Members  func(context.Context) (*ring.View, error) // errors are *proto.Error
	Waker    *delayed.Waker
	Timing   Timing
	Missed   Counter // counts nodes that are missing in a list of online users
	Replayed Counter // counts refresh tokens that were used again after their successors
	Codes    *failure.Codes

	Repeat      string // rule for logins that name none: proto.RepeatReplace or proto.RepeatReject
	MaxText     int    // bytes
	PingSeconds int    // is sent to clients
	Now         func() time.Time
	Log         *slog.Logger
}

// Requests has the requests of clients. Make it with New; it is safe for concurrent
// use.
type Requests struct{ cfg Config }

// New returns Requests.
func New(c Config) *Requests { return &Requests{c} }
