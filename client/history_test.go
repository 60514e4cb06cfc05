package client

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cim-go/cim/client/history"
	"github.com/cim-go/cim/proto"
)

func TestOwnMessageIsKeptAndNotShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		cfg := k.config()
		cfg.History = history.NewMemory()
		c := connect(t, cfg)
		k.store(proto.Inbox, "before")
		r, err := c.Send(t.Context(), bob, "mine")
		if err != nil {
			t.Fatal(err)
		}
		k.say(proto.Inbox, "after")
		expect(t, c, "before", "after")
		if !cfg.History.Has(proto.Key(alice, r.ID)) {
			t.Error("the own message is not in the history")
		}
		if got := cfg.History.Positions(proto.Inbox)[1]; got != r.At {
			t.Errorf("own message kept at %v, want %v", got, r.At)
		}
	})
}

// A client that only sends keeps its messages without anybody calling Receive.
func TestOwnMessageIsKeptWhenSendReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		cfg := k.config()
		cfg.History = history.NewMemory()
		c := connect(t, cfg)
		time.Sleep(time.Second) // past the genesis entries
		for range 3 {
			r, err := c.SendEveryone(t.Context(), "mine")
			if err != nil {
				t.Fatal(err)
			}
			if !cfg.History.Has(proto.Key(alice, r.ID)) {
				t.Error("not kept")
			}
		}
	})
}

func TestFailedHistoryLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		cfg := k.config()
		h := &failing{Memory: history.NewMemory()}
		cfg.History = h
		c := connect(t, cfg)
		k.say(proto.Inbox, "one")
		h.err = errors.New("disk is full")
		if _, err := c.Receive(t.Context()); !errors.Is(err, h.err) {
			t.Errorf("receive: %v", err)
		}
		h.err = nil
		expect(t, c, "one")
	})
}

type failing struct {
	*history.Memory
	err error
}

func (h *failing) Append(at proto.Position, m *proto.Message) error {
	if h.err != nil {
		return h.err
	}
	return h.Memory.Append(at, m)
}
