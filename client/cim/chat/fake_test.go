package chat

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/proto"
)

// fake is a client that is connected, knows bob, and answers as it is told.
type fake struct {
	messages chan client.Message
	events   chan client.Event
	stopped  chan struct{}

	mu      sync.Mutex
	sent    []client.Outgoing
	refuse  error
	offline bool
	online  client.Page
	groups  []client.Group
	changed []string // members added and removed

	delayed []client.Scheduled
	dropped []client.Scheduled

	sessions []client.DeviceSession

	people
	desk
}

func newFake() *fake {
	return &fake{
		messages: make(chan client.Message), events: make(chan client.Event), stopped: make(chan struct{}),
		online: client.Page{Users: []client.User{{User: 7, Name: "bob"}, {User: 42, Name: "alice"}}, Total: 2},
	}
}

func (f *fake) Self() client.User { return client.User{User: 42, Name: "alice"} }
func (f *fake) Device() string    { return "laptop" }

func (f *fake) State() client.State {
	if f.offline {
		return client.State{Err: client.ErrNoRoute}
	}
	return client.State{Node: proto.Node{ID: "node-1", Address: "127.0.0.1:11211"}}
}

func (f *fake) SendMessage(ctx context.Context, m client.Outgoing) (client.Receipt, error) {
	if f.offline {
		<-ctx.Done()
		return client.Receipt{}, errors.Join(client.ErrOutcomeUnknown, ctx.Err())
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if m.To == 99 {
		return client.Receipt{}, proto.Err(proto.UnknownUser, "")
	}
	if f.refuse != nil {
		return client.Receipt{}, f.refuse
	}
	f.sent = append(f.sent, m)
	return client.Receipt{}, nil
}

func (f *fake) Receive(ctx context.Context) (client.Message, error) {
	select {
	case m := <-f.messages:
		return m, nil
	case <-f.stopped:
		return client.Message{}, proto.Err(proto.Replaced, "")
	case <-ctx.Done():
		return client.Message{}, ctx.Err()
	}
}

func (f *fake) Event(ctx context.Context) (client.Event, error) {
	select {
	case e := <-f.events:
		return e, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (f *fake) OnlinePage(_ context.Context, prefix string, _ int64, _ int) (client.Page, error) {
	if f.offline {
		return client.Page{}, client.ErrNoRoute
	}
	page := f.online
	page.Users = nil
	for _, u := range f.online.Users {
		if strings.HasPrefix(u.Name, prefix) {
			page.Users = append(page.Users, u)
		}
	}
	return page, nil
}

func (f *fake) UserByName(_ context.Context, name string) (client.User, error) {
	if name != "bob" {
		return client.User{}, proto.Err(proto.UnknownUser, "")
	}
	return client.User{User: 7, Name: "bob"}, nil
}

func (f *fake) ScheduleAfter(_ context.Context, m client.Outgoing, delay time.Duration) (client.Scheduled, error) {
	if m.To == 99 {
		return client.Scheduled{}, proto.Err(proto.UnknownUser, "")
	}
	s := client.Scheduled{
		ID: fmt.Sprint("d", len(f.delayed)), State: proto.StatePending, Due: time.Now().Add(delay).UnixMilli(),
		To: m.To, Group: m.Group, Text: m.Text,
	}
	f.delayed = append(f.delayed, s)
	return s, nil
}

func (f *fake) ScheduledPage(context.Context, string, int) (client.ScheduledPage, error) {
	if f.offline {
		return client.ScheduledPage{}, client.ErrNoRoute
	}
	return client.ScheduledPage{Messages: f.delayed, Dropped: f.dropped}, nil
}

func (f *fake) CancelScheduled(_ context.Context, id string) error {
	i := slices.IndexFunc(f.delayed, func(s client.Scheduled) bool { return s.ID == id })
	if i < 0 {
		return proto.Err(proto.TooLate, "")
	}
	f.delayed = slices.Delete(f.delayed, i, i+1)
	return nil
}

func (f *fake) CreateGroup(_ context.Context, name string, _ ...int64) (client.CreatedGroup, error) {
	if f.refuse != nil {
		return client.CreatedGroup{}, f.refuse
	}
	f.groups = append(f.groups, client.Group{Group: 9, Name: name, Members: 1, Creator: 42, Owner: 42, Role: proto.GroupOwner})
	return client.CreatedGroup{Group: 9}, nil
}

func (f *fake) JoinGroup(_ context.Context, group int64) error {
	if group != 9 {
		return proto.Err(proto.UnknownGroup, "")
	}
	return nil
}

func (f *fake) LeaveGroup(_ context.Context, group int64) error {
	f.groups = nil
	return nil
}

func (f *fake) AddMemberOrInvite(_ context.Context, group, user int64) (bool, error) {
	f.changed = append(f.changed, fmt.Sprintf("%d to %d", user, group))
	return user == 44, nil
}

func (f *fake) RemoveMember(_ context.Context, group, user int64) error {
	if group != 9 {
		return proto.Err(proto.NotCreator, "")
	}
	f.changed = append(f.changed, fmt.Sprintf("%d from %d", user, group))
	return nil
}

func (f *fake) GiveGroupRole(_ context.Context, group, user int64, role string) error {
	if group != 9 {
		return proto.Err(proto.NotCreator, "")
	}
	f.changed = append(f.changed, fmt.Sprintf("%d is %s of %d", user, role, group))
	return nil
}

func (f *fake) Groups(context.Context) ([]client.Group, error) {
	if f.offline {
		return nil, client.ErrNoRoute
	}
	return f.groups, nil
}

func (f *fake) GroupMembersPage(_ context.Context, group, _ int64, _ int) (client.MembersPage, error) {
	if group != 9 {
		return client.MembersPage{}, proto.Err(proto.NotMember, "")
	}
	return client.MembersPage{Users: f.online.Users, Next: 42, Total: 3}, nil
}

func (f *fake) Sessions(context.Context) ([]client.DeviceSession, error) {
	if f.offline {
		return nil, client.ErrNoRoute
	}
	return f.sessions, nil
}

func (f *fake) EndSession(_ context.Context, device string) error {
	f.sessions = slices.DeleteFunc(f.sessions, func(s client.DeviceSession) bool { return s.Device == device })
	return f.refuse
}

func (f *fake) EndOtherSessions(context.Context) error {
	f.sessions = slices.DeleteFunc(f.sessions, func(s client.DeviceSession) bool { return !s.Own })
	return f.refuse
}

func (f *fake) ChangePassword(_ context.Context, old, next string) error {
	if old != "secret" {
		return proto.Err(proto.WrongPassword, "")
	}
	f.changed = append(f.changed, "password to "+next)
	return f.refuse
}

func (f *fake) DeleteAccount(_ context.Context, password string) error {
	if password != "secret" {
		return proto.Err(proto.WrongPassword, "")
	}
	f.changed = append(f.changed, "deleted")
	return f.refuse
}

func (f *fake) Export(_ context.Context, w io.Writer) error {
	if _, err := io.WriteString(w, "{}\n"); err != nil {
		return err
	}
	return f.refuse
}

func (f *fake) From(user int64, _ int) ([]client.Message, error) {
	if user != 7 {
		return nil, nil
	}
	return []client.Message{{ID: "m1", From: 7, FromName: "bob", To: 42, Text: "buy\x1b[2J this", Time: 1700000000000}}, nil
}

func (f *fake) Search(word string, _ int) ([]client.Message, error) {
	if word != "tea" {
		return nil, nil
	}
	return []client.Message{
		{From: 7, FromName: "bob", To: 42, Text: "tea?", Time: 1700000000000},
		{From: 42, FromName: "alice", To: 7, Text: "tea!", Time: 1700000001000},
	}, nil
}
