package routefn

import (
	"context"
	"net/http"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/record"
)

// Login serves POST /v1/login: it checks who asks, picks a node and answers with
// a ticket for it. Nothing changes but the number that was issued last: a login
// that is lost, repeated or never used displaces nobody.
func (rt *Route) Login(w http.ResponseWriter, r *http.Request) {
	rt.serve(w, r, "login", jsonFormat, func(ctx context.Context) (any, error) {
		var q proto.LoginRequest
		if err := decodeJSON(w, r, rt.cfg.MaxBody, &q); err != nil {
			return nil, err
		}
		return rt.login(ctx, q)
	})
}

func (rt *Route) login(ctx context.Context, q proto.LoginRequest) (*proto.LoginAnswer, error) {
	if err := checkLogin(q); err != nil {
		return nil, err
	}
	account, pass, err := rt.authenticate(ctx, q)
	if err != nil {
		return nil, err
	}
	who := record.Issuing{User: account.User, Device: q.Device, Pass: pass}
	p, err := rt.land(ctx, who, q.Avoid, rt.repeatOf(q))
	if err != nil {
		return nil, err
	}
	return rt.admit(account, q.Device, p)
}

func checkLogin(q proto.LoginRequest) error {
	if err := checkDevice(q.Device); err != nil {
		return err
	}
	switch {
	case len(q.Avoid) > maxAvoid:
		return invalid("More nodes to avoid than 16.")
	case q.Repeat != "" && !validRepeat(q.Repeat):
		return invalid("A repeat login is either replaced or rejected.")
	case q.Token != "":
		return nil
	case q.Name == "" && q.User == 0:
		return invalid("A login needs a token, a name or a user id.")
	case len(q.Password) > maxPassword:
		return invalid("A password has 1 to 256 bytes.")
	case q.Name != "":
		return checkName(q.Name)
	}
	return nil
}

// repeatOf returns what is to happen to a connection of the device. Who presents
// the device's own token displaces himself: he came back before anybody saw that
// he was gone.
func (rt *Route) repeatOf(q proto.LoginRequest) string {
	switch {
	case q.Token != "":
		return proto.RepeatReplace
	case q.Repeat != "":
		return q.Repeat
	}
	return rt.cfg.Repeat
}

// admit makes the ticket and the token. The token lives by the store's clock, which is
// in its number.
func (rt *Route) admit(account record.Account, device string, p landing) (*proto.LoginAnswer, error) {
	ticket, err := rt.cfg.Issuer.Ticket(token.Ticket{
		User: account.User, Name: account.Name, Device: device, Number: p.number, Displaces: p.displaces,
		Node: p.member.ID, Expires: rt.cfg.Now().Add(token.TicketLife),
	})
	if err != nil {
		return nil, err
	}
	pass, err := rt.cfg.Issuer.Token(token.Token{
		User: account.User, Name: account.Name, Device: device, Number: p.number,
		Expires: time.UnixMilli(p.number).Add(token.TokenLife),
	})
	if err != nil {
		return nil, err
	}
	return &proto.LoginAnswer{
		User: account.User, Name: account.Name, Device: device, Number: p.number,
		Node:   proto.Node{ID: p.member.ID, Address: p.member.Client, TLS: p.member.TLS},
		Ticket: ticket, Token: pass, PingSeconds: rt.cfg.PingSeconds,
	}, nil
}
