package node

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"

	gproto "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
)

var errAway = errors.New("route is away")

// script is a Route in memory. It keeps the requests and answers by its hooks, which a
// test sets with set. A hook may block.
type script struct {
	mu         sync.Mutex
	reports    []*proto.ReportRequest
	sends      []*proto.SendRequest
	reconciles []*proto.ReconcileRequest
	pulls      []*proto.PullRequest
	moves      []*proto.MoveRequest
	fires      []*proto.FireRequest
	next       int64 // last session number given to a CIM connection
	logs       map[int64][]*proto.Stored
	groups     map[int64][]int64 // of users
	apart      bool              // it lets the node ask for groups; else it is of an earlier release

	entering    func(*proto.Entering) *proto.Entered
	opening     func(*proto.Opening) *proto.Opened
	report      func(*proto.ReportRequest) error
	send        func(*proto.SendRequest) (*proto.SendAnswer, error)
	reconciling func(*proto.ReconcileRequest) (*proto.ReconcileAnswer, error)
	pull        func(*proto.PullRequest) (*proto.PullAnswer, error)
	move        func(*proto.MoveRequest) (*proto.MoveAnswer, error)
	fire        func(*proto.FireRequest) (*proto.FireAnswer, error)
}

func (s *script) set(change func(*script)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// keep adds a request to its list and returns the hook for it.
func keep[T gproto.Message, H any](s *script, list *[]T, r T, hook *H) H {
	s.mu.Lock()
	defer s.mu.Unlock()
	*list = append(*list, gproto.CloneOf(r))
	return *hook
}

func (s *script) Report(_ context.Context, r *proto.ReportRequest) (*proto.ReportAnswer, error) {
	if hook := keep(s, &s.reports, r, &s.report); hook != nil {
		if err := hook(r); err != nil {
			return nil, err
		}
	}
	answer := new(proto.ReportAnswer)
	for _, o := range r.Opened {
		answer.Opened = append(answer.Opened, s.open(o))
	}
	for _, e := range r.Entering {
		if s.apart {
			answer.Entered = append(answer.Entered, s.enter(e))
		}
	}
	return answer, nil
}

func (s *script) enter(e *proto.Entering) *proto.Entered {
	s.mu.Lock()
	hook := s.entering
	s.mu.Unlock()
	if hook != nil {
		if entered := hook(e); entered != nil {
			return entered
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := new(proto.Entered)
	for _, group := range e.Groups {
		a.Newest = append(a.Newest, s.newestLocked(group))
	}
	for _, mark := range e.Known {
		a.Held = append(a.Held, mark.Log)
	}
	return a
}

func (s *script) open(o *proto.Opening) *proto.Opened {
	s.mu.Lock()
	hook := s.opening
	s.mu.Unlock()
	if hook != nil {
		if opened := hook(o); opened != nil {
			return opened
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	number := o.Session.Number
	if number == 0 {
		s.next++
		number = 1000 + s.next
	}
	newest := []*proto.Mark{s.newestLocked(proto.Inbox), s.newestLocked(proto.Everyone)}
	if s.apart {
		return &proto.Opened{Number: number, Newest: newest, Version: 1, Groups: s.groups[o.Session.User]}
	}
	for _, group := range s.groups[o.Session.User] {
		newest = append(newest, s.newestLocked(group))
	}
	return &proto.Opened{Number: number, Newest: newest, Version: int64(len(newest))}
}

func (s *script) newestLocked(log int64) *proto.Mark {
	mark := &proto.Mark{Log: log, Epoch: epoch}
	if entries := s.logs[log]; len(entries) > 0 {
		mark = gproto.CloneOf(entries[len(entries)-1].At)
		mark.Key = entries[len(entries)-1].Key
	}
	return mark
}

func (s *script) Send(_ context.Context, r *proto.SendRequest) (*proto.SendAnswer, error) {
	if hook := keep(s, &s.sends, r, &s.send); hook != nil {
		return hook(r)
	}
	answer := new(proto.SendAnswer)
	for i := range r.Items {
		answer.Items = append(answer.Items, &proto.SendResult{At: &proto.Mark{Epoch: epoch, Number: int64(i + 1)}, Time: 5})
	}
	return answer, nil
}

func (s *script) Reconcile(_ context.Context, r *proto.ReconcileRequest) (*proto.ReconcileAnswer, error) {
	if hook := keep(s, &s.reconciles, r, &s.reconciling); hook != nil {
		return hook(r)
	}
	return new(proto.ReconcileAnswer), nil
}

func (s *script) Pull(_ context.Context, r *proto.PullRequest) (*proto.PullAnswer, error) {
	if hook := keep(s, &s.pulls, r, &s.pull); hook != nil {
		return hook(r)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := &proto.PullAnswer{Newest: s.newestLocked(r.After.Log)}
	for _, e := range s.logs[r.After.Log] {
		if e.At.Number > r.After.Number && len(answer.Entries) < int(r.Limit) {
			answer.Entries = append(answer.Entries, e)
		}
	}
	return answer, nil
}

func (s *script) Move(_ context.Context, r *proto.MoveRequest) (*proto.MoveAnswer, error) {
	if hook := keep(s, &s.moves, r, &s.move); hook != nil {
		return hook(r)
	}
	answer := new(proto.MoveAnswer)
	for _, item := range r.Items {
		answer.Items = append(answer.Items, &proto.Moved{
			Ticket: fmt.Sprintf("ticket of %d", item.Session.User), Node: "n2", Address: "10.0.0.2:11211", Tls: true,
		})
	}
	return answer, nil
}

func (s *script) Fire(_ context.Context, r *proto.FireRequest) (*proto.FireAnswer, error) {
	if hook := keep(s, &s.fires, r, &s.fire); hook != nil {
		return hook(r)
	}
	return &proto.FireAnswer{Next: 1000}, nil
}

// store appends a message to a log and returns its entry.
func (s *script) store(t testing.TB, log, from, to int64, text string) *proto.Stored {
	t.Helper()
	return s.storeKind(t, log, from, to, text, proto.Kind_TEXT)
}

func (s *script) storeKind(t testing.TB, log, from, to int64, text string, kind proto.Kind) *proto.Stored {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.logs == nil {
		s.logs = make(map[int64][]*proto.Stored)
	}
	before := s.newestLocked(log)
	group := int64(0)
	if log != proto.Inbox {
		group, to = log, 0
	}
	entry, err := gproto.Marshal(&proto.Entry{FromName: names[from], To: to, Group: group, Text: text, Time: 5, Kind: kind})
	if err != nil {
		t.Fatal(err)
	}
	stored := &proto.Stored{
		At:   &proto.Mark{Log: log, Epoch: epoch, Number: before.Number + 1},
		Prev: before.Key, Key: proto.Key(from, text), Entry: entry,
	}
	s.logs[log] = append(s.logs[log], stored)
	return stored
}

var names = map[int64]string{1: "alice", 2: "bob", 3: "carol"}

// closings returns the numbers that were reported closed, in order.
func (s *script) closings() []int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var numbers []int64
	for _, r := range s.reports {
		for _, c := range r.Closed {
			numbers = append(numbers, c.Session.Number)
		}
	}
	return numbers
}

// ackings returns how far each log was acknowledged.
func (s *script) ackings() map[int64]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	logs := make(map[int64]int64)
	for _, r := range s.reports {
		for _, a := range r.Acked {
			for _, mark := range a.Cursors {
				logs[mark.Log] = mark.Number
			}
		}
	}
	return maps.Clone(logs)
}

// received returns how far each log was received by the systems of CIM clients.
func (s *script) received() map[int64]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	logs := make(map[int64]int64)
	for _, r := range s.reports {
		for _, a := range r.Acked {
			for _, mark := range a.Received {
				logs[mark.Log] = mark.Number
			}
		}
	}
	return logs
}

// left returns how far each log counts as read by CIM clients if they log out.
func (s *script) left() map[int64]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	logs := make(map[int64]int64)
	for _, r := range s.reports {
		for _, a := range r.Acked {
			for _, mark := range a.Left {
				logs[mark.Log] = mark.Number
			}
		}
	}
	return logs
}

func (s *script) reported() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.reports)
}
