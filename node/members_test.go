package node

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cim-go/cim/node/hub"
	"github.com/cim-go/cim/proto"
)

// These tests check who is a member, and from which entry on.

func TestJoiningAndLeavingActAsTheyPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t, room, 1)
		alice, bob, cim := c.members[0], c.login(t, 2, 5), c.cim(t, 2)
		synctest.Wait()
		entry := func(kind proto.Kind, id string) *proto.PushItem {
			return &proto.PushItem{Stored: c.route.storeKind(t, room, 2, 0, id, kind)}
		}
		first := c.says(t, "1")[0]
		join := entry(proto.Kind_JOIN, "j")
		second := c.says(t, "2")[0]
		leave := entry(proto.Kind_LEAVE, "l")
		last := c.says(t, "3")[0]
		c.pushes(last, leave, second, join, first)
		gets(t, alice, "1", "+j", "2", "-l", "3")
		gets(t, bob, "+j", "2", "-l")
		gets(t, cim)
	})
}

// Entries that are pushed while a route's answer is on its way reach the session, or
// the session learns how far it has to pull.
func TestNothingFallsBetweenTheLeaseAndTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t, room, 0)
		items := c.says(t, "1", "2", "3")
		c.route.set(func(s *script) {
			s.opening = func(o *proto.Opening) *proto.Opened {
				c.Push(push(items[0], items[1])) // pushed by the lease, before the answer is here
				return &proto.Opened{Number: 5, Newest: []*proto.Mark{{Log: room, Epoch: epoch, Number: 1, Key: "9:before"}}, Version: 1}
			}
		})
		p := c.withTicket(t, 1, 5)
		if f := p.next(t); f.Cmd != proto.Command_LOGIN_ANSWER || len(f.Newest) != 1 || f.Newest[0].Number != 3 {
			t.Fatalf("login was answered with %v", f)
		}
		synctest.Wait() // the answer is written before the session is open
		c.pushes(items[2])
		gets(t, p, "3")
	})
}

func TestWhoLeftDuringTheOpeningIsNoMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t, room, 1)
		leave := &proto.PushItem{Stored: c.route.storeKind(t, room, 2, 0, "l", proto.Kind_LEAVE)}
		c.route.set(func(s *script) {
			s.opening = func(o *proto.Opening) *proto.Opened {
				c.Push(push(leave))
				return &proto.Opened{Number: 5, Newest: []*proto.Mark{{Log: room, Epoch: epoch, Number: 1, Key: "9:before"}}, Version: 1}
			}
		})
		p := c.withTicket(t, 2, 5)
		if f := p.next(t); f.Cmd != proto.Command_LOGIN_ANSWER || len(f.Newest) != 0 {
			t.Errorf("login was answered with %v", f)
		}
		c.pushes(c.says(t, "secret")...)
		gets(t, p)
		gets(t, c.members[0], "-l", "secret")
	})
}

// If there is no open member to pull a gap for, the gap is skipped. Pending members are
// told how far the log goes.
func TestPendingMemberIsToldWhatWasSkipped(t *testing.T) {
	ofEachKind(t, func(t *testing.T, group int64) {
		c := newCrew(t, group, 0)
		pending := new(hub.Entry[*session])
		pending.Identify(1, "alice", "phone", nil)
		c.hub.Enter(pending, 5)
		c.hub.SetGroups(pending, []int64{room}, 1)
		c.groups.Of(group).Observe(c.route.newestLocked(group))
		c.pushes(c.says(t, "1", "2", "3")[2])
		time.Sleep(2 * pullWait)
		if missed := c.hub.Missed(pending); len(missed) != 1 || missed[0].Number != 4 {
			t.Errorf("missed %v", missed)
		}
		if n := c.route.pullCount(); n != 0 {
			t.Errorf("%d pulls", n)
		}
	})
}

// A node that missed entries learns that a user has joined before it comes to them.
func TestWhoJoinedIsNotSentWhatWasMissedBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t, room, 1)
		newcomer := c.login(t, 2, 5)
		c.says(t, "missed", "missed too") // and not pushed
		c.route.storeKind(t, room, 2, 0, "j", proto.Kind_JOIN)
		c.route.set(func(s *script) { s.groups[2] = []int64{room} })
		c.Push(push(&proto.PushItem{User: 2, Numbers: []int64{5}, Groups: true}))
		f := newcomer.next(t)
		if f.Cmd != proto.Command_NEWEST || len(f.Newest) != 3 || f.Newest[2].Log != room || f.Newest[2].Number != 4 {
			t.Fatalf("got %v", f)
		}
		time.Sleep(2 * pullWait)
		gets(t, c.members[0], "missed", "missed too", "+j")
		c.pushes(c.says(t, "for both")...)
		gets(t, c.members[0], "for both")
		gets(t, newcomer, "for both")
		if s := c.groups.Of(room).Status(); s.Spared != 0 {
			t.Errorf("%d are spared for good", s.Spared)
		}
	})
}

// An answer to an opening may come between what a push queues and what it sends.
func TestWhoJoinedIsNotSentWhatIsQueuedFromBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t, room, 1)
		newcomer := c.login(t, 2, 5)
		s, _ := c.hub.Find(2, "phone", 5)
		secret := c.says(t, "secret")[0]
		join := &proto.PushItem{Stored: c.route.storeKind(t, room, 2, 0, "j", proto.Kind_JOIN)}
		r := c.deliverer.pushGroup(secret)
		c.deliverer.pushGroup(join)
		r.Spare(s, join.Stored.At)
		c.hub.SetGroups(&s.entry, []int64{room}, 1)
		r.Send()
		c.pushes(c.says(t, "for both")...)
		gets(t, c.members[0], "secret", "+j", "for both")
		gets(t, newcomer, "for both")
	})
}

// A CIM connection follows no group, so no entries need to be suppressed for it.
func TestRelayKeepsNoCIMConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t, room, 1)
		c.says(t, "missed") // and not pushed
		c.route.set(func(s *script) { s.groups[2] = []int64{room} })
		c.cim(t, 2)
		synctest.Wait()
		if s := c.groups.Of(room).Status(); !s.Lacks || s.Spared != 0 {
			t.Errorf("lacks %v, %d are spared", s.Lacks, s.Spared)
		}
	})
}

func TestChangedGroupsOpenTheSessionAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, change := range map[string]func(c *crew){
			"told": func(c *crew) {
				answer := c.Push(push(&proto.PushItem{User: 1, Numbers: []int64{5, 6}, Groups: true}))
				wantNumbers(t, "gone", answer.Items[0].Gone, 6)
			},
			"found": func(c *crew) {
				c.route.differ(phone(proto.Verdict_GROUPS))
				c.Reconcile()
			},
		} {
			c := newCrew(t, room, 0)
			p := c.login(t, 1, 5)
			c.pushes(c.says(t, "1")...)
			c.route.set(func(s *script) { s.groups = map[int64][]int64{1: {room}} })
			change(c)
			f := p.next(t)
			if f.Cmd != proto.Command_NEWEST || len(f.Newest) != 3 || f.Newest[2].Log != room || f.Newest[2].Number != 2 {
				t.Errorf("%s: got %v", name, f)
			}
			c.pushes(c.says(t, "2")...)
			gets(t, p, "2")
			c.stop()
		}
	})
}

// A push may be lost. A node that missed a joining learns of the leaving, and makes the
// user's devices fetch the entries between. Sessions that are members are sent these
// entries anyway.
func TestWhoLeftAGroupThatTheNodeNeverKnewIsToldToFetchIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t, room, 1)
		bob := c.login(t, 2, 5)
		synctest.Wait()
		c.route.storeKind(t, room, 2, 0, "j", proto.Kind_JOIN) // and not pushed
		c.says(t, "for bob")
		leave := c.route.storeKind(t, room, 2, 0, "l", proto.Kind_LEAVE)
		c.route.set(func(s *script) { // no answer to an opening tells of it
			s.opening = func(*proto.Opening) *proto.Opened { return &proto.Opened{Code: int32(proto.Unavailable)} }
		})
		word := func(user int64) {
			c.Push(push(&proto.PushItem{User: user, Numbers: []int64{5}, Groups: true, Stored: leave}))
		}
		toldOfRoom := func(p *peer) (told []int64) {
			synctest.Wait()
			for len(p.frames) > 0 {
				for _, mark := range (<-p.frames).Newest {
					if mark.Log == room {
						told = append(told, mark.Number)
					}
				}
			}
			return told
		}
		word(2)
		if told := toldOfRoom(bob); !slices.Equal(told, []int64{leave.At.Number}) {
			t.Errorf("bob was told of %v", told)
		}
		s, _ := c.hub.Find(1, "phone", 5)
		if !c.hub.Belongs(&s.entry, room) {
			t.Fatal("alice is no member")
		}
		word(1)
		if told := toldOfRoom(c.members[0]); slices.Contains(told, leave.At.Number) {
			t.Errorf("a member was told of %v", told)
		}
	})
}

// A node that stood still when a user left learns of that from a route, before it comes
// to the entry in the log. The user must still get the entries before the leaving.
func TestWhoLeftUnheardIsToldToFetchTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t, room, 2)
		items := c.says(t, "1", "2")
		c.pushes(items[0])
		gets(t, c.members[0], "1")
		c.route.set(func(s *script) { s.groups[1] = nil })
		c.route.differ(phone(proto.Verdict_GROUPS))
		c.Reconcile()
		synctest.Wait()
		var told []*proto.Mark
		for len(c.members[0].frames) > 0 {
			for _, mark := range (<-c.members[0].frames).Newest {
				if mark.Log == room {
					told = append(told, mark)
				}
			}
		}
		if at := items[1].Stored.At; len(told) != 1 || told[0].Number < at.Number || told[0].Epoch != at.Epoch {
			t.Errorf("told of %v", told)
		}
		c.pushes(c.says(t, "not for bob")...)
		gets(t, c.members[0])
	})
}

// A user whose leaving is in the lost part of the log is sent nothing that comes after
// it.
func TestWhoLeftInALostTailIsNoMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t, room, 2)
		c.pushes(c.says(t, "1", "2")...)
		for _, p := range c.members {
			gets(t, p, "1", "2")
		}
		c.route.set(func(s *script) {
			s.logs[room] = s.logs[room][:1]
			s.groups[2] = nil
			s.pull = func(*proto.PullRequest) (*proto.PullAnswer, error) {
				return &proto.PullAnswer{Code: int32(proto.Diverged), Newest: s.newestLocked(room)}, nil
			}
		})
		c.route.storeKind(t, room, 2, 0, "l", proto.Kind_LEAVE) // at 2 again, and not pushed
		c.pushes(c.says(t, "other")...)                         // at 3 again
		time.Sleep(2 * pullWait)
		gets(t, c.members[0], "NEWEST", "NEWEST")
		gets(t, c.members[1], "NEWEST", "NEWEST", "NEWEST") // once more of what the member left
		c.pushes(c.says(t, "secret")...)
		gets(t, c.members[0], "secret")
		gets(t, c.members[1])
	})
}

// A user leaves after a log lost its tail, and before a route reports the members
// again. The node pushes nothing to that user and sends a NEWEST, so that the client
// fetches the leaving. That holds whether or not the route knows of the leaving by
// then.
func TestWhoLeavesBehindALostTailIsToldToFetchTheLeaving(t *testing.T) {
	for name, known := range map[string]bool{"the route knows": true, "the route looked before": false} {
		t.Run(name, inBubble(func(t *testing.T) {
			c := newCrew(t, room, 2)
			bob := c.members[1]
			c.pushes(c.says(t, "1", "2")...)
			gets(t, bob, "1", "2")
			var leave *proto.PushItem
			c.route.set(func(s *script) {
				s.logs[room] = s.logs[room][:1]
				s.pull = func(*proto.PullRequest) (*proto.PullAnswer, error) {
					return &proto.PullAnswer{Code: int32(proto.Diverged), Newest: s.newestLocked(room)}, nil
				}
				s.opening = func(o *proto.Opening) *proto.Opened {
					if o.Session.User != 2 {
						return &proto.Opened{Number: 5, Version: 2}
					}
					answer := &proto.Opened{Number: 5, Version: 2}
					if !known {
						answer.Newest = []*proto.Mark{s.newestLocked(room)}
					}
					leave = &proto.PushItem{Stored: c.route.storeKind(t, room, 2, 0, "l", proto.Kind_LEAVE)}
					c.Push(push(leave))
					return answer
				}
			})
			c.pushes(c.says(t, "other")...) // at 2 again
			time.Sleep(2 * pullWait)
			var told []*proto.Mark
			for len(bob.frames) > 0 {
				f := <-bob.frames
				for _, mark := range f.Newest {
					if mark.Log == room {
						told = append(told, mark)
					}
				}
			}
			if leave == nil || len(told) == 0 {
				t.Fatalf("the leaving is %v, told %v", leave, told)
			}
			if last := told[len(told)-1]; last.Number < leave.Stored.At.Number {
				t.Errorf("told of %v, the leaving stands at %v", told, leave.Stored.At)
			}
			c.pushes(c.says(t, "secret")...)
			gets(t, bob)
		}))
	}
}

// If a log lost a leaving with its tail, the user is still a member.
func TestWhoseLeavingWasLostIsAMemberAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t, room, 2)
		alice, bob := c.members[0], c.members[1]
		c.pushes(c.says(t, "1")...)
		c.pushes(&proto.PushItem{Stored: c.route.storeKind(t, room, 2, 0, "l", proto.Kind_LEAVE)}) // at 3
		gets(t, alice, "1", "-l")
		gets(t, bob, "1", "-l")
		c.route.set(func(s *script) {
			s.logs[room] = s.logs[room][:1]
			s.pull = func(*proto.PullRequest) (*proto.PullAnswer, error) {
				return &proto.PullAnswer{Code: int32(proto.Diverged), Newest: s.newestLocked(room)}, nil
			}
		})
		c.pushes(c.says(t, "other")...) // at 2 again
		time.Sleep(2 * pullWait)
		gets(t, bob, "NEWEST", "NEWEST")
		c.pushes(c.says(t, "on")...)
		gets(t, bob, "on")
	})
}
