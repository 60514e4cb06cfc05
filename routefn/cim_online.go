package routefn

import (
	"context"
	"net/http"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
)

// CIMOnline serves GET and POST /onlineUser: all who are connected, at once.
func (rt *Route) CIMOnline(w http.ResponseWriter, r *http.Request) {
	serveCIM(rt, w, r, "cim-online", func(ctx context.Context, _ struct{}) (any, error) {
		users := []cimUser{}
		for p := (page{limit: maxPage}); ; {
			answer, err := rt.online(ctx, p)
			if err != nil {
				return nil, err
			}
			for _, u := range answer.Users {
				users = append(users, cimUser{UserID: u.User, UserName: u.Name})
			}
			if answer.Next <= p.after {
				return users, nil
			}
			p.after = answer.Next
		}
	})
}

// CIMFetch serves POST /fetchOfflineMsgs. The messages come over the connection:
// its node is asked whether the connection is there, and by that looks for what
// it missed. Without a connection there is nowhere to send them.
func (rt *Route) CIMFetch(w http.ResponseWriter, r *http.Request) {
	serveCIM(rt, w, r, "cim-fetch", func(ctx context.Context, q struct {
		ReceiveUserID int64 `json:"receiveUserId"`
	}) (any, error) {
		if !validUser(q.ReceiveUserID) {
			return nil, invalid("The receiveUserId is not a user id.")
		}
		live, err := rt.session(ctx, q.ReceiveUserID, proto.CIMDevice)
		if err != nil || live == nil {
			return nil, err
		}
		rt.push.item(live.Addr, live.Boot, &proto.PushItem{
			User: q.ReceiveUserID, Numbers: []int64{live.Number},
		}, []record.Session{*live})
		return nil, nil
	})
}
