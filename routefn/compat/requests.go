package compat

import (
	"context"
	"log/slog"
	"slices"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/dispatch"
	"github.com/cim-go/cim/routefn/failure"
	"github.com/cim-go/cim/routefn/identity"
	"github.com/cim-go/cim/routefn/placement"
	"github.com/cim-go/cim/routefn/push"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/user"
)

// StoreState knows whether the store may have lost data a moment ago.
type StoreState interface {
	Certain() bool
}

// Config configures Requests. All fields are required.
type Config struct {
	Store    *record.Store
	State    StoreState
	Accounts *identity.Accounts
	Codes    *failure.Codes
	Placer   *placement.Placer
	Dispatch *dispatch.Dispatcher
	Pusher   *push.Pusher
	Users    *user.Requests

	Repeat  string // rule for repeated logins: proto.RepeatReplace or proto.RepeatReject
	MaxText int    // bytes
	MaxBody int64  // bytes
	Log     *slog.Logger
}

// Requests carries out the requests of CIM's clients. Make it with New. It is safe for
// concurrent use.
type Requests struct{ cfg Config }

// New returns Requests.
func New(c Config) *Requests { return &Requests{c} }

// session returns the live session of a user's CIM connection, or nil.
func (c *Requests) session(ctx context.Context, user int64) (*record.Session, error) {
	sessions, err := c.cfg.Store.Sessions(ctx, user)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(sessions, func(s record.Session) bool { return s.Device == proto.CIMDevice })
	if i < 0 {
		return nil, nil
	}
	return &sessions[i], nil
}
