package hub

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/cim-go/cim/node/link"
	"github.com/cim-go/cim/proto"
)

// peer records the packets that were pushed to it.
type peer struct {
	got []*link.Packet
}

func (p *peer) Push(packet *link.Packet) { p.got = append(p.got, packet) }
func (p *peer) PushAll(b *link.Batch)    { p.got = append(p.got, b.Packets()...) }

func enter(h *Hub[*peer], user int64, device string, number int64) *Entry[*peer] {
	e := entry(user, device, new(peer))
	h.Enter(e, number)
	return e
}

// entry returns an entry of a user with the name alice.
func entry[P Peer](user int64, device string, p P) *Entry[P] {
	e := new(Entry[P])
	e.Identify(user, "alice", device, p)
	return e
}

func opened(t testing.TB, h *Hub[*peer], user int64, device string, number int64) *Entry[*peer] {
	t.Helper()
	e := enter(h, user, device, number)
	if _, ok := h.Open(e, number); !ok {
		t.Fatalf("open %d of %s refused", number, device)
	}
	return e
}

func inbox(n int64) *link.Packet { return place(proto.Inbox, n) }

func place(log, n int64) *link.Packet {
	return link.NewPacket(&proto.Frame{
		Cmd: proto.Command_MESSAGE, From: 2, Id: "m", At: &proto.Mark{Log: log, Epoch: 9, Number: n},
	})
}

// post returns a Post that no session here has sent.
func post(log, n int64) Post {
	p := place(log, n)
	return Post{Packet: p, Mark: p.Mark()}
}

// sent returns the post as one that a user's session has sent.
func sent(p Post, user, number int64) Post {
	p.Packet.Frame().From = user
	p.Except = number
	return p
}

func TestPendingConnectionIsHereAndSentNothing(t *testing.T) {
	h := New[*peer]()
	e := enter(h, 1, "phone", 5)
	for _, n := range []int64{3, 4, 2} {
		if gone := h.Deliver(1, []int64{5}, 0, inbox(n)); len(gone) > 0 {
			t.Errorf("number %v is called gone while pending", gone)
		}
	}
	h.Group(proto.Everyone, []Post{post(proto.Everyone, 8)}, noneSpared)
	if len(e.peer.got) > 0 {
		t.Error("a pending connection was pushed to")
	}
	if h.Users() != 0 || h.Online(0, 9, "") != nil {
		t.Error("a pending user is online")
	}
	p, ok := h.Open(e, 5)
	if !ok || len(p.Missed) != 2 || p.Missed[0].Number != 4 || p.Missed[1].Number != 8 || p.Missed[0].Key != "2:m" {
		t.Errorf("opening told %v", p.Missed)
	}
	h.Deliver(1, []int64{5}, 0, inbox(5))
	if len(e.peer.got) != 1 {
		t.Error("an open connection was not pushed to")
	}
}

func TestPendingCIMConnectionMayBeAnyNumber(t *testing.T) {
	h := New[*peer]()
	e := enter(h, 1, "cim", 0)
	if gone := h.Deliver(1, []int64{77}, 0, nil); len(gone) > 0 {
		t.Errorf("%v gone", gone)
	}
	h.Open(e, 78)
	if gone := h.Deliver(1, []int64{77, 78}, 0, nil); !slices.Equal(gone, []int64{77}) {
		t.Errorf("%v gone, want 77", gone)
	}
}

func TestDeliverTellsWhoIsNotHere(t *testing.T) {
	h := New[*peer]()
	phone := opened(t, h, 1, "phone", 5)
	desk := opened(t, h, 1, "desk", 6)
	gone := h.Deliver(1, []int64{5, 6, 7}, 6, inbox(1))
	if !slices.Equal(gone, []int64{7}) {
		t.Errorf("%v gone, want 7", gone)
	}
	if len(phone.peer.got) != 1 || len(desk.peer.got) != 0 {
		t.Error("want the phone pushed to and not the sender")
	}
	if gone := h.Deliver(2, []int64{5}, 0, nil); !slices.Equal(gone, []int64{5}) {
		t.Errorf("%v gone of a user who is not here", gone)
	}
}

func TestNewerNumberDisplacesAtOpening(t *testing.T) {
	h := New[*peer]()
	old := opened(t, h, 1, "phone", 5)
	other := opened(t, h, 1, "desk", 4)
	e := enter(h, 1, "phone", 6)
	if len(h.Peers(1)) != 2 {
		t.Error("entering alone displaced")
	}
	p, _ := h.Open(e, 6)
	if !slices.Equal(p.Displaced, []*peer{old.peer}) {
		t.Errorf("displaced %v", p.Displaced)
	}
	if peers := h.Peers(1); len(peers) != 2 || !slices.Contains(peers, other.peer) {
		t.Errorf("%d connections are left", len(peers))
	}
}

func TestLateConfirmationOfAnOlderNumberIsRefused(t *testing.T) {
	h := New[*peer]()
	older := enter(h, 1, "phone", 5)
	newer := enter(h, 1, "phone", 6)
	if _, ok := h.Open(newer, 6); !ok {
		t.Fatal("the newer one was refused")
	}
	if _, ok := h.Open(older, 5); ok {
		t.Error("the older one opened after the newer one")
	}
}

// A store that has lost a higher number accepts a lower one. The lower number came
// after the higher one was open, so it belongs to the newer connection.
func TestLowerNumberThatCameLaterDisplacesWhatTheStoreLost(t *testing.T) {
	h := New[*peer]()
	old := opened(t, h, 1, "phone", 50)
	desk := opened(t, h, 1, "desk", 60)
	e := enter(h, 1, "phone", 6)
	p, ok := h.Open(e, 6)
	if !ok || !slices.Equal(p.Displaced, []*peer{old.peer}) {
		t.Errorf("opened %v, displaced %v", ok, p.Displaced)
	}
	if peers := h.Peers(1); len(peers) != 2 || !slices.Contains(peers, desk.peer) || !slices.Contains(peers, e.peer) {
		t.Errorf("%d connections are left", len(peers))
	}
}

// This is the same case, but the higher number was still pending, and its opening is
// confirmed first.
func TestLowerNumberThatCameLaterIsOpenedBesideAPendingOne(t *testing.T) {
	h := New[*peer]()
	high := enter(h, 1, "phone", 50)
	low := enter(h, 1, "phone", 6)
	if _, ok := h.Open(high, 50); !ok {
		t.Fatal("the higher number is not opened")
	}
	p, ok := h.Open(low, 6)
	if !ok || !slices.Equal(p.Displaced, []*peer{high.peer}) {
		t.Errorf("opened %v, displaced %v", ok, p.Displaced)
	}
	if peers := h.Peers(1); !slices.Equal(peers, []*peer{low.peer}) {
		t.Errorf("%d connections are left", len(peers))
	}
}

func TestTicketUsedTwiceIsNotReportedClosed(t *testing.T) {
	h := New[*peer]()
	first := opened(t, h, 1, "phone", 5)
	second := enter(h, 1, "phone", 5)
	p, ok := h.Open(second, 5)
	if !ok || !slices.Equal(p.Displaced, []*peer{first.peer}) {
		t.Fatalf("the second connection displaced %v, %v", p.Displaced, ok)
	}
	if h.Leave(first) {
		t.Error("the number is to be reported closed while the second connection has it")
	}
	if !h.Leave(second) {
		t.Error("the number is not to be reported closed after the last connection")
	}
}

// The client of the first connection gets its answer before the hub opens that
// connection. So its second connection may have entered by then.
func TestTicketUsedAgainBeforeTheFirstIsOpenStays(t *testing.T) {
	h := New[*peer]()
	first := enter(h, 1, "phone", 5)
	second := enter(h, 1, "phone", 5)
	if p, ok := h.Open(first, 5); !ok || len(p.Displaced) != 0 {
		t.Errorf("the first is opened %v, and displaces %d", ok, len(p.Displaced))
	}
	if p, ok := h.Open(second, 5); !ok || !slices.Equal(p.Displaced, []*peer{first.peer}) {
		t.Errorf("the second is opened %v, and displaces %d", ok, len(p.Displaced))
	}
}

// A late "offline" of an old connection must not remove the user's new one.
func TestLateLeaveKeepsNewSession(t *testing.T) {
	h := New[*peer]()
	old := opened(t, h, 1, "phone", 5)
	current := opened(t, h, 1, "phone", 6)
	if h.Leave(old) {
		t.Error("a displaced number is to be reported")
	}
	if peers := h.Peers(1); len(peers) != 1 || peers[0] != current.peer {
		t.Errorf("%d connections are left", len(peers))
	}
	if _, ok := h.Find(1, "phone", 6); !ok {
		t.Error("the new session is gone")
	}
}

func TestHeldTellsTheNewestPlace(t *testing.T) {
	h := New[*peer]()
	e := opened(t, h, 1, "phone", 5)
	enter(h, 1, "desk", 6)
	h.Deliver(1, []int64{5}, 0, inbox(3))
	h.Know(e, &proto.Mark{Epoch: 9, Number: 2})
	if held := allHeld(h); len(held) != 1 || held[0].Number != 5 || held[0].Newest.GetNumber() != 3 {
		t.Errorf("held %v", held)
	}
}

// A push to alice's phone is lost. Then her desk logs in at the same node and gets the
// message. Reconciliation must be able to see that the phone has not got it.
func TestWhatOneDeviceHeardAnotherMayHaveMissed(t *testing.T) {
	h := New[*peer]()
	phone := opened(t, h, 1, "phone", 5)
	h.Know(phone, &proto.Mark{Epoch: 9, Number: 1})
	desk := opened(t, h, 1, "desk", 6)
	h.Know(desk, &proto.Mark{Epoch: 9, Number: 2})
	h.Deliver(1, []int64{6}, 0, inbox(3))
	for _, held := range allHeld(h) {
		if want := map[string]int64{"phone": 1, "desk": 3}[held.Device]; held.Newest.GetNumber() != want {
			t.Errorf("%s is held to know %v, want %d", held.Device, held.Newest, want)
		}
	}
}

func allHeld(h *Hub[*peer]) []*proto.Held {
	var held []*proto.Held
	for i := range Shards {
		held = h.Held(i, held)
	}
	return held
}

func TestOnlinePagesByAscendingID(t *testing.T) {
	h := New[*peer]()
	for id := int64(50); id > 0; id-- {
		e := entry(id, "phone", new(peer))
		if id%2 == 0 {
			e.Identify(id, "bob", "phone", e.peer)
		}
		h.Enter(e, 1)
		h.Open(e, 1)
	}
	page := h.Online(10, 3, "bo")
	want := []proto.User{{User: 12, Name: "bob"}, {User: 14, Name: "bob"}, {User: 16, Name: "bob"}}
	if !slices.Equal(page, want) {
		t.Errorf("got %v", page)
	}
}

// Entries may enter, open and leave in any order. No device ever has two open
// connections, and the counts are right. A number is reported closed after its last
// connection, and not more often than it entered.
func TestDevicesHaveOneOpenConnection(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := New[*peer]()
		var all []*Entry[*peer]
		number := func(e *Entry[*peer]) int64 { return e.number }
		t.Repeat(map[string]func(*rapid.T){
			"enter": func(t *rapid.T) {
				device := rapid.SampledFrom([]string{"phone", "desk"}).Draw(t, "device")
				all = append(all, enter(h, rapid.Int64Range(1, 3).Draw(t, "user"), device, rapid.Int64Range(1, 5).Draw(t, "number")))
			},
			"open": func(t *rapid.T) {
				if len(all) > 0 {
					e := rapid.SampledFrom(all).Draw(t, "entry")
					h.Open(e, number(e))
				}
			},
			"leave": func(t *rapid.T) {
				if len(all) == 0 {
					return
				}
				e := rapid.SampledFrom(all).Draw(t, "entry")
				if h.Leave(e) {
					if _, ok := h.Find(e.user, e.Device(), e.number); ok {
						t.Fatal("reported closed while a connection has the number")
					}
				}
			},
			"": func(t *rapid.T) {
				here, users := 0, map[int64]bool{}
				devices := map[string]int{}
				for _, e := range all {
					if e.here {
						here++
					}
					if e.here && e.open.Load() {
						users[e.user] = true
						devices[e.Device()+string(rune(e.user))]++
					}
				}
				for d, n := range devices {
					if n > 1 {
						t.Fatalf("%d open connections of %q", n, d)
					}
				}
				if h.Entries() != here || h.Users() != len(users) {
					t.Fatalf("%d entries and %d users, want %d and %d", h.Entries(), h.Users(), here, len(users))
				}
			},
		})
	})
}

func TestFanOutAllocatesNothingPerConnection(t *testing.T) {
	h := New[*still]()
	for id := range int64(1000) {
		e := entry(id+1, "phone", new(still))
		h.Enter(e, 1)
		h.Open(e, 1)
	}
	posts := []Post{post(proto.Everyone, 1), post(proto.Everyone, 2)}
	push := func() { h.Group(proto.Everyone, posts, nil) }
	push()
	if n := testing.AllocsPerRun(100, push); n > 10 {
		t.Errorf("a fan-out to 1,000 connections allocates %v times", n)
	}
}

type still struct{ n int }

func (s *still) Push(*link.Packet)     { s.n++ }
func (s *still) PushAll(b *link.Batch) { s.n += len(b.Packets()) }

func BenchmarkEveryone(b *testing.B) {
	h := New[*still]()
	for id := range int64(1000) {
		e := entry(id+1, "phone", new(still))
		h.Enter(e, 1)
		h.Open(e, 1)
	}
	for _, n := range []int64{1, 64} {
		b.Run(fmt.Sprintf("posts=%d", n), func(b *testing.B) {
			var posts []Post
			for number := range n {
				posts = append(posts, post(proto.Everyone, number+1))
			}
			b.ReportAllocs()
			for b.Loop() {
				h.Group(proto.Everyone, posts, nil)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(int64(b.N)*n*1000), "ns/delivery")
		})
	}
}
