package client

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cim-go/cim/client/history"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/order"
)

func TestPushedMessagesAreReceivedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		k.store(proto.Inbox, "waited")
		c := connect(t, k.config())
		k.say(proto.Inbox, "one")
		expect(t, c, "waited", "one")
		k.say(proto.Everyone, "to all")
		expect(t, c, "to all")
		if u := c.Self(); u.User != alice || u.Name != "alice" || !c.State().Connected() {
			t.Errorf("self %v, state %v", u, c.State())
		}
	})
}

func TestOvertakenPushWaitsForTheMissingOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		k.store(proto.Inbox, "zero")
		c := connect(t, k.config())
		expect(t, c, "zero")
		pulls := len(k.pulls)
		one, two := k.store(proto.Inbox, "one"), k.store(proto.Inbox, "two")
		k.push(two)
		time.Sleep(order.EarlyWait * time.Millisecond / 2)
		k.push(one)
		k.push(two)
		expect(t, c, "one", "two")
		time.Sleep(time.Second)
		if len(k.pulls) != pulls {
			t.Errorf("%d pulls although nothing was missing", len(k.pulls)-pulls)
		}
	})
}

func TestLostPushIsReadFromTheRoute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		c := connect(t, k.config())
		k.store(proto.Inbox, "lost")
		k.say(proto.Inbox, "came")
		expect(t, c, "lost", "came")
		k.store(proto.Everyone, "lost too")
		k.tellNewest()
		expect(t, c, "lost too")
	})
}

func TestLongBacklogIsReadInPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		for n := range 3 * queueMax {
			k.store(proto.Inbox, fmt.Sprint(n))
		}
		c := connect(t, k.config())
		time.Sleep(time.Second)
		c.mu.Lock()
		waiting := len(c.in.queue)
		c.mu.Unlock()
		if waiting > queueMax {
			t.Errorf("%d wait, want at most %d", waiting, queueMax)
		}
		for n := range 3 * queueMax {
			expect(t, c, fmt.Sprint(n))
		}
	})
}

func TestMessageOfOtherDeviceIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		c := connect(t, k.config())
		k.mu.Lock()
		m := k.acceptLocked(&proto.Frame{Id: "phone-1", To: bob, ReqMsg: "from my phone"})
		k.mu.Unlock()
		k.push(m)
		got, err := c.Receive(t.Context())
		if err != nil || got.From != alice || got.To != bob {
			t.Errorf("received %v, %v", got, err)
		}
	})
}

func TestAcksAreRareAndTellWhatWasShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		c, err := Connect(t.Context(), k.config())
		if err != nil {
			t.Fatal(err)
		}
		for n := range 100 {
			k.say(proto.Inbox, fmt.Sprint(n))
			expect(t, c, fmt.Sprint(n))
			time.Sleep(300 * time.Millisecond)
		}
		k.say(proto.Inbox, "not shown")
		k.say(proto.Inbox, "not shown either")
		synctest.Wait()
		expect(t, c, "not shown")
		c.Close()
		synctest.Wait()
		for n := 1; n < len(k.acks)-1; n++ {
			if gap := k.acks[n].at.Sub(k.acks[n-1].at); gap < ackInterval {
				t.Errorf("acks %v apart", gap)
			}
		}
		if n := len(k.acks); n < 6 || n > 8 {
			t.Errorf("%d acks in 30 s", n)
		}
		last := k.acks[len(k.acks)-1].cursors
		inbox := k.logs[proto.Inbox].entries
		if last[0] != inbox[len(inbox)-2].At {
			t.Errorf("last ack %v, want what was shown last", last)
		}
	})
}

func TestCursorIsWhereAClientWithoutHistoryBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		k.store(proto.Inbox, "seen")
		k.cursors = []proto.Position{k.logs[0].newest(0)}
		k.store(proto.Inbox, "new")
		k.store(proto.Everyone, "before my time")
		c := connect(t, k.config())
		expect(t, c, "new")
		k.say(proto.Everyone, "in my time")
		expect(t, c, "in my time")
	})
}

func TestTrimmedMessagesAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		cfg := k.config()
		cfg.History = history.NewMemory()
		c := connect(t, cfg)
		k.say(proto.Inbox, "one")
		expect(t, c, "one")
		c.Close()
		for n := range 10 {
			k.store(proto.Inbox, fmt.Sprint(n))
		}
		l := k.logs[proto.Inbox]
		l.entries, l.trimmed = l.entries[8:], 8
		c = connect(t, cfg)
		expect(t, c, "6", "7", "8", "9")
		if e := next[Trimmed](t, c); e.From != 3 || e.To != 8 || e.Log != proto.Inbox {
			t.Errorf("%+v", e)
		}
	})
}

// A failover may lose the tail of a log and give its numbers again.
func TestDivergedLogIsResumedFromWhatBothKnow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		c := connect(t, k.config())
		for n := range 10 {
			k.say(proto.Inbox, fmt.Sprint(n))
			expect(t, c, fmt.Sprint(n))
		}
		k.mu.Lock()
		k.logs[proto.Inbox].entries = k.logs[proto.Inbox].entries[:6] // up to "4"
		k.mu.Unlock()
		k.say(proto.Inbox, "new 5") // its number was "5", which was shown
		k.say(proto.Inbox, "new 6")
		expect(t, c, "new 5", "new 6")
		k.mu.Lock()
		*k.logs[proto.Inbox] = storedLog{epoch: 0xc}
		k.mu.Unlock()
		k.say(proto.Inbox, "another log")
		k.say(proto.Inbox, "goes on")
		expect(t, c, "another log", "goes on")
	})
}
