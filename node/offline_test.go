package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cim-go/cim/proto"
)

// javaRoute is a fake of CIM's routes. It records the users of whom it was told, and
// fails on demand.
type javaRoute struct {
	mu    sync.Mutex
	tries int
	told  []string
	fail  func(user int64) error // nil: it takes all
	log   bytes.Buffer
}

func (j *javaRoute) offline(ctx context.Context, user int64, name string) error {
	j.mu.Lock()
	j.tries++
	fail := j.fail
	j.mu.Unlock()
	if fail != nil {
		if err := fail(user); err != nil {
			return err
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.told = append(j.told, fmt.Sprintf("%d %s", user, name))
	return ctx.Err()
}

func (j *javaRoute) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.log.Write(b)
}

func (j *javaRoute) failing(f func(int64) error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.fail = f
}

func (j *javaRoute) wasTold(t *testing.T, want ...string) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	slices.Sort(j.told)
	if !slices.Equal(j.told, want) {
		t.Errorf("CIM's route was told of %q, want %q", j.told, want)
	}
	j.told = nil
}

// startCIM runs a node before CIM's routes. No user is elsewhere.
func startCIM(t *testing.T, change func(*Config)) (*town, *javaRoute) {
	t.Helper()
	j := new(javaRoute)
	w := start(t, func(c *Config) {
		c.CIM.Open, c.CIM.Offline, c.Logger = true, j.offline, slog.New(slog.NewTextHandler(j, nil))
		if change != nil {
			change(c)
		}
	})
	w.elsewhere(proto.Verdict_UNKNOWN, nil)
	return w, j
}

// elsewhere sets what the store answers about a session that nobody has reported.
func (w *town) elsewhere(verdict proto.Verdict, err error) {
	w.route.set(func(s *script) {
		s.reconciling = func(r *proto.ReconcileRequest) (*proto.ReconcileAnswer, error) {
			if err != nil {
				return nil, err
			}
			answer := new(proto.ReconcileAnswer)
			for _, h := range r.Held {
				if _, held := w.hub.Find(h.User, h.Device, h.Number); !held && verdict != proto.Verdict_SAME {
					answer.Differences = append(answer.Differences, &proto.Difference{User: h.User, Device: h.Device, Number: h.Number, Verdict: verdict})
				}
			}
			return answer, nil
		}
	})
}

func hangUp(t *testing.T, peers ...*peer) {
	t.Helper()
	for _, p := range peers {
		if err := p.conn.Close(); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Wait()
}

func TestCIMsRouteIsToldOfAConnectionThatEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, java := startCIM(t, nil)
		alice, bob, carol := w.cim(t, 1), w.cim(t, 2), w.login(t, 3, 5)
		synctest.Wait()
		java.wasTold(t)
		hangUp(t, alice, carol) // carol did not come by a route of CIM's
		java.wasTold(t, "1 alice")
		time.Sleep(time.Minute) // bob never pings
		synctest.Wait()
		bob.ended(t)
		java.wasTold(t, "2 bob")
	})
}

// A logout at a route of ours closes all numbers so far, and the next one, too.
func TestCIMsRouteIsToldOfALogoutAtOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, java := startCIM(t, nil)
		alice := w.cim(t, 1)
		synctest.Wait()
		w.elsewhere(proto.Verdict_DISPLACED, nil)
		w.Push(&proto.PushRequest{Boot: 77, Kicks: []*proto.Kick{{User: 1, Device: proto.CIMDevice, Number: 1001, Code: int32(proto.LoggedOut)}}})
		alice.ended(t)
		synctest.Wait()
		java.wasTold(t, "1 alice")
	})
}

func TestCIMsRouteIsToldOfAConnectionThatWasNeverConfirmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, java := startCIM(t, func(c *Config) { c.Limits.Capacity = 1 })
		w.route.set(func(s *script) { s.report = func(*proto.ReportRequest) error { return errAway } })
		first := w.cim(t, 1)
		synctest.Wait()
		w.cim(t, 2).ended(t) // the node is full
		synctest.Wait()
		java.wasTold(t, "2 bob")
		hangUp(t, first)
		java.wasTold(t, "1 alice")
	})
}

// CIM's call deletes its route's record of the user, whichever connection the record
// belongs to.
func TestCIMsRouteIsNotToldOfAUserWhoIsBack(t *testing.T) {
	for name, c := range map[string]struct {
		verdict proto.Verdict
		err     error
		told    []string
	}{
		"back at another node":                     {proto.Verdict_DISPLACED, nil, nil},
		"back under the very next number":          {proto.Verdict_SAME, nil, nil},
		"nowhere":                                  {proto.Verdict_UNKNOWN, nil, []string{"1 alice"}},
		"perhaps, while no route of ours is there": {proto.Verdict_UNKNOWN, errAway, []string{"1 alice"}},
	} {
		t.Run(name, inBubble(func(t *testing.T) {
			w, java := startCIM(t, nil)
			old := w.cim(t, 1)
			synctest.Wait()
			w.elsewhere(c.verdict, c.err)
			hangUp(t, old)
			java.wasTold(t, c.told...)
		}))
	}
	t.Run("back here", inBubble(func(t *testing.T) {
		w, java := startCIM(t, nil)
		old := w.cim(t, 1)
		synctest.Wait()
		now := w.cim(t, 1)
		old.ended(t)
		synctest.Wait()
		java.wasTold(t)
		hangUp(t, now)
		java.wasTold(t, "1 alice")
	}))
}

// CIM's own routes refuse repeated logins. So a user that they send here has left the
// connection that is still here, or at another node: it must not keep the user out.
func TestUserOfCIMsRouteReplacesWhatItLeft(t *testing.T) {
	for name, start := range map[string]func(*testing.T) *town{
		"before CIM's routes": func(t *testing.T) *town { w, _ := startCIM(t, nil); return w },
		"before ours alone":   func(t *testing.T) *town { return start(t, inOpenMode) },
	} {
		t.Run(name, inBubble(func(t *testing.T) {
			w := start(t)
			w.cim(t, 1)
			w.login(t, 3, 5)
			want := w.config.CIM.Offline != nil
			w.route.mu.Lock()
			defer w.route.mu.Unlock()
			for _, r := range w.route.reports {
				for _, o := range r.Opened {
					if o.Replaces != (want && o.Session.Device == proto.CIMDevice) {
						t.Errorf("reports %v", o)
					}
				}
			}
		}))
	}
}

func TestCIMsRouteIsToldAgainUntilTheUserIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, java := startCIM(t, nil)
		away := errors.New("connection refused")
		java.failing(func(int64) error { return away })
		alice, bob := w.cim(t, 1), w.cim(t, 2)
		synctest.Wait()
		hangUp(t, alice, bob)
		time.Sleep(3 * time.Second)
		w.cim(t, 1)
		time.Sleep(3 * time.Second)
		java.failing(nil)
		time.Sleep(2 * time.Second)
		java.wasTold(t, "2 bob")
		if got := w.offlineCount(t, "back"); got != 1 {
			t.Errorf("%v users were back, want 1", got)
		}
	})
}

func TestRouteOfCIMThatStaysAwayIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const users = 300
		w, java := startCIM(t, nil)
		java.failing(func(int64) error { return errors.New("connection refused") })
		var peers []*peer
		for user := range users {
			peers = append(peers, w.dial(t, &proto.Frame{RequestId: int64(user + 1), ReqMsg: "someone"}))
		}
		synctest.Wait()
		hangUp(t, peers...)
		time.Sleep(2 * giveUpAfter)
		synctest.Wait()
		if got := w.offlineCount(t, "dropped"); got != users {
			t.Errorf("%v users were given up, want %d", got, users)
		}
		java.mu.Lock()
		defer java.mu.Unlock()
		// Eight workers, and a pause that grows to a second, which is at least half of it.
		if most := callsAtATime * (2*int(giveUpAfter/time.Second) + 10); java.tries > most {
			t.Errorf("%d tries, want %d at most", java.tries, most)
		}
		if lines := strings.Count(java.log.String(), "were not told"); lines < 1 || lines > 4 {
			t.Errorf("the log has %d lines:\n%s", lines, java.log.String())
		}
	})
}

// If a call hangs, connections still end, closings are still reported, and the node
// ends within its time.
func TestSlowRouteOfCIMDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := startCIM(t, func(c *Config) {
			c.CIM.Offline = func(ctx context.Context, _ int64, _ string) error {
				<-ctx.Done()
				return ctx.Err()
			}
		})
		var peers []*peer
		for user := range 100 {
			peers = append(peers, w.dial(t, &proto.Frame{RequestId: int64(user + 1), ReqMsg: "someone"}))
		}
		synctest.Wait()
		begun := time.Now()
		hangUp(t, peers...)
		if got := len(w.route.closings()); got != len(peers) {
			t.Errorf("%d closings were reported, want %d", got, len(peers))
		}
		w.stop()
		if took := time.Since(begun); took > 10*time.Second {
			t.Errorf("the node ended after %v", took)
		}
		if got := w.offlineCount(t, "dropped"); got != float64(len(peers)) {
			t.Errorf("%v users were given up, want %d", got, len(peers))
		}
	})
}

func TestNodeThatEndsTellsCIMsRouteFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, java := startCIM(t, nil)
		java.failing(func(int64) error { time.Sleep(100 * time.Millisecond); return nil })
		var want []string
		for user := range int64(100) {
			w.dial(t, &proto.Frame{RequestId: user + 1, ReqMsg: "someone"})
			want = append(want, fmt.Sprintf("%d someone", user+1))
		}
		slices.Sort(want)
		synctest.Wait()
		w.stop()
		java.wasTold(t, want...)
	})
}

// offlineCount returns how many CIM connections ended with an outcome.
func (w *town) offlineCount(t *testing.T, outcome string) float64 {
	t.Helper()
	families, err := w.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == "cim_node_cim_offline_total" && m.GetLabel()[0].GetValue() == outcome {
				return m.GetCounter().GetValue()
			}
		}
	}
	t.Fatalf("no count of %q", outcome)
	return 0
}
