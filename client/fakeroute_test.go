package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/cim-go/cim/proto"
)

// RoundTrip answers as the route.
func (k *cluster) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	answer, refused := k.serve(r, body)
	status := http.StatusOK
	if refused != nil {
		if refused.Name == "unreachable" {
			return nil, errors.New("connection refused")
		}
		status, answer = refused.Code.HTTPStatus(), refused
	}
	header := make(http.Header)
	if status == http.StatusTooManyRequests {
		header.Set("Retry-After", "3")
	}
	b, _ := json.Marshal(answer)
	if page, ok := answer.(exportAnswer); ok {
		b = []byte(page.lines)
		header.Set("Link", page.link)
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(bytes.NewReader(b)), Request: r}, nil
}

func refuse(code proto.Code) *proto.ErrorAnswer {
	return &proto.ErrorAnswer{Code: code, Name: code.String(), Message: code.Text()}
}

func (k *cluster) serve(r *http.Request, body []byte) (any, *proto.ErrorAnswer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.onCall != nil {
		if refused := k.onCall(r.URL.Path, body); refused != nil {
			return nil, refused
		}
	}
	switch r.URL.Path {
	case proto.PathLogin:
		var in proto.LoginRequest
		json.Unmarshal(body, &in)
		return k.loginLocked(in)
	case proto.PathPull:
		var in proto.PullMessages
		json.Unmarshal(body, &in)
		return k.pullLocked(in)
	case proto.PathSend:
		var in proto.SendMessage
		json.Unmarshal(body, &in)
		m := k.acceptLocked(&proto.Frame{Id: in.ID, To: in.To, Group: in.Group, ReqMsg: in.Text, Again: true})
		return proto.SendReceipt{ID: in.ID, Time: m.Time, At: m.At, Prev: m.Prev}, nil
	case proto.PathRegister:
		return proto.RegisterAnswer{User: alice, Name: "alice"}, nil
	case proto.PathUser:
		return proto.User{User: bob, Name: "bob"}, nil
	case proto.PathOnline:
		if r.URL.Query().Get("after") == "" {
			return proto.OnlineAnswer{Users: []proto.User{{User: bob, Name: "bob"}}, Next: bob, Total: 2}, nil
		}
		return proto.OnlineAnswer{Users: []proto.User{{User: alice, Name: "alice"}}, Total: 2}, nil
	case proto.PathGroupCreate:
		var in proto.CreateGroup
		json.Unmarshal(body, &in)
		return proto.CreatedGroup{Group: room, Missing: in.Members}, nil
	case proto.PathGroupJoin:
		return proto.JoinedGroup{Group: room}, nil
	case proto.PathGroupLeave:
		return proto.LeftGroup{}, nil
	case proto.PathGroupAdd:
		return proto.AddedMember{}, nil
	case proto.PathGroupRemove:
		return proto.RemovedMember{}, nil
	case proto.PathGroups:
		return proto.GroupsAnswer{Groups: []proto.Group{{Group: room, Name: "friends", Members: 2}}}, nil
	case proto.PathGroupMembers:
		if r.URL.Query().Get("group") != "9" {
			return nil, refuse(proto.NotMember)
		}
		if r.URL.Query().Get("after") == "" {
			return proto.GroupMembersAnswer{Users: []proto.User{{User: bob, Name: "bob"}}, Next: bob, Total: 2}, nil
		}
		return proto.GroupMembersAnswer{Users: []proto.User{{User: alice, Name: "alice"}}, Total: 2}, nil
	case proto.PathSchedule:
		var in proto.ScheduleMessage
		json.Unmarshal(body, &in)
		return proto.Scheduled{ID: in.ID, State: proto.StatePending, Due: 1}, nil
	case proto.PathScheduled:
		if r.URL.Query().Get("after") == "" {
			return proto.ScheduledAnswer{Messages: []proto.Scheduled{{ID: "a"}}, Next: "1:a"}, nil
		}
		return proto.ScheduledAnswer{Messages: []proto.Scheduled{{ID: "b"}}}, nil
	case proto.PathCancel:
		if bytes.Contains(body, []byte("sent")) {
			return nil, refuse(proto.TooLate)
		}
		return proto.CancelAnswer{}, nil
	case proto.PathDelivered:
		if q := r.URL.Query(); q.Get("to") != "7" || q.Get("id") != "a b&c" {
			return nil, refuse(proto.Invalid)
		}
		return proto.DeliveredAnswer{Found: true, Delivered: true}, nil
	case proto.PathRefresh:
		k.refreshes++
		return proto.RefreshAnswer{
			Access: fmt.Sprint("access-", k.refreshes+1), AccessSeconds: 600, Refresh: fmt.Sprint("refresh-", k.refreshes+1),
		}, nil
	case proto.PathExport:
		return k.export(r.URL.Query().Get("cursor"))
	case proto.PathSessions:
		return proto.SessionsAnswer{Sessions: []proto.DeviceSession{{Device: "laptop", Connected: true, Own: true}}}, nil
	case proto.PathSessionsEnd:
		k.ended = string(body)
		return proto.EndSessionsAnswer{}, nil
	case proto.PathPassword:
		if !bytes.Contains(body, []byte(`"old":"secret"`)) {
			return nil, refuse(proto.WrongPassword)
		}
		return proto.ChangePasswordAnswer{}, nil
	case proto.PathLogout:
		return proto.LogoutAnswer{}, nil
	}
	return nil, refuse(proto.NotFound)
}

func (k *cluster) loginLocked(in proto.LoginRequest) (any, *proto.ErrorAnswer) {
	k.logins = append(k.logins, in)
	if in.Token != "token" && in.Password != "secret" && in.JWT == "" {
		return nil, refuse(proto.WrongPassword)
	}
	node := k.nodes[0]
	for _, n := range k.nodes {
		if !slices.Contains(in.Avoid, n.ID) {
			node = n
			break
		}
	}
	k.number++
	answer := proto.LoginAnswer{
		User: alice, Name: "alice", Device: in.Device, Number: k.number,
		Node: node, Ticket: "ticket", Token: "token", PingSeconds: 10,
	}
	if k.pairs {
		answer.Access, answer.AccessSeconds, answer.Refresh = "access-1", 600, "refresh-1"
	}
	return answer, nil
}

func (k *cluster) pullLocked(in proto.PullMessages) (any, *proto.ErrorAnswer) {
	k.pulls = append(k.pulls, in.After)
	l := k.logs[in.After.Log]
	if l.left > 0 && in.After.Number >= l.left {
		return nil, refuse(proto.NotMember)
	}
	first := max(l.trimmed, l.joined-1)
	after := max(in.After.Number, first)
	if i := in.After.Number - l.trimmed - 1; in.After.Number > 0 && i >= 0 {
		if i >= int64(len(l.entries)) || l.entries[i].At != in.After {
			return nil, refuse(proto.Diverged)
		}
	} else if in.After.Number > 0 && in.After.Epoch != l.epoch {
		return nil, refuse(proto.Diverged)
	}
	page := proto.PulledMessages{Epoch: l.epoch, Oldest: first + 1, Newest: l.newest(in.After.Log), Through: in.After}
	if l.left > 0 {
		page.Newest = l.entries[l.left-l.trimmed-1].At
	}
	for _, m := range l.entries[after-l.trimmed:] {
		if m.At.Number > page.Newest.Number {
			break
		}
		if len(page.Messages) == in.Limit {
			break
		}
		page.Through = m.At
		if m.Kind != proto.Kind_GENESIS {
			page.Messages = append(page.Messages, m)
		}
	}
	return page, nil
}
