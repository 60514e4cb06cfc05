package node

import (
	"net"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/order"
)

const room = int64(77)

// crew is a node with members of one group, whose log has an entry already.
type crew struct {
	*town
	group   int64
	members []*peer // users 1, 2, ...
}

// ofEachKind runs a test for a group that users join and for everyone.
func ofEachKind(t *testing.T, test func(t *testing.T, group int64)) {
	for name, group := range map[string]int64{"group": room, "everyone": proto.Everyone} {
		t.Run(name, inBubble(func(t *testing.T) { test(t, group) }))
	}
}

func newCrew(t *testing.T, group int64, n int) *crew {
	t.Helper()
	c := &crew{town: start(t, inOpenMode), group: group}
	c.route.store(t, group, 9, 0, "before")
	groups := make(map[int64][]int64)
	for user := range int64(n) {
		if group != proto.Everyone {
			groups[user+1] = []int64{group}
		}
	}
	c.route.set(func(s *script) { s.groups = groups })
	for user := range int64(n) {
		c.members = append(c.members, c.login(t, user+1, 5))
	}
	return c
}

// says stores texts of user 9, who is elsewhere, and returns their pushes.
func (c *crew) says(t *testing.T, texts ...string) (items []*proto.PushItem) {
	t.Helper()
	for _, text := range texts {
		items = append(items, &proto.PushItem{Stored: c.route.store(t, c.group, 9, 0, text)})
	}
	return items
}

func (c *crew) pushes(items ...*proto.PushItem) {
	c.Push(push(items...))
	synctest.Wait()
}

// gets fails unless the peer was sent just these texts, and joinings and leavings
// as +id and -id.
func gets(t *testing.T, p *peer, want ...string) {
	t.Helper()
	synctest.Wait()
	var got []string
	for len(p.frames) > 0 {
		f := <-p.frames
		switch {
		case f.Cmd != proto.Command_MESSAGE:
			got = append(got, f.Cmd.String())
		case f.Kind == proto.Kind_JOIN:
			got = append(got, "+"+f.Id)
		case f.Kind == proto.Kind_LEAVE:
			got = append(got, "-"+f.Id)
		default:
			got = append(got, f.ReqMsg)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func (s *script) pullCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pulls)
}

func TestEarlyEntryWaitsForTheMissingOne(t *testing.T) {
	ofEachKind(t, func(t *testing.T, group int64) {
		c := newCrew(t, group, 2)
		items := c.says(t, "1", "2", "3", "4")
		c.pushes(items[2], items[1])
		gets(t, c.members[0])
		time.Sleep(pullWait - time.Millisecond)
		c.pushes(items[0])
		gets(t, c.members[0], "1", "2", "3")
		c.pushes(items[1], items[3], items[3]) // old ones come again, and nothing goes backwards
		time.Sleep(time.Second)
		gets(t, c.members[0], "4")
		gets(t, c.members[1], "1", "2", "3", "4")
		if n := c.route.pullCount(); n != 0 {
			t.Errorf("%d pulls", n)
		}
	})
}

func TestGapIsPulledOnceForAllMembers(t *testing.T) {
	ofEachKind(t, func(t *testing.T, group int64) {
		c := newCrew(t, group, 5)
		items := c.says(t, "1", "2", "3")
		c.pushes(items[2])
		time.Sleep(2 * pullWait)
		for _, p := range c.members {
			gets(t, p, "1", "2", "3")
		}
		c.pushes(items[0], items[1])
		time.Sleep(2 * pullWait)
		gets(t, c.members[0])
		if n := c.route.pullCount(); n != 1 {
			t.Errorf("%d pulls, want one for five members", n)
		}
		if r := c.route.pulls[0]; r.After.Log != group || r.After.Number != 1 || r.Session.Number != 5 || r.Origin.Node != nodeID {
			t.Errorf("pulled %v", r)
		}
	})
}

// Reconciliation finds entries that a route could not push at all. The node pulls them
// even if the first members on whose behalf it reads have left.
func TestLostPushesAreFoundByReconciliation(t *testing.T) {
	ofEachKind(t, func(t *testing.T, group int64) {
		c := newCrew(t, group, 2)
		for _, p := range c.members {
			go keepAlive(p)
		}
		refusals := 1
		c.route.set(func(s *script) {
			s.reconciling = func(r *proto.ReconcileRequest) (*proto.ReconcileAnswer, error) {
				answer := new(proto.ReconcileAnswer)
				if slices.Contains(r.Renew, group) || r.Groups && group == proto.Everyone {
					answer.Groups = []*proto.Mark{{Log: group, Epoch: epoch, Number: 2, Key: "9:1"}}
				}
				return answer, nil
			}
		})
		items := c.says(t, "1")
		c.route.set(func(s *script) {
			s.pull = func(*proto.PullRequest) (*proto.PullAnswer, error) {
				if refusals--; refusals >= 0 {
					return &proto.PullAnswer{Code: int32(proto.NotMember)}, nil
				}
				return &proto.PullAnswer{Entries: []*proto.Stored{items[0].Stored}, Newest: items[0].Stored.At}, nil
			}
		})
		time.Sleep(35 * time.Second)
		all := 0
		for _, p := range c.members {
			synctest.Wait()
			texts, told := 0, false
			for len(p.frames) > 0 {
				f := <-p.frames
				if f.Cmd == proto.Command_MESSAGE && f.ReqMsg == "1" {
					texts++
				}
				told = told || f.Cmd == proto.Command_NEWEST && slices.ContainsFunc(f.Newest, func(m *proto.Mark) bool { return m.Log == group && m.Number == 2 })
			}
			if texts > 1 || texts == 0 && !told {
				t.Errorf("shown %d times", texts)
			}
			all += texts
		}
		if all == 0 { // whose session was refused is asked about again, and fetches the entry if that is sooner
			t.Error("shown to nobody")
		}
		// The session that was refused is opened again. If its answer reports the log's
		// end while the page is being read, the log is read once more.
		if n := c.route.pullCount(); n != 2 && n != 3 {
			t.Errorf("%d pulls, want one refused and one more, or two", n)
		}
	})
}

func TestLapsedLeaseOpensASessionAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t, room, 3)
		c.route.set(func(s *script) {
			s.reconciling = func(r *proto.ReconcileRequest) (*proto.ReconcileAnswer, error) {
				return &proto.ReconcileAnswer{Lapsed: r.Renew}, nil
			}
		})
		c.route.mu.Lock()
		before := len(c.route.reports)
		c.route.mu.Unlock()
		c.Reconcile()
		synctest.Wait()
		c.route.mu.Lock()
		defer c.route.mu.Unlock()
		if got := c.route.reports[before:]; len(got) != 1 || len(got[0].Opened) != 1 {
			t.Errorf("reported %v", got)
		}
	})
}

// The store lost a tail and gave its numbers again.
func TestLogThatLostItsTailIsLeftToTheMembers(t *testing.T) {
	ofEachKind(t, func(t *testing.T, group int64) {
		for name, began := range map[string]uint64{"a number again": epoch, "another epoch": epoch + 1} {
			c := newCrew(t, group, 2)
			c.pushes(c.says(t, "1", "2")...)
			gets(t, c.members[0], "1", "2")
			c.route.set(func(s *script) {
				s.logs[group] = s.logs[group][:1]
				s.pull = func(*proto.PullRequest) (*proto.PullAnswer, error) {
					end := &proto.Mark{Log: group, Epoch: began, Number: 2, Key: "9:other"}
					return &proto.PullAnswer{Code: int32(proto.Diverged), Newest: end}, nil
				}
			})
			other := c.says(t, "other")
			other[0].Stored.At.Epoch = began
			c.pushes(other...)
			time.Sleep(2 * pullWait)
			told := []string{"NEWEST"}
			if group != proto.Everyone { // and again when a route has said that the user is a member
				told = append(told, "NEWEST")
			}
			gets(t, c.members[0], told...)
			on := c.says(t, "on")
			on[0].Stored.At.Epoch = began
			c.pushes(on...)
			gets(t, c.members[1], slices.Concat([]string{"1", "2"}, told, []string{"on"})...)
			if n := c.route.pullCount(); n != 1 {
				t.Errorf("%s: %d pulls", name, n)
			}
			c.stop()
		}
	})
}

func TestRelaysOfGroupsThatNobodyIsInAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t, room, 1)
		for i := range int64(20) {
			c.pushes(&proto.PushItem{Stored: c.route.store(t, 100+i, 9, 0, strconv.FormatInt(i, 10))})
		}
		go keepAlive(c.members[0])
		time.Sleep(4 * time.Minute)      // longer than a sequencer is kept that nobody needs
		if n := c.groups.Len(); n != 2 { // the room's and everyone's
			t.Errorf("%d sequencers are left", n)
		}
	})
}

// In a busy room pushes overtake the answer that says where the log ends, and the node
// does not read the log for that. But if no pushes come and the end is far back, the
// log has lost its tail.
func TestEndThatPushesOvertookIsNotRead(t *testing.T) {
	ofEachKind(t, func(t *testing.T, group int64) {
		c := newCrew(t, group, 1)
		go keepAlive(c.members[0])
		first := c.says(t, "0")
		c.pushes(first...)
		var texts []string
		for i := range order.Kept * 3 {
			texts = append(texts, strconv.Itoa(i+1))
		}
		c.pushes(c.says(t, texts...)...)
		r := c.groups.Of(group)
		for pulls, wait := range []time.Duration{0, lateAnswer} {
			time.Sleep(wait)
			r.Observe(first[0].Stored.At)
			time.Sleep(2 * pullWait)
			if n := c.route.pullCount(); n != pulls {
				t.Errorf("%d pulls after %v, want %d", n, wait, pulls)
			}
		}
	})
}

// The entries that wait for a missing one are also bounded in bytes, because texts may
// be long.
func TestEarlyEntriesAreBoundedInBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t, room, 1)
		texts := []string{"missing"}
		for i := range 100 {
			texts = append(texts, strconv.Itoa(i)+strings.Repeat("x", proto.MaxText-3))
		}
		items := c.says(t, texts...)
		c.pushes(items[1:]...)
		r := c.groups.Of(room)
		kept := r.Status().Early - 1
		if want := int64(order.MaxEarlySize / proto.MaxText); kept != want {
			t.Errorf("%d entries wait, want %d", kept, want)
		}
		time.Sleep(time.Second) // what was missing, and what there was no room for, is pulled
		if c.route.pullCount() == 0 {
			t.Error("nothing was pulled")
		}
		if s := r.Status(); s.Lacks || s.Last.Number != int64(1+len(texts)) {
			t.Errorf("stands at %v, lacks %v", s.Last, s.Lacks)
		}
	})
}

// In a room of a thousand connections nobody reads, and texts have the largest length.
// The node keeps each text only once.
func TestRoomOfAThousandKeepsALongTextOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const members, texts = 1000, 100
		w := start(t, func(c *Config) { c.CIM.Open = true })
		w.route.store(t, room, 9, 0, "before")
		groups := make(map[int64][]int64)
		for user := range int64(members) {
			groups[user+1] = []int64{room}
		}
		w.route.set(func(s *script) { s.groups = groups })
		for user := range int64(members) {
			ours, theirs := net.Pipe()
			t.Cleanup(func() { _ = ours.Close() })
			w.ln.conns <- theirs
			login := &proto.Frame{Ticket: w.ticket(t, user+1, 5, nil)}
			b, err := proto.AppendFrame(nil, login)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ours.Write(b); err != nil {
				t.Fatal(err)
			}
			if f, err := proto.ReadFrame(byteReader{ours}, 1<<20); err != nil || f.Cmd != proto.Command_LOGIN_ANSWER {
				t.Fatalf("login was answered with %v, %v", f, err)
			}
		}
		synctest.Wait()
		before := heap()
		for i := range texts {
			stored := w.route.store(t, room, 9, 0, strings.Repeat("x", proto.MaxText))
			stored.Key = proto.Key(9, strconv.Itoa(i)) // which the text makes too long here
			w.Push(push(&proto.PushItem{Stored: stored}))
			synctest.Wait()
		}
		w.route.set(func(s *script) { s.logs = nil }) // what the store has is not the node's
		grown := heap() - before
		t.Logf("%d members who do not read, %d texts: %d KB", members, texts, grown>>10)
		if most := int64(texts*proto.MaxText + members*(48<<10)); grown > most {
			t.Errorf("the heap grew by %d bytes, want %d at most", grown, most)
		}
	})
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
