package record

import (
	"testing"
	"time"

	"github.com/cim-go/cim/routefn/record/storetest"
)

// All connections of the pool die during a pause. The next write arrives, once, without
// being marked as a repetition.
func TestWriteSurvivesConnectionsThatDiedIdle(t *testing.T) {
	p := newProxy(t, storetest.Server.Addr())
	s := dial(t, Config{URL: "redis://" + p.listener.Addr().String(), PoolSize: 2, ProbeIdle: time.Nanosecond})
	flush(t, s)
	alice, bob := register(t, s, "alice"), register(t, s, "bob")
	p.cut()
	m := private(alice, bob, "thawed")
	stored(t, s, m)
	wantKeys(t, inbox(t, s, bob), m.key())
	p.cut()
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("ping: %v", err)
	}
}
