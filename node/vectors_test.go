package node

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	gproto "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/vectors"
)

// follower is the user who follows the log in the vectors.
const follower = int64(42)

// A Sequencer plays the rules of any log with the log of a group, and the rules of
// everyone's log with that log.
func TestRelayFollowsTheRulesOfOrder(t *testing.T) {
	for _, r := range vectors.Of(t, "relay") {
		t.Run(r.Name, inBubble(func(t *testing.T) { playRelay(t, r) }))
	}
}

func playRelay(t *testing.T, r vectors.Case) {
	log := room
	if r.Log == proto.Everyone {
		log = proto.Everyone
	}
	s := newStand(t, r, log)
	logIn := func(newest ...*proto.Mark) {
		s.opening(5, newest, nil)
		s.peer = s.login(t, follower, 5)
	}
	switch {
	case len(r.Known) > 0:
		first, rest := s.known()
		logIn(first)
		rest()
		s.opening(5, []*proto.Mark{s.end}, nil)
	case r.Steps[0].Login == nil:
		logIn()
	}
	s.shown()
	s.pulls()
	s.mu.Lock()
	s.alone = false
	s.mu.Unlock()
	for i, at := range append(r.Steps, vectors.Step{Wait: true}) {
		if i == len(r.Steps) && r.Steps[i-1].Pull != nil {
			break // nothing says what is answered
		}
		switch {
		case at.Login != nil && s.peer == nil:
			logIn(s.marks(at.Login.Newest)...)
		case at.Login != nil:
			s.ends(s.mark(at.Login.Newest[0]))
			s.renew(s.marks(at.Login.Newest)...)
		case at.Newest != nil:
			s.ends(s.mark(*at.Newest))
			s.renew(s.mark(*at.Newest))
		case at.Push != nil:
			s.push(*at.Push, at.Prev)
		case at.Page != nil, at.Refused != "":
			s.read(t, at)
		}
		switch {
		case at.Wait:
			time.Sleep(2 * time.Second)
		case at.Pull != nil && at.Refused == "": // what does not fit may be late only
			time.Sleep(2 * pullWait)
		}
		got, told := s.shown()
		if at.Refused != "" { // the members go on by themselves
			if !told || len(got) > 0 {
				t.Fatalf("step %d: told of the log's end: %v, and shown %q", i+1, told, got)
			}
			return
		}
		asked, pull := s.pulls(), []*proto.Mark(nil)
		if at.Pull != nil {
			pull = []*proto.Mark{s.mark(*at.Pull)}
		}
		if !slices.Equal(got, at.Show) || !s.same(asked, pull) {
			t.Fatalf("step %d: shown %q, want %q; pulls behind %v, want %v", i+1, got, at.Show, asked, pull)
		}
		if at.At == nil {
			continue
		}
		last := s.groups.Of(log).Status().Last
		if !gproto.Equal(last, s.mark(*at.At)) {
			t.Fatalf("step %d: stands at %v, want %v", i+1, last, at.At)
		}
	}
}

// A CatchUp pulls at once when an entry comes early. So it may show messages later than
// a step says, though in that order, and it may pull more often.
func TestFeedFollowsTheRulesOfOrder(t *testing.T) {
	for _, r := range vectors.Of(t, "feed") {
		t.Run(r.Name, inBubble(func(t *testing.T) { playFeed(t, r) }))
	}
}

func playFeed(t *testing.T, r vectors.Case) {
	s := newStand(t, r, r.Log)
	logIn := func(newest, cursors []*proto.Mark) {
		s.opening(1001, newest, cursors)
		s.peer = s.cim(t, follower)
		synctest.Wait()
	}
	if len(r.Known) > 0 {
		first, rest := s.known()
		logIn(nil, []*proto.Mark{first})
		rest()
	}
	s.shown()
	s.pulls()
	s.mu.Lock()
	s.alone = false
	s.mu.Unlock()
	var got, want, seen []string
	var asked, pull []*proto.Mark // of the steps that were not compared yet
	for _, e := range r.Known {
		seen = append(seen, e.Key)
	}
	under := false // a pull is
	for i, at := range r.Steps {
		still := at.Newest != nil || at.Login != nil
		if at.Push != nil { // shown before, or comes next
			key := at.Push.Key
			still = slices.Contains(seen, key) || !under && slices.Equal(got, want) && slices.Equal(at.Show, []string{key})
		}
		switch {
		case at.Login != nil && s.peer == nil:
			s.ends(s.mark(at.Login.Newest[0]))
			logIn(s.marks(at.Login.Newest), s.marks(at.Login.Cursors))
		case at.Login != nil:
			s.behind(s.mark(at.Login.Newest[0]))
		case at.Newest != nil:
			s.behind(s.mark(*at.Newest))
		case at.Push != nil:
			s.push(*at.Push, at.Prev)
		case at.Page != nil, at.Refused != "":
			s.read(t, at)
			under = false
		case at.Wait:
			time.Sleep(2 * time.Second) // a tick looks once a second
		}
		shown, _ := s.shown()
		got, want, seen = append(got, shown...), append(want, at.Show...), append(seen, at.Show...)
		now := s.pulls()
		under = under || len(now) > 0
		if still && at.Pull == nil && len(now) > 0 {
			t.Fatalf("step %d: pulls behind %v, want none", i+1, now)
		}
		asked = append(asked, now...)
		if at.Pull != nil {
			pull = append(pull, s.mark(*at.Pull))
			if n := len(asked); n == 0 || !gproto.Equal(asked[n-1], pull[len(pull)-1]) {
				t.Fatalf("step %d: pulls behind %v, want the last behind %v", i+1, asked, at.Pull)
			}
		}
		if l := s.reached(); at.At != nil && !under && slices.Equal(got, want) && !gproto.Equal(l.Mark(), s.mark(*at.At)) {
			t.Fatalf("step %d: stands at %v, want %v", i+1, l, at.At)
		}
	}
	s.mu.Lock()
	s.alone = true
	s.mu.Unlock()
	s.reply(nil)
	time.Sleep(2 * time.Second)
	shown, _ := s.shown()
	if got = append(got, shown...); !slices.Equal(got, want) {
		t.Fatalf("shown %q, want %q", got, want)
	}
}
