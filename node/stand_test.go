package node

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gproto "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/vectors"
)

// stand is a node that plays a rule. Its route answers the pulls of the log as the
// steps say.
type stand struct {
	*town
	rule vectors.Case
	log  int64
	peer *peer // the follower's; nil: not logged in yet

	mu    sync.Mutex
	told  []*proto.Stored // the log's entries that a step told, as they stand
	end   *proto.Mark     // where the log ends, as a step told last
	alone bool            // no step answers pulls: the route does, by told
	asked []*proto.Mark
	under chan *proto.PullAnswer // the answer to the pull that is under way
	over  chan struct{}
}

func newStand(t *testing.T, r vectors.Case, log int64) *stand {
	s := &stand{
		town: start(t, func(c *Config) { c.CIM.Open, c.Timeouts.Call = true, time.Minute }),
		rule: r, log: log, end: &proto.Mark{Log: log}, alone: true,
		under: make(chan *proto.PullAnswer), over: make(chan struct{}),
	}
	t.Cleanup(func() { close(s.over) })
	s.route.set(func(route *script) { route.pull = s.pull })
	return s
}

func (s *stand) mark(e vectors.Entry) *proto.Mark {
	return &proto.Mark{Log: s.log, Epoch: e.Epoch, Number: e.Number, Key: e.Key}
}

func (s *stand) marks(list []vectors.Entry) (all []*proto.Mark) {
	for _, e := range list {
		all = append(all, s.mark(e))
	}
	return all
}

// stored returns an entry. Its text is its key, which is all that a CIM client is told.
func (s *stand) stored(e vectors.Entry, prev string) *proto.Stored {
	at := s.mark(e)
	entry := &proto.Entry{
		FromName: "user", Text: at.Key, Time: 1,
		Kind: map[string]proto.Kind{"join": proto.Kind_JOIN, "leave": proto.Kind_LEAVE, "hidden": 99}[e.Kind],
	}
	if s.log == proto.Inbox {
		entry.To = follower
	} else {
		entry.Group = s.log
	}
	b, err := gproto.Marshal(entry)
	if err != nil {
		panic(err)
	}
	return &proto.Stored{At: at, Prev: prev, Key: at.Key, Entry: b}
}

// tell records entries of the log, by their numbers. All are in one epoch.
func (s *stand) tell(list ...*proto.Stored) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range list {
		s.told = slices.DeleteFunc(s.told, func(old *proto.Stored) bool {
			return old.At.Epoch != e.At.Epoch || old.At.Number == e.At.Number
		})
		s.told = append(s.told, e)
		slices.SortFunc(s.told, func(a, b *proto.Stored) int { return int(a.At.Number - b.At.Number) })
		s.end = s.told[len(s.told)-1].At
	}
}

// ends records where the log ends.
func (s *stand) ends(newest *proto.Mark) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end = newest
	s.told = slices.DeleteFunc(s.told, func(old *proto.Stored) bool {
		return old.At.Epoch != newest.Epoch || old.At.Number > newest.Number
	})
}

// pull answers a pull as a route.
func (s *stand) pull(r *proto.PullRequest) (*proto.PullAnswer, error) {
	if r.After.Log != s.log {
		return &proto.PullAnswer{Newest: &proto.Mark{Log: r.After.Log, Epoch: epoch}}, nil
	}
	s.mu.Lock()
	s.asked = append(s.asked, r.After)
	alone := s.alone
	s.mu.Unlock()
	if alone {
		return s.answer(r.After), nil
	}
	select {
	case <-s.over:
		return nil, errAway
	case answer := <-s.under:
		if answer == nil {
			answer = s.answer(r.After)
		}
		return answer, nil
	}
}

// answer returns what a route would answer, from the entries that tell recorded.
func (s *stand) answer(after *proto.Mark) *proto.PullAnswer {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := &proto.PullAnswer{Newest: s.end}
	known := after.Number == 0
	for _, e := range s.told {
		known = known || gproto.Equal(e.At, after)
		if e.At.Number > after.Number {
			answer.Entries = append(answer.Entries, e)
		}
	}
	if !known {
		return &proto.PullAnswer{Code: int32(proto.Diverged), Newest: s.end}
	}
	return answer
}

// reply answers the pull that is under way, and reports whether there is one.
func (s *stand) reply(answer *proto.PullAnswer) bool {
	select {
	case s.under <- answer:
		return true
	default:
		return false
	}
}

// opening makes the route confirm the follower's session, with marks of the log.
func (s *stand) opening(number int64, newest, cursors []*proto.Mark) {
	s.route.set(func(route *script) {
		route.opening = func(*proto.Opening) *proto.Opened {
			opened := &proto.Opened{Number: number, Version: 1, Newest: newest, Cursors: cursors}
			for _, log := range []int64{proto.Inbox, proto.Everyone} {
				if log != s.log {
					opened.Newest = append(opened.Newest[:len(opened.Newest):len(opened.Newest)], &proto.Mark{Log: log, Epoch: epoch})
				}
			}
			return opened
		}
	})
}

func (s *stand) push(entry vectors.Entry, prev string) {
	e := s.stored(entry, prev)
	s.tell(e)
	item := &proto.PushItem{Stored: e}
	if s.log == proto.Inbox {
		item.User, item.Numbers = follower, []int64{1001}
	}
	s.Push(push(item))
}

// renew makes reconciliation report where the log ends.
func (s *stand) renew(newest ...*proto.Mark) {
	s.route.set(func(route *script) {
		route.reconciling = func(*proto.ReconcileRequest) (*proto.ReconcileAnswer, error) {
			return &proto.ReconcileAnswer{Groups: newest}, nil
		}
	})
	s.Reconcile()
	synctest.Wait()
	s.route.set(func(route *script) { route.reconciling = nil })
}

// known makes the route know the known entries. It returns the place of the first one,
// and a function that pushes the others.
func (s *stand) known() (first *proto.Mark, rest func()) {
	list := s.rule.Known
	s.tell(s.stored(list[0], ""))
	return s.mark(list[0]), func() {
		for i, e := range list[1:] {
			s.push(e, list[i].Key)
			time.Sleep(4 * pullWait)
		}
	}
}

// shown returns the keys of the messages that the follower was sent since the last
// call. It also returns whether the follower was told that the log goes further.
func (s *stand) shown() (keys []string, told bool) {
	synctest.Wait()
	for s.peer != nil && len(s.peer.frames) > 0 {
		switch f := <-s.peer.frames; {
		case f.Cmd == proto.Command_OFFLINE:
			keys = append(keys, f.BatchReqMsg...)
		case f.Cmd == proto.Command_MESSAGE && f.At != nil:
			keys = append(keys, proto.Key(f.From, f.Id))
		case f.Cmd == proto.Command_MESSAGE:
			keys = append(keys, f.ReqMsg)
		case f.Cmd == proto.Command_NEWEST:
			told = told || slices.ContainsFunc(f.Newest, func(m *proto.Mark) bool { return m.Log == s.log })
		}
	}
	return keys, told
}

func (s *stand) pulls() []*proto.Mark {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = nil
	return asked
}

func (s *stand) same(got, want []*proto.Mark) bool {
	return slices.EqualFunc(got, want, func(a, b *proto.Mark) bool { return gproto.Equal(a, b) })
}

// read answers the pull under way as a step says.
func (s *stand) read(t *testing.T, at vectors.Step) {
	t.Helper()
	answer := new(proto.PullAnswer)
	if at.Page == nil {
		s.mu.Lock()
		answer.Code, answer.Newest = int32(proto.Diverged), s.end
		s.mu.Unlock()
	} else {
		answer.Newest = s.mark(at.Page.Newest) // what was pushed since may be behind it
		for _, e := range at.Page.Messages {
			answer.Entries = append(answer.Entries, s.stored(e, ""))
		}
		if end := at.Page.End(); end.Number > 0 {
			answer.Through = s.mark(end)
		}
		s.tell(answer.Entries...)
	}
	if !s.reply(answer) {
		t.Fatal("no pull is under way")
	}
}

// behind tells the follower's session that its log ends elsewhere.
func (s *stand) behind(newest *proto.Mark) {
	s.ends(newest)
	for _, session := range s.hub.Sessions(follower, []int64{1001}) {
		session.tell(newest)
	}
}

// reached returns how far the follower was shown the log.
func (s *stand) reached() proto.Position {
	for _, session := range s.hub.Sessions(follower, []int64{1001}) {
		for _, at := range session.catchUp.Status().Written {
			if at.Log == s.log {
				return at
			}
		}
	}
	return proto.Position{}
}
