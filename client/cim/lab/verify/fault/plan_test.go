package fault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/retry"
)

func targets(n int) func(Class) int {
	return func(c Class) int {
		switch c {
		case Store, Clock, ZooKeeper, Gossip, Crowd, Proxy:
			return 1
		default:
			return n
		}
	}
}

// The seed alone decides: everything strikes, nothing that is struck is struck
// again before it is healed, and one node and one route always stand.
func TestPlanStrikesEverythingAndLeavesOneStanding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		n := rapid.IntRange(2, 60).Draw(t, "targets")
		duration := time.Duration(rapid.IntRange(10, 300).Draw(t, "seconds")) * time.Second
		plan := Plan(seed, duration, All(), targets(n))
		if again := Plan(seed, duration, All(), targets(n)); fmt.Sprint(again) != fmt.Sprint(plan) {
			t.Fatal("the same seed gave another plan")
		}
		for i, s := range plan {
			if s.end() > duration || s.Target < 0 || s.Target >= targets(n)(s.Fault.Hits()) {
				t.Fatalf("strike %+v in %v", s, duration)
			}
			down := map[int]bool{s.Target: true}
			for _, earlier := range plan[:i] {
				if earlier.Fault.Hits() != s.Fault.Hits() || earlier.end() <= s.At {
					continue
				}
				if down[earlier.Target] {
					t.Fatalf("%+v strikes what %+v struck", s, earlier)
				}
				down[earlier.Target] = true
			}
			if c := s.Fault.Hits(); (c == Nodes || c == Routes) && len(down) == n {
				t.Fatalf("no %s stands at %v", c, s.At)
			}
		}
		if n < 40 {
			return // others may hold all targets whenever a fault's turn comes
		}
		for _, f := range All() {
			if targets(n)(f.Hits()) == 1 {
				continue // another fault of its class may be there first
			}
			if !slices.ContainsFunc(plan, func(s Strike) bool { return s.Fault == f }) {
				t.Errorf("%s never strikes in %v", f.Name(), duration)
			}
		}
	})
}

// stub is a fault of the store that fails to heal a number of times.
type stub struct {
	redisKill
	failures *int
}

func (s stub) Inject(context.Context, *World, Strike) (Wound, error) {
	return Wound{What: "stub", Heal: func(context.Context) error {
		if *s.failures--; *s.failures >= 0 {
			return errors.New("not yet")
		}
		return nil
	}}, nil
}

func TestRunHealsEverythingOrSaysSo(t *testing.T) {
	for failures, healed := range map[int]bool{0: true, 3: true, 1000: false} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			left := failures
			plan := []Strike{{At: time.Second, Lasts: 5 * time.Second, Fault: stub{failures: &left}}}
			var told []bool
			begun := time.Now()
			err := Run(ctx, nil, plan, Told{
				Broken: func(Fault, Wound) { told = append(told, false) },
				Healed: func(Fault, Wound) { told = append(told, true) },
			})
			if (err == nil) != healed || len(told) == 0 || told[len(told)-1] != healed {
				t.Errorf("after %d failures: %v, told %v", failures, err, told)
			}
			if took := time.Since(begun); healed && took != time.Duration(6+failures)*time.Second {
				t.Errorf("healed after %v", took)
			}
		})
	}
}

// A run that is ended heals at once.
func TestEndOfTrafficHealsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		left := 0
		begun := time.Now()
		plan := []Strike{
			{At: time.Second, Lasts: time.Hour, Fault: stub{failures: &left}},
			{At: time.Minute, Fault: stub{failures: &left}, Target: 1},
		}
		n := 0
		count := func(Fault, Wound) { n++ }
		if err := Run(ctx, nil, plan, Told{Broken: count, Healed: count}); err != nil || n != 2 {
			t.Errorf("%v, told %d times", err, n)
		}
		if took := time.Since(begun); took != 2*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// A lasting fault goes on until it is healed, and reports an error once.
func TestWhatLastsEndsWhenItIsHealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failure, times := errors.New("failed"), 0
		heal := during(t.Context(), func(ctx context.Context) error {
			for retry.Sleep(ctx, time.Second) {
				times++
			}
			return failure
		})
		time.Sleep(5500 * time.Millisecond)
		if first, then := heal(t.Context()), heal(t.Context()); times != 5 || !errors.Is(first, failure) || then != nil {
			t.Errorf("done %d times, healed with %v and %v", times, first, then)
		}
	})
}

// unable is a fault that cannot happen, broken one that breaks and then fails.
type unable struct{ stub }

func (unable) Inject(context.Context, *World, Strike) (Wound, error) {
	return Wound{}, errors.New("no target")
}

type broken struct{ stub }

func (broken) Inject(context.Context, *World, Strike) (Wound, error) {
	return Wound{What: "broken", Heal: func(context.Context) error { return nil }}, errors.New("half done")
}

// A fault that cannot happen is told and spoils nothing; one that broke something
// and failed ends the run.
func TestFaultThatCannotHappenIsMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		missed := 0
		tell := Told{Missed: func(Fault, error) { missed++ }}
		if err := Run(ctx, nil, []Strike{{Fault: unable{}}}, tell); err != nil || missed != 1 {
			t.Errorf("missed %d times: %v", missed, err)
		}
		if err := Run(ctx, nil, []Strike{{Fault: broken{}}}, tell); err == nil || missed != 1 {
			t.Errorf("missed %d times: %v", missed, err)
		}
	})
}

// A fault whose first target still heals strikes late; a later strike is left out.
func TestFirstStrikeWaitsForItsTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		left := 5 // seconds of healing
		slow, other := stub{failures: &left}, later{}
		var struck []string
		err := Run(ctx, nil, []Strike{{Fault: slow}, {At: time.Second, Fault: other}, {At: 2 * time.Second, Fault: other}}, Told{
			Broken: func(f Fault, _ Wound) { struck = append(struck, f.Name()) }, Healed: func(Fault, Wound) {},
		})
		if err != nil || !slices.Equal(struck, []string{"redis-kill", "later"}) {
			t.Errorf("%v: %v", struck, err)
		}
	})
}

// later is another fault of the same target.
type later struct{ redisKill }

func (later) Name() string { return "later" }
func (later) Inject(context.Context, *World, Strike) (Wound, error) {
	return Wound{What: "later"}, nil
}

// ofDevice is a stub that hits a device.
type ofDevice struct{ stub }

func (ofDevice) Name() string { return "of-device" }
func (ofDevice) Hits() Class  { return Devices }

// goner is a device that is told for good not to come back.
type goner struct{ ofDevice }

func (goner) Inject(context.Context, *World, Strike) (Wound, error) {
	return Wound{What: "goner", Heal: func(context.Context) error { return proto.Err(proto.UnknownUser, "") }}, nil
}

// A device cannot be healed while the servers it needs are not, and has its time after
// them. One that was sent away for good has none.
func TestDevicesHealAfterTheServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		server, device := 50, 90 // seconds of healing
		plan := []Strike{{Fault: stub{failures: &server}}, {Fault: ofDevice{stub{failures: &device}}}}
		tell := Told{Broken: func(Fault, Wound) {}, Healed: func(Fault, Wound) {}}
		if err := Run(ctx, nil, plan, tell); err != nil {
			t.Errorf("the device had no time: %v", err)
		}
		begun := time.Now()
		if err := Run(t.Context(), nil, []Strike{{Fault: goner{}}}, tell); err == nil {
			t.Error("a device that was sent away is healed")
		}
		if took := time.Since(begun); took > time.Second {
			t.Errorf("it was tried for %v", took)
		}
	})
}
