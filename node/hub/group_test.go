package hub

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/cim-go/cim/node/link"
	"github.com/cim-go/cim/proto"
)

const room = int64(77)

func TestGroupReachesItsMembersButTheSendingSession(t *testing.T) {
	h := New[*peer]()
	alice, desk := opened(t, h, 1, "phone", 5), opened(t, h, 1, "desk", 6)
	bob, carol := opened(t, h, 2, "phone", 5), opened(t, h, 3, "phone", 5)
	for _, e := range []*Entry[*peer]{alice, desk, bob} {
		h.SetGroups(e, []int64{room, 78}, 1)
	}
	h.SetGroups(carol, []int64{78}, 1)
	h.Group(room, []Post{post(room, 3), sent(post(room, 4), 1, 5), sent(post(room, 5), 9, 5)}, noneSpared)
	h.Group(room, []Post{sent(post(room, 6), 1, 5)}, noneSpared)
	for name, c := range map[string]struct {
		e    *Entry[*peer]
		want []int64
	}{
		"sender": {alice, []int64{3, 5}}, "her other device": {desk, []int64{3, 4, 5, 6}},
		"bob": {bob, []int64{3, 4, 5, 6}}, "carol": {carol, nil},
	} {
		if got := numbers(c.e); !slices.Equal(got, c.want) {
			t.Errorf("%s was pushed %v, want %v", name, got, c.want)
		}
	}
}

func TestEveryoneIsPushedToButTheSendingSession(t *testing.T) {
	h := New[*peer]()
	alice, desk, bob := opened(t, h, 1, "phone", 5), opened(t, h, 1, "desk", 6), opened(t, h, 2, "phone", 5)
	h.Group(proto.Everyone, []Post{post(proto.Everyone, 3), sent(post(proto.Everyone, 4), 1, 5), post(proto.Everyone, 5)}, noneSpared)
	for e, want := range map[*Entry[*peer]][]int64{alice: {3, 5}, desk: {3, 4, 5}, bob: {3, 4, 5}} {
		if got := numbers(e); !slices.Equal(got, want) {
			t.Errorf("%d's %s was pushed %v, want %v", e.User(), e.Device(), got, want)
		}
	}
}

// numbers returns the numbers of the messages that were pushed to an entry.
func numbers(e *Entry[*peer]) (list []int64) {
	for _, p := range e.peer.got {
		list = append(list, p.Mark().Number)
	}
	return list
}

func TestEverybodyBelongsToEveryone(t *testing.T) {
	h := New[*peer]()
	if h.HasMembers(proto.Everyone) || len(h.Members(proto.Everyone, 3)) != 0 {
		t.Error("nobody is here, and somebody belongs")
	}
	enter(h, 1, "phone", 5)
	if !h.HasMembers(proto.Everyone) || len(h.Members(proto.Everyone, 3)) != 0 {
		t.Error("a pending one is not there, or is there as an open one")
	}
	for user := range int64(5) {
		opened(t, h, user+2, "phone", 5)
	}
	for want, n := range map[int]int{3: 3, 5: 9} {
		if got := len(h.Members(proto.Everyone, n)); got != want {
			t.Errorf("%d of five were found, want %d", got, want)
		}
	}
}

func TestPendingMemberRemembersWhatTheGroupGot(t *testing.T) {
	h := New[*peer]()
	e := enter(h, 1, "phone", 5)
	h.SetGroups(e, []int64{room}, 1)
	if h.Members(room, 1) != nil || !h.HasMembers(room) {
		t.Error("a pending member is not there, or is there as an open one")
	}
	h.Group(room, []Post{post(room, 2), post(room, 3)}, noneSpared)
	if p, _ := h.Open(e, 5); len(p.Missed) != 1 || p.Missed[0].Log != room || p.Missed[0].Number != 3 || len(e.peer.got) != 0 {
		t.Errorf("missed %v", p.Missed)
	}
	h.Group(room, []Post{post(room, 4)}, noneSpared)
	if len(e.peer.got) != 1 || len(h.Members(room, 9)) != 1 {
		t.Error("an open member was not pushed to")
	}
}

func TestWhoIsSparedGetsWhatComesAfter(t *testing.T) {
	h := New[*peer]()
	a, b := opened(t, h, 1, "phone", 5), opened(t, h, 2, "phone", 6)
	for _, e := range []*Entry[*peer]{a, b} {
		h.SetGroups(e, []int64{room}, 1)
	}
	h.Group(room, []Post{post(room, 3), post(room, 4), post(room, 5)}, func(p *peer) *proto.Mark {
		if p == a.peer {
			return post(room, 4).Mark
		}
		return nil
	})
	if got, others := numbers(a), numbers(b); !slices.Equal(got, []int64{5}) || len(others) != 3 {
		t.Errorf("pushed %v and %v", got, others)
	}
}

func TestUserJoinsAndQuitsWithAllDevicesThatKnowTheirGroups(t *testing.T) {
	h := New[*peer]()
	phone, desk, cim := opened(t, h, 1, "phone", 5), opened(t, h, 1, "desk", 6), opened(t, h, 1, "cim", 7)
	h.SetGroups(phone, nil, 0)
	h.SetGroups(desk, nil, 0)
	h.Join(1, room)
	h.Join(1, room)
	h.Join(2, room) // not here
	h.Group(room, []Post{post(room, 3)}, noneSpared)
	h.Quit(1, room)
	h.Quit(2, room)
	h.Group(room, []Post{post(room, 4)}, noneSpared)
	if len(phone.peer.got) != 1 || len(desk.peer.got) != 1 || len(cim.peer.got) != 0 || h.HasMembers(room) {
		t.Errorf("pushed %d, %d, %d", len(phone.peer.got), len(desk.peer.got), len(cim.peer.got))
	}
}

func TestSessionsAreFoundByTheirNumbersOpenOrNot(t *testing.T) {
	h := New[*peer]()
	a, b := opened(t, h, 1, "phone", 5), enter(h, 1, "desk", 6)
	enter(h, 1, "cim", 0)
	if got := h.Sessions(1, []int64{5, 6, 7}); len(got) != 2 || !slices.Contains(got, a.peer) || !slices.Contains(got, b.peer) {
		t.Errorf("%d sessions", len(got))
	}
	if h.Sessions(2, []int64{5}) != nil {
		t.Error("a session of a user who is not here")
	}
}

// The groups' lists and the entries' lists always agree, and reconciliation receives
// all groups and versions.
func TestGroupsAndEntriesAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := New[*peer]()
		want := make(map[*Entry[*peer]][]int64)
		var entries []*Entry[*peer]
		pick := func() *Entry[*peer] { return rapid.SampledFrom(entries).Draw(t, "entry") }
		groupID := rapid.Int64Range(100, 103)
		t.Repeat(map[string]func(*rapid.T){
			"enter": func(t *rapid.T) {
				e := enter(h, rapid.Int64Range(1, 3).Draw(t, "user"), "phone", int64(len(entries)+1))
				entries, want[e] = append(entries, e), nil
			},
			"set": func(t *rapid.T) {
				if len(entries) > 0 {
					e, groups := pick(), rapid.SliceOfDistinct(groupID, rapid.ID).Draw(t, "groups")
					h.SetGroups(e, groups, 1)
					if _, here := want[e]; here {
						want[e] = groups
					}
				}
			},
			"quit": func(t *rapid.T) {
				if len(entries) > 0 {
					e, g := pick(), groupID.Draw(t, "group")
					h.Quit(e.user, g)
					for other := range want {
						if other.user == e.user {
							want[other] = slices.DeleteFunc(slices.Clone(want[other]), func(id int64) bool { return id == g })
						}
					}
				}
			},
			"leave": func(*rapid.T) {
				if len(entries) > 0 {
					e := pick()
					h.Leave(e)
					delete(want, e)
				}
			},
			"": func(t *rapid.T) {
				held := 0
				for shard := range Shards {
					held += len(h.Groups(shard, nil))
				}
				for g := int64(100); g <= 103; g++ {
					n := 0
					for e, groups := range want {
						if slices.Contains(groups, g) {
							n++
							if !slices.Contains(h.group(g).entries[g], e) {
								t.Fatalf("member of %d is not listed", g)
							}
						}
					}
					if got := len(h.group(g).entries[g]); got != n {
						t.Fatalf("group %d has %d entries, want %d", g, got, n)
					}
					if n > 0 {
						held--
					}
				}
				if held != 0 {
					t.Fatalf("%d groups too many are told", held)
				}
			},
		})
	})
}

type sink struct{}

func (sink) Push(*link.Packet)   {}
func (sink) PushAll(*link.Batch) {}

func TestFanOutToAGroupAllocatesNothingForEachMember(t *testing.T) {
	h := New[sink]()
	for user := range int64(1000) {
		e := entry(user+1, "phone", sink{})
		h.Enter(e, 5)
		h.Open(e, 5)
		h.SetGroups(e, []int64{room}, 1)
	}
	posts := []Post{post(room, 3), post(room, 4)}
	push := func() { h.Group(room, posts, func(sink) *proto.Mark { return nil }) }
	push() // makes the scratch
	if n := testing.AllocsPerRun(100, push); n > 8 {
		t.Errorf("%.0f allocations for 1,000 members", n)
	}
}

func noneSpared(*peer) *proto.Mark { return nil }

// If a user was in a dissolved group that the next list of groups does not have,
// SetGroups returns that group once.
func TestWhoIsNotInADissolvedGroupAgainHearsThatItEnded(t *testing.T) {
	h := New[*peer]()
	stays, leaves, gone := opened(t, h, 1, "phone", 5), opened(t, h, 2, "phone", 5), opened(t, h, 3, "phone", 5)
	for _, e := range []*Entry[*peer]{stays, leaves, gone} {
		h.SetGroups(e, []int64{room, 78}, 1)
	}
	if peers := h.Dissolve(room); len(peers) != 3 || h.HasMembers(room) {
		t.Errorf("%d were taken out", len(peers))
	}
	h.Leave(gone)
	for name, c := range map[string]struct {
		e            *Entry[*peer]
		groups, want []int64
	}{
		"stays": {stays, []int64{room, 78}, nil}, "leaves": {leaves, []int64{78}, []int64{room}}, "gone": {gone, nil, nil},
	} {
		for _, want := range [][]int64{c.want, nil} {
			if ended := h.SetGroups(c.e, c.groups, 2); !slices.Equal(ended, want) {
				t.Errorf("%s: ended %v, want %v", name, ended, want)
			}
		}
	}
	for i := range h.shards {
		if n := len(h.shards[i].apart); n > 0 {
			t.Errorf("%d entries are still remembered", n)
		}
	}
}
