package compat

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/identity"
	"github.com/cim-go/cim/routefn/placement"
	"github.com/cim-go/cim/routefn/record"
)

// User is an account in the form of CIM's requests and answers.
type User struct {
	UserID   int64  `json:"userId"`
	UserName string `json:"userName"`
}

// Register is POST /registerAccount. If the name has an account, the answer has that
// account's id.
func (c *Requests) Register(ctx context.Context, q User) (User, error) {
	account, err := c.cfg.Accounts.Register(ctx, proto.RegisterRequest{Name: q.UserName})
	if err != nil {
		return User{}, err
	}
	return User{UserID: account.User, UserName: account.Name}, nil
}

// Server is the node to which a CIM client should connect.
type Server struct {
	IP            string `json:"ip"`
	CIMServerPort int    `json:"cimServerPort"`
	HTTPPort      int    `json:"httpPort"`
}

// Login is POST /login. It answers with a node, but makes no session. A connection gets
// the number of its session when it opens.
func (c *Requests) Login(ctx context.Context, q User) (Server, error) {
	if q.UserName == "" {
		return Server{}, identity.ErrMismatch
	}
	account, err := c.cfg.Accounts.Named(ctx, q.UserID, q.UserName)
	if errors.Is(err, record.ErrNoUser) && !c.cfg.State.Certain() {
		account, err = c.cfg.Accounts.NamedOrRestored(ctx, q.UserID, q.UserName)
	}
	if errors.Is(err, record.ErrNoUser) {
		return Server{}, c.cfg.Codes.Absent(identity.ErrMismatch)
	}
	if err != nil {
		return Server{}, err
	}
	who := record.Issuing{User: account.User, Device: proto.CIMDevice}
	place, err := c.cfg.Placer.Place(ctx, who, nil, c.cfg.Repeat)
	if err != nil {
		return Server{}, err
	}
	return serverOf(place)
}

// serverOf returns the addresses of the placed member in CIM's form, which is one host and
// two ports.
func serverOf(place placement.Place) (Server, error) {
	host, client, err := hostPort(place.Member.ClientAddress().HostPort)
	if err != nil {
		return Server{}, err
	}
	at, _ := ring.HostPort(place.Member.HTTP)
	_, internal, err := hostPort(at)
	if err != nil {
		return Server{}, err
	}
	return Server{IP: host, CIMServerPort: client, HTTPPort: internal}, nil
}

func hostPort(address string) (string, int, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("split member's address: %w", err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return "", 0, fmt.Errorf("split member's address: %w", err)
	}
	return host, n, nil
}

// Offline is the body of POST /offLine.
type Offline struct {
	UserID int64 `json:"userId"`
}

// Offline is POST /offLine. It closes the live session of the user's device cim, in the
// store and at the session's node. It closes no session of another device. It blocks for
// endIn, so that the cursors of the ended connection are known before the answer.
//
// CIM's request has no session number, so nothing fences it. A late request may close a
// connection that began after the request was sent. The client of that connection then
// connects again. A node's report of a closed connection has a number, so it closes
// nothing newer.
func (c *Requests) Offline(ctx context.Context, q Offline) (any, error) {
	if !check.ValidUser(q.UserID) {
		return nil, check.Invalid("The userId is not a user id.")
	}
	err := c.cfg.Users.LogoutDevice(ctx, q.UserID, proto.CIMDevice, nil)
	if identity.IsNone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	select {
	case <-time.After(endIn):
	case <-ctx.Done():
	}
	return nil, nil
}

// endIn is how long Offline waits before it answers. CIM's SDK waits for the answer when
// it closes, and its program may log in right afterwards. Such a client usually ends the
// connection within some milliseconds. Then the node needs 200 ms to find out what the
// client has read, and reports it. If a client does not end the connection, the node waits
// up to two seconds, but Offline does not wait that long.
const endIn = 500 * time.Millisecond
