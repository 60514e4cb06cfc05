package admission

import (
	"testing"
	"time"
)

// refuse makes a request that is refused, and returns how long it waited.
func refuse(t *testing.T, b *Brake, now time.Time) time.Duration {
	t.Helper()
	wait, ok := b.Enter(1, now)
	if !ok {
		t.Fatal("too many wait")
	}
	b.Leave(1, now.Add(wait), wait > 0, true)
	return wait
}

// A user may be refused a hundred times at once. The requests after that wait for turns,
// ten per second, and twenty of them at most.
func TestRefusalsAreSlowedDown(t *testing.T) {
	var b Brake
	now := time.Now()
	for i := range refusalBurst {
		if wait := refuse(t, &b, now); wait != 0 {
			t.Fatalf("refusal %d waits for %v", i, wait)
		}
	}
	if wait := refuse(t, &b, now); wait != 0 {
		t.Errorf("the next one waits for %v", wait)
	}
	for i := range 20 {
		want := time.Duration(i+1) * refusalEvery
		if wait, ok := b.Enter(1, now); wait != want || !ok {
			t.Fatalf("request %d waits for %v, %v; want %v", i, wait, ok, want)
		}
	}
	if wait, ok := b.Enter(1, now); ok || wait <= longestBrake {
		t.Errorf("one more waits for %v, %v", wait, ok)
	}
	if wait, ok := b.Enter(2, now); wait != 0 || !ok {
		t.Errorf("another user waits for %v, %v", wait, ok)
	}
	later := now.Add(time.Minute)
	for i := range refusalBurst {
		if wait := refuse(t, &b, later); wait != 0 {
			t.Fatalf("a minute later, refusal %d waits for %v", i, wait)
		}
	}
}

// Requests that are served cost nothing, also those that had to wait.
func TestServedRequestsAreNotSlowedDown(t *testing.T) {
	var b Brake
	now := time.Now()
	for range 10 * refusalBurst {
		if wait, ok := b.Enter(1, now); wait != 0 || !ok {
			t.Fatalf("a user who was never refused waits for %v, %v", wait, ok)
		}
		b.Leave(1, now, false, false)
	}
	for range refusalBurst + 1 {
		refuse(t, &b, now)
	}
	for range 10 {
		if wait, ok := b.Enter(1, now); wait != refusalEvery || !ok {
			t.Fatalf("it waits for %v, %v", wait, ok)
		}
		b.Leave(1, now, true, false)
	}
}
