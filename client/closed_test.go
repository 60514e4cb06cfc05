package client

import (
	"testing"
	"testing/synctest"

	"github.com/cim-go/cim/client/history"
	"github.com/cim-go/cim/proto"
)

// The caller closes the history after Close, also if a kick stopped the client before.
func TestNothingIsKeptAfterCloseOfAKickedClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		cfg := k.config()
		cfg.History = history.NewMemory()
		c := connect(t, cfg)
		one, two := k.say(proto.Inbox, "one"), k.say(proto.Inbox, "two")
		synctest.Wait()
		k.kick(proto.SessionEnded)
		next[Stopped](t, c)
		expect(t, c, "one")
		c.Close()
		if m, err := c.Receive(t.Context()); codeOf(err) != proto.SessionEnded {
			t.Errorf("received %q, %v, want the reason of the kick", m.Text, err)
		}
		if !cfg.History.Has(one.Key()) || cfg.History.Has(two.Key()) {
			t.Error("want the first message in the history and not the second")
		}
		if code := codeOf(c.Err()); code != proto.SessionEnded {
			t.Errorf("stopped by code %v, want the kick's", code)
		}
	})
}
