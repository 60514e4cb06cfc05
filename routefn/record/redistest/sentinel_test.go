package redistest

import (
	"testing"
	"time"
)

// A primary dies while its replicas are behind, and the writes that they never received
// are lost. One replica is promoted, with all that the replicas had. The old primary
// becomes its replica.
func TestLostPrimaryIsReplacedByAReplica(t *testing.T) {
	t.Parallel() // the test mostly waits
	ctx := t.Context()
	s, err := NewSentinel(ctx, t.TempDir(), 2)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	old, err := s.Primary(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := old.ask(ctx, "set", "kept", "1").Err(); err != nil {
		t.Fatal(err)
	}
	awaitReplicas(t, s.servers)
	writing := make(chan error)
	time.AfterFunc(100*time.Millisecond, func() { writing <- old.ask(ctx, "set", "tail", "1").Err() })
	lost, err := s.Lose(ctx, 300*time.Millisecond)
	if err != nil || lost != old {
		t.Fatalf("lost %v: %v", lost, err)
	}
	if err := <-writing; err != nil {
		t.Errorf("the primary did not take a write in its last moment: %v", err)
	}
	begun := time.Now()
	if err := s.Rejoin(ctx, lost); err != nil {
		t.Fatal(err)
	}
	t.Logf("the old primary is a replica after %v", time.Since(begun))
	primary, err := s.Primary(ctx)
	if err != nil || primary == old {
		t.Fatalf("primary is %v: %v", primary, err)
	}
	for _, server := range s.servers {
		kept, err := server.ask(ctx, "exists", "kept").Int()
		if tail, _ := server.ask(ctx, "exists", "tail").Int(); kept != 1 || tail != 0 || err != nil {
			t.Errorf("%s: kept %d, tail %d: %v", server.addr, kept, tail, err)
		}
	}
}
