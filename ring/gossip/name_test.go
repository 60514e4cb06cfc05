package gossip

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cim-go/cim/ring"
)

func bootOf(id string, boot uint64) func(*ring.View) bool {
	return func(v *ring.View) bool { m, _ := v.Member(id); return m.Boot == boot }
}

// In memberlist, Join succeeds for a node whose name is taken.
func TestSecondNodeWithOneNameFailsAtStart(t *testing.T) {
	var lines logLines
	first := startNode(t, "same", nil)
	third := startNode(t, "third", func(c *Config) {
		seeds(first)(c)
		c.Logger = slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	first.awaitMembers(t, "same", "third")
	for name, seed := range map[string]*testNode{"by the first": first, "by a third": third} {
		second := startNode(t, "same", seeds(seed))
		if err := second.awaitEnd(t); !errors.Is(err, ErrNameTaken) {
			t.Errorf("%s: Run returns %v, want ErrNameTaken", name, err)
		}
		for _, n := range []*testNode{first, third} {
			n.await(t, "the first", bootOf("same", first.Self().Boot))
			n.awaitMembers(t, "same", "third")
		}
	}
	// On a busy machine the owner may answer no probe for seconds. Then its name leaves, too.
	if n := lines.count("member left") - lines.count("Marking same as failed, suspect timeout reached"); n > 0 {
		t.Errorf("the name has left %d times, though its owner never did", n)
	}
	if ok, reason := first.Ready(); !ok {
		t.Errorf("the first is not ready any more: %s", reason)
	}
	select {
	case <-first.ended:
		t.Errorf("the first has ended: %v", first.err)
	default:
	}
}

func TestRestartAtTheSameAddressIsAcceptedAtOnce(t *testing.T) {
	var net network
	a := startNode(t, "a", nil)
	b := startNode(t, "b", func(c *Config) { net.on(c); seeds(a)(c) })
	a.awaitMembers(t, "a", "b")
	net.crash(b)
	start := time.Now()
	again := startNode(t, "b", func(c *Config) { seeds(a)(c); c.Bind = b.Addr() })
	a.await(t, "the new boot", bootOf("b", again.Self().Boot))
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("accepted after %v, want at once", took)
	}
	again.awaitReady(t)
}

func TestRestartAtAnotherAddressIsAcceptedOnceTheOldIsDead(t *testing.T) {
	for name, known := range map[string]bool{"the old one seems alive": false, "the old one is just known dead": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var net network
			a := startNode(t, "a", nil) // it keeps a dead node's name for a second
			b := startNode(t, "b", func(c *Config) { net.on(c); seeds(a)(c) })
			a.awaitMembers(t, "a", "b")
			net.crash(b)
			if known {
				a.awaitMembers(t, "a")
			}
			again := startNode(t, "b", func(c *Config) {
				seeds(a)(c)
				c.backoffFirst = 100 * time.Millisecond
			})
			if again.Addr() == b.Addr() {
				t.Fatal("the address is the same")
			}
			again.awaitReady(t)
			a.mu.Lock()
			boot := a.peers["b"].member.Boot
			a.mu.Unlock()
			if boot != again.Self().Boot {
				t.Error("ready before the others have accepted it")
			}
			a.await(t, "the new boot", bootOf("b", boot))
		})
	}
}

func TestNeverBothGiveUpAName(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ms := func(label string, most int64) time.Duration {
			return time.Duration(rapid.Int64Range(0, most).Draw(t, label)) * time.Millisecond
		}
		upA, upB, lateA, lateB := ms("up a", 10_000), ms("up b", 10_000), ms("late a", 300), ms("late b", 300)
		bootA := rapid.Uint64().Draw(t, "boot a")
		bootB := rapid.Uint64().Filter(func(b uint64) bool { return b != bootA }).Draw(t, "boot b")
		readyA, readyB := rapid.Bool().Draw(t, "ready a"), rapid.Bool().Draw(t, "ready b")
		aEnds := outranks(exchange{ready: readyB, boot: bootB, uptime: upB - lateB}, exchange{ready: readyA, boot: bootA, uptime: upA})
		bEnds := outranks(exchange{ready: readyA, boot: bootA, uptime: upA - lateA}, exchange{ready: readyB, boot: bootB, uptime: upB})
		if aEnds && bEnds {
			t.Fatal("both give up")
		}
		if far := (upA - upB).Abs() > time.Second; far && !aEnds && !bEnds {
			t.Fatal("neither gives up, though one is a second older")
		}
	})
}
