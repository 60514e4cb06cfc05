package node

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cim-go/cim/proto"
)

// apart starts a node whose route makes it enter the groups of these users in requests
// of their own.
func apart(t *testing.T, groups map[int64][]int64) *town {
	t.Helper()
	w := start(t, nil)
	w.route.set(func(s *script) { s.apart, s.groups = true, groups })
	for _, list := range groups {
		for _, group := range list {
			if w.route.logs[group] == nil {
				w.route.store(t, group, 9, 0, "before")
			}
		}
	}
	return w
}

// entered returns the groups that the node entered in its reports, beginning with the
// given one. First come those whose log's end it did not know, and then those whose end
// it knew.
func (w *town) entered(from int) (lacks, knows []int64) {
	for _, r := range w.reports()[from:] {
		for _, e := range r.Entering {
			lacks = append(lacks, e.Groups...)
			for _, mark := range e.Known {
				knows = append(knows, mark.Log)
			}
		}
	}
	return lacks, knows
}

// reports returns what the node has reported until now.
func (w *town) reports() (list []*proto.ReportRequest) {
	w.route.set(func(s *script) { list = slices.Clone(s.reports) })
	return list
}

// The first user of a group makes the node enter it. For the next one, the node asks
// only for the membership. It reports to that user the end of the log that it knows, up
// to the latest push.
func TestNodeAsksOnlyForTheGroupsThatItLacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := apart(t, map[int64][]int64{1: {room, 78}, 2: {78, room, 79}})
		alice := w.login(t, 1, 5)
		if lacks, knows := w.entered(0); !slices.Equal(lacks, []int64{room, 78}) || len(knows) != 0 {
			t.Errorf("for alice the node asked for %v and knew %v", lacks, knows)
		}
		w.Push(push(&proto.PushItem{Stored: w.route.store(t, room, 9, 0, "1")}))
		gets(t, alice, "1")
		before := len(w.reports())
		bob := w.withTicket(t, 2, 6)
		f := bob.next(t)
		if lacks, knows := w.entered(before); !slices.Equal(lacks, []int64{79}) || !slices.Equal(knows, []int64{78, room}) {
			t.Errorf("for bob the node asked for %v and knew %v", lacks, knows)
		}
		i := slices.IndexFunc(f.Newest, func(m *proto.Mark) bool { return m.Log == room })
		if i < 0 || f.Newest[i].Number != 2 || f.Newest[i].Key != proto.Key(9, "1") {
			t.Errorf("bob was told %v", f.Newest)
		}
		synctest.Wait() // the login has ended: until then its frames are told as NEWEST
		w.Push(push(&proto.PushItem{Stored: w.route.store(t, room, 9, 0, "2")}))
		gets(t, alice, "2")
		gets(t, bob, "2")
	})
}

// A node does not rely on a lease that was not renewed for a minute, or that a route
// called lapsed.
func TestLeaseThatIsNotSureIsAskedForAgain(t *testing.T) {
	for name, spoil := range map[string]func(w *town){
		"old":    func(w *town) { time.Sleep(time.Minute + time.Second) },
		"lapsed": func(w *town) { w.groups.Leased(w.groups.Of(room).Status().Last, time.Time{}) },
		"behind": func(w *town) {
			w.groups.Of(room).Observe(&proto.Mark{Log: room, Epoch: epoch, Number: 9})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := apart(t, map[int64][]int64{1: {room}, 2: {room}})
				w.route.set(func(s *script) {
					s.reconciling = func(*proto.ReconcileRequest) (*proto.ReconcileAnswer, error) { return nil, errAway }
				})
				alice := w.login(t, 1, 5)
				if name == "old" {
					_ = alice.conn.Close() // or silence ends it
				}
				spoil(w)
				before := len(w.reports())
				w.login(t, 2, 6)
				if lacks, knows := w.entered(before); !slices.Equal(lacks, []int64{room}) || len(knows) != 0 {
					t.Errorf("the node asked for %v and knew %v", lacks, knows)
				}
			})
		})
	}
}

// Groups that a slow store did not answer in time are requested again, and no others.
func TestGroupsThatWereNotAnsweredComeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := apart(t, map[int64][]int64{1: {room, 78, 79}})
		tries := 0
		w.route.set(func(s *script) {
			s.entering = func(e *proto.Entering) *proto.Entered {
				if tries++; tries > 1 {
					return nil
				}
				return &proto.Entered{Newest: []*proto.Mark{w.route.newestLocked(78)}, Later: []int64{room, 79}}
			}
		})
		p := w.withTicket(t, 1, 5)
		if f := p.next(t); len(f.Newest) != 5 {
			t.Errorf("login was answered with %v", f.Newest)
		}
		if lacks, _ := w.entered(0); !slices.Equal(lacks, []int64{room, 78, 79, room, 79}) {
			t.Errorf("the node asked for %v", lacks)
		}
	})
}

// Many users come at once while the store is slow. Nobody is sent away as long as some
// get in, and in the end all do.
func TestNobodyIsSentAwayWhileOthersGetIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		groups := make(map[int64][]int64)
		for user := range int64(20) {
			for i := range int64(250) {
				groups[user+1] = append(groups[user+1], 1000+250*user+i)
			}
		}
		w := apart(t, groups)
		w.route.set(func(s *script) {
			s.report = func(r *proto.ReportRequest) error {
				asked := len(r.Opened)
				for _, e := range r.Entering {
					asked += len(e.Groups)
				}
				took := time.Duration(asked) * 5 * time.Millisecond // a store of 200 a second
				if took > w.config.Timeouts.Call {
					time.Sleep(w.config.Timeouts.Call)
					return errAway
				}
				time.Sleep(took)
				return nil
			}
		})
		var peers []*peer
		for user := range int64(20) {
			peers = append(peers, w.withTicket(t, user+1, 5))
		}
		begun := time.Now()
		for i, p := range peers {
			if f := p.next(t); f.Cmd != proto.Command_LOGIN_ANSWER || len(f.Newest) != 252 {
				t.Fatalf("user %d was answered %v after %v", i+1, f.Cmd, time.Since(begun))
			}
		}
		if took := time.Since(begun); took > 32*time.Second { // of which the store needs 25
			t.Errorf("it took %v", took)
		}
	})
}

// The node and its route may be of different releases. If the route does not answer for
// groups in requests of their own, the node opens the session again, and the answer has
// all groups.
func TestRouteOfAnEarlierReleaseTellsAllGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := apart(t, map[int64][]int64{1: {room, 78}})
		w.route.set(func(s *script) {
			s.report = func(r *proto.ReportRequest) error {
				w.route.set(func(s *script) { s.apart = len(r.Entering) == 0 && len(s.reports) == 1 })
				return nil
			}
		})
		p := w.withTicket(t, 1, 5)
		if f := p.next(t); f.Cmd != proto.Command_LOGIN_ANSWER || len(f.Newest) != 4 {
			t.Errorf("login was answered with %v", f)
		}
	})
}
