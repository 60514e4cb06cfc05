package routefn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
)

// cimUser is an account in CIM's words, in requests and answers.
type cimUser struct {
	UserID   int64  `json:"userId"`
	UserName string `json:"userName"`
}

// CIMRegister serves POST /registerAccount. A name that exists answers with its id.
func (rt *Route) CIMRegister(w http.ResponseWriter, r *http.Request) {
	serveCIM(rt, w, r, "cim-register", func(ctx context.Context, q cimUser) (any, error) {
		account, err := rt.register(ctx, proto.RegisterRequest{Name: q.UserName})
		if err != nil {
			return nil, err
		}
		return cimUser{UserID: account.User, UserName: account.Name}, nil
	})
}

// cimServer is where a CIM client is to connect.
type cimServer struct {
	IP            string `json:"ip"`
	CIMServerPort int    `json:"cimServerPort"`
	HTTPPort      int    `json:"httpPort"`
}

// CIMLogin serves POST /login. It names a node and changes nothing else: the
// connection takes its number itself when it is there.
func (rt *Route) CIMLogin(w http.ResponseWriter, r *http.Request) {
	serveCIM(rt, w, r, "cim-login", func(ctx context.Context, q cimUser) (any, error) {
		if q.UserName == "" {
			return nil, errMismatch
		}
		account, err := rt.accountNamed(ctx, q.UserID, q.UserName)
		if errors.Is(err, record.ErrNoUser) && !rt.keeper.certain() {
			account, err = rt.accountAgain(ctx, q.UserID, q.UserName)
		}
		if errors.Is(err, record.ErrNoUser) {
			return nil, rt.certainly(errMismatch)
		}
		if err != nil {
			return nil, err
		}
		p, err := rt.land(ctx, record.Issuing{User: account.User, Device: proto.CIMDevice}, nil, rt.cfg.CIMRepeat)
		if err != nil {
			return nil, err
		}
		return serverOf(p)
	})
}

// serverOf splits a member's addresses, as CIM tells them.
func serverOf(p landing) (cimServer, error) {
	host, client, err := hostPort(p.member.Client)
	if err != nil {
		return cimServer{}, err
	}
	_, internal, err := hostPort(p.member.HTTP)
	if err != nil {
		return cimServer{}, err
	}
	return cimServer{IP: host, CIMServerPort: client, HTTPPort: internal}, nil
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

// CIMOffline serves POST /offLine: it closes the session of the user's device cim
// and of no other. CIM's call has no number to fence it by, so it closes whichever
// connection of that device is live; record and connection end together, and the
// client of one that was closed by a call that ran late comes back by itself. What
// a node reports late is fenced, and closes nothing.
func (rt *Route) CIMOffline(w http.ResponseWriter, r *http.Request) {
	serveCIM(rt, w, r, "cim-offline", func(ctx context.Context, q struct {
		UserID int64 `json:"userId"`
	}) (any, error) {
		if !validUser(q.UserID) {
			return nil, invalid("The userId is not a user id.")
		}
		return nil, rt.logout(ctx, q.UserID, proto.CIMDevice, nil)
	})
}
