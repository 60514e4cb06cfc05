package user

import (
	"context"
	"net/url"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/check"
)

// Online is GET /v1/online. It returns a page of the connected users, by ascending id.
// The caller's role must allow that.
func (u *Requests) Online(ctx context.Context, caller token.Token, q url.Values) (proto.OnlineAnswer, error) {
	page, err := check.ParsePage(q)
	if err != nil {
		return proto.OnlineAnswer{}, err
	}
	if err := u.cfg.Store.ReachEveryone(ctx, caller.User); err != nil { // this also makes the store check the token
		return proto.OnlineAnswer{}, err
	}
	return u.OnlinePage(ctx, page)
}

// OnlinePage returns a page of the connected users, as Online does, but checks no token.
func (u *Requests) OnlinePage(ctx context.Context, page check.Page) (proto.OnlineAnswer, error) {
	view, err := u.cfg.Members(ctx)
	if err != nil {
		return proto.OnlineAnswer{}, err
	}
	answer, missed := u.cfg.Nodes.Online(ctx, view.Members(), page)
	u.cfg.Missed.Add(float64(missed))
	return answer, nil
}
