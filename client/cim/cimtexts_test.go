package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/proto"
)

// CIM carries texts of any length, and a limit of ours that its users ran into was
// shown to nobody. Here the longest text arrives by every way, and one byte more is
// refused with a line that says so.
func TestLongestTextArrivesAndALongerOneIsExplained(t *testing.T) {
	t.Parallel()
	s := newSystem(t, plan{})
	longest := strings.Repeat("见", proto.MaxText/3)
	ours := connectAs(t, client.Config{Routes: []string{s.url}, Name: "alice", Device: "page", Transport: client.WebSocket})
	theirs, sender := s.connectCIM("bob"), s.connectCIM("carol")
	everyone := func(text string) string {
		return cimCode(t, s.url+"/groupRoute", fmt.Sprintf(`{"userId":%d,"msg":%q}`, sender.user, text), nil)
	}
	if code := everyone(longest); code != "9000" {
		t.Fatalf("to everyone: %s", code)
	}
	if got := theirs.texts(1); got[0] != "carol: "+longest {
		t.Errorf("bob was shown %d bytes", len(got[0]))
	}
	if got := shown(t, ours, 1); got[0] != longest {
		t.Errorf("alice was shown %d bytes", len(got[0]))
	}
	send(t, ours, theirs.user, longest)
	if got := theirs.texts(1); got[0] != "alice: "+longest {
		t.Errorf("bob was shown %d bytes", len(got[0]))
	}
	dave := cimRegister(t, s.url, "dave")
	for range 3 { // they wait for a user who is away
		if code := privately(t, s.url, sender.user, dave, longest); code != "7000" {
			t.Fatalf("to one who is away: %s", code)
		}
	}
	if got := s.connectCIM("dave").texts(3); got[2] != "carol: "+longest {
		t.Errorf("dave was shown %d bytes", len(got[2]))
	}
	if code := privately(t, s.url, sender.user, theirs.user, longest+"x"); code != "3000" {
		t.Errorf("one byte more: %s", code)
	}
	want := fmt.Sprintf("system: Your message to %d (%s...) was not sent. The text has 65536 bytes, and 65535 are allowed.", theirs.user, strings.Repeat("见", 20))
	if got := sender.texts(1); got[0] != want {
		t.Errorf("carol was shown %q, want %q", got[0], want)
	}
	theirs.quiet()
}
