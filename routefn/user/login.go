package user

import (
	"context"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/sourceip"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/placement"
	"github.com/cim-go/cim/routefn/record"
)

// Login is POST /v1/login. It authenticates the caller, picks a node and answers with a
// ticket for it. In the store it changes only the number that was issued last. So a
// login whose answer is lost, or whose ticket is never used, displaces no connection.
func (u *Requests) Login(ctx context.Context, q proto.LoginRequest) (*proto.LoginAnswer, error) {
	if err := checkLogin(q); err != nil {
		return nil, err
	}
	proven, err := u.cfg.Accounts.Authenticate(ctx, q)
	if err != nil {
		return nil, err
	}
	sourceip.Proved(ctx)
	who := record.Issuing{
		User: proven.Account.User, Device: q.Device, Pass: proven.Pass, Shown: proven.Shown,
		Login: &record.Login{Network: sourceip.Network(sourceip.Client(ctx)), Refreshes: !proven.Access},
	}
	place, err := u.cfg.Placer.Place(ctx, who, q.Avoid, u.repeatOf(q))
	if err != nil {
		u.cfg.Accounts.Settle(ctx, proven)
		return nil, err
	}
	if err := u.cfg.Accounts.Unchanged(ctx, proven); err != nil {
		return nil, err
	}
	u.cfg.Accounts.LoggedIn(ctx, proven)
	answer, err := u.ticket(proven.Account, q.Device, place)
	if err != nil {
		return nil, err
	}
	if proven.Access { // a login must not make the life of an access token longer; see Refresh
		answer.Token = q.Token
		return answer, nil
	}
	return answer, u.tokens(answer, place)
}

func checkLogin(q proto.LoginRequest) error {
	if err := check.Device(q.Device); err != nil {
		return err
	}
	switch {
	case len(q.Avoid) > placement.MaxAvoid:
		return check.Invalid("A login avoids at most 16 nodes.")
	case q.Repeat != "" && !check.ValidRepeat(q.Repeat):
		return check.Invalid("A repeat login is either replaced or rejected.")
	case q.Token != "", q.JWT != "":
		return nil
	case q.Name == "" && q.User == 0:
		return check.Invalid("A login needs a token, a name or a user id.")
	}
	if err := check.Password(q.Password); err != nil || q.Name == "" {
		return err
	}
	return check.Name(q.Name)
}

// repeatOf returns the rule for a device that has a connection already. A login with the
// device's own token may displace that connection. It comes from the same device, whose
// earlier connection must have ended unnoticed.
func (u *Requests) repeatOf(q proto.LoginRequest) string {
	switch {
	case q.Token != "":
		return proto.RepeatReplace
	case q.Repeat != "":
		return q.Repeat
	}
	return u.cfg.Repeat
}

// ticket makes the answer, with the ticket.
func (u *Requests) ticket(account record.Account, device string, place placement.Place) (*proto.LoginAnswer, error) {
	ticket, err := u.cfg.Issuer.Ticket(token.Ticket{
		User: account.User, Name: account.Name, Device: device, Number: place.Number, Displaces: place.Displaces,
		Node: place.Member.ID, Expires: u.cfg.Now().Add(token.TicketLife), ProofEnds: u.cfg.Accounts.ProofEnd(),
	})
	if err != nil {
		return nil, err
	}
	at := place.Member.ClientAddress()
	return &proto.LoginAnswer{
		User: account.User, Name: account.Name, Device: device, Number: place.Number,
		Node:   proto.Node{ID: place.Member.ID, Address: at.HostPort, TLS: at.TLS, Path: at.Path},
		Ticket: ticket, PingSeconds: u.cfg.PingSeconds,
	}, nil
}

// tokens adds the tokens of a login to the answer. One token is for clients that do not
// know refresh tokens. It expires TokenLife after the session's number, which is a time by
// the store's clock, in ms. The other two are an access token and a refresh token.
func (u *Requests) tokens(answer *proto.LoginAnswer, place placement.Place) (err error) {
	answer.Token, err = u.cfg.Issuer.Token(token.Token{
		User: answer.User, Name: answer.Name, Device: answer.Device, Number: place.Number,
		Expires: time.UnixMilli(place.Number).Add(token.TokenLife),
	})
	if err != nil {
		return err
	}
	next, err := u.chained(token.Refresh{
		User: answer.User, Name: answer.Name, Device: answer.Device, Number: place.Number, Generation: 1, ID: token.NewID(),
	}, place.Time, place.Time)
	answer.Access, answer.AccessSeconds, answer.Refresh = next.Access, next.AccessSeconds, next.Refresh
	return err
}
