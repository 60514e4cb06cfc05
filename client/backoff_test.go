package client

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
)

func TestDelaysGrowToHalfAMinute(t *testing.T) {
	for n, most := range []time.Duration{500, 1000, 2000, 4000, 8000, 16000, 30000, 30000} {
		most *= time.Millisecond
		var longest time.Duration
		for range 200 { // none of them in the last tenth: once in 10^9
			longest = max(longest, nextDelay(n))
		}
		if longest > most || longest < most*9/10 {
			t.Errorf("try %d: waits up to %v, want %v", n, longest, most)
		}
	}
}

func TestWhatComesAfterAnError(t *testing.T) {
	lost := errors.New("connection reset")
	for name, tt := range map[string]struct {
		err    error
		row    int
		now    bool // at once
		never  bool
		blames bool // the node
	}{
		"lost":           {err: lost, now: true, blames: true},
		"lost again":     {err: lost, row: 1, now: true, blames: true},
		"lost a lot":     {err: lost, row: 50, blames: true},
		"node leaves":    {err: proto.Err(proto.GoingAway, ""), now: true, blames: true},
		"ticket expired": {err: proto.Err(proto.TicketExpired, ""), now: true},
		"unknown now":    {err: proto.Err(4099, ""), now: true},
		"full":           {err: proto.Err(proto.Full, ""), row: 50, blames: true},
		"no route":       {err: fmt.Errorf("x: %w", ErrNoRoute), row: 50, blames: true}, // never asked about a node
		"replaced":       {err: proto.Err(proto.Replaced, ""), never: true},
		"unknown never":  {err: proto.Err(4250, ""), never: true},
		"our own":        {err: &fatalError{lost}, never: true, blames: true},
		"told when":      {err: &codeError{proto.Err(proto.Overloaded, ""), time.Minute}},
	} {
		delay, again := retryDelay(tt.err, tt.row)
		if again == tt.never || tt.now && delay != 0 {
			t.Errorf("%s: %v, %v", name, delay, again)
		}
		if got := nodeFailed(tt.err); got != tt.blames {
			t.Errorf("%s: blames the node: %v", name, got)
		}
	}
	for row, most := range []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second} {
		delay, _ := retryDelay(&codeError{proto.Err(proto.Overloaded, ""), time.Minute}, row)
		if delay < time.Minute || delay > time.Minute+most {
			t.Errorf("refusal %d: told to come in a minute, comes in %v", row, delay)
		}
	}
}

func TestAvoidListForgetsAndIsBounded(t *testing.T) {
	var a avoidList
	now := time.Unix(0, 0)
	for n := range 20 {
		a.addAt(fmt.Sprint(n), now)
	}
	a.addAt("10", now.Add(time.Second))
	if got := a.at(now); len(got) != avoidMax || got[0] != "4" || got[avoidMax-1] != "10" {
		t.Errorf("avoids %v", got)
	}
	if got := a.at(now.Add(avoidFor)); !slices.Equal(got, []string{"10"}) {
		t.Errorf("later avoids %v", got)
	}
}

func TestPulse(t *testing.T) {
	start := time.Unix(0, 0)
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	p := pulse{interval: 10 * time.Second, wrote: at(0)}
	for _, tt := range []struct {
		heard, now, next int
		ping, dead       bool
	}{
		{heard: 0, now: 4, next: 10},
		{heard: 8, now: 10, next: 15, ping: true}, // nothing written
		{heard: 8, now: 14, next: 15},
		{heard: 14, now: 15, next: 20}, // any frame is an answer; wrote is 10
		{heard: 14, now: 20, next: 25, ping: true},
		{heard: 14, now: 25, next: 25, dead: true},
	} {
		ping, dead, next := p.beat(at(tt.heard), at(tt.now))
		if ping != tt.ping || dead != tt.dead || !next.Equal(at(tt.next)) {
			t.Errorf("at %d: ping %v, dead %v, next %v", tt.now, ping, dead, next.Sub(start))
		}
		if ping {
			p.wrote = at(tt.now)
		}
	}
}
