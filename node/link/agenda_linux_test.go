package link

import (
	"slices"
	"testing"

	"github.com/cim-go/cim/proto"
)

func TestOwnAndCrowdTakeTurns(t *testing.T) {
	var a agenda
	room, own := make([]*Link, 6), make([]*Link, 2)
	for i := range room {
		room[i] = new(Link)
		a.add(room[i], later)
	}
	got := []*Link{a.next()}
	for i := range own { // an answer, while a room is written to
		own[i] = new(Link)
		a.add(own[i], soon)
	}
	for l := a.next(); l != nil; l = a.next() {
		got = append(got, l)
	}
	want := []*Link{room[0], own[0], room[1], own[1], room[2], room[3], room[4], room[5]}
	if !slices.Equal(got, want) || a.len() != 0 {
		t.Errorf("%d links in a wrong order, %d are left", len(got), a.len())
	}
}

func TestLineThatNeverRunsEmptyDoesNotGrow(t *testing.T) {
	var q line
	links := make([]*Link, 10)
	for i := range links {
		links[i] = new(Link)
		q.push(links[i])
	}
	for i := range 10_000 {
		l := q.pop()
		if l != links[i%len(links)] {
			t.Fatalf("link %d is not the next", i)
		}
		q.push(l)
	}
	if cap(q.links) > 64 {
		t.Errorf("room for %d links, of 10", cap(q.links))
	}
}

func TestWhoIsAnsweredIsWrittenBeforeARoom(t *testing.T) {
	own := &proto.Frame{Cmd: proto.Command_MESSAGE, At: &proto.Mark{Epoch: 9, Number: 1}}
	for _, c := range []struct {
		frame *proto.Frame
		want  turn
	}{
		{&proto.Frame{Cmd: proto.Command_SEND_ANSWER, At: &proto.Mark{Log: proto.Everyone, Epoch: 9, Number: 1}}, soon},
		{own, soon},
		{message(1, "hi"), soon},
		{&proto.Frame{Cmd: proto.Command_MESSAGE, At: &proto.Mark{Log: proto.Everyone, Epoch: 9, Number: 1}}, later},
	} {
		p := &loop{corks: new(corks)}
		l := &Link{server: &Server{}, wire: p}
		l.queueLocked(NewPacket(c.frame))
		if p.agenda.of(c.want).len() != 1 || p.agenda.len() != 1 {
			t.Errorf("%v of log %d: written at the wrong turn", c.frame.Cmd, c.frame.At.GetLog())
		}
	}
}
