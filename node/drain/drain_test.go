package drain

import (
	"slices"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
)

func TestDepartureIsDueUntilItWasNoted(t *testing.T) {
	var none *Departure
	now := time.Now()
	if !none.Due(now) || none.Tried() != nil || none.Announced() || none.moved(proto.OK) {
		t.Error("a session that was never sent away is not as one that was not")
	}
	d := new(Departure)
	d.Note(now.Add(moveTime), "n2")
	d.Note(now.Add(2*moveTime), "")
	if d.Due(now.Add(moveTime)) || !d.Due(now.Add(2*moveTime)) || !slices.Equal(d.Tried(), []string{"n2"}) {
		t.Errorf("departure %+v", d)
	}
	for code, want := range map[proto.Code]bool{proto.OK: true, proto.Replaced: true, proto.GoingAway: false} {
		if got := d.moved(code); got != want {
			t.Errorf("closed with %v: moved %v, want %v", code, got, want)
		}
	}
}

func TestBudgetIsKeptForOneStepOnly(t *testing.T) {
	start := time.Now()
	d := New(Config[Session]{Rate: 100})
	d.refill = start
	for _, step := range []struct {
		after time.Duration
		spent float64
		want  int
	}{{0, 0, 0}, {100 * time.Millisecond, 10, 10}, {150 * time.Millisecond, 0, 5}, {10 * time.Second, 0, 11}} {
		if got := d.allowed(start.Add(step.after)); got != step.want {
			t.Errorf("after %v: %d may go, want %d", step.after, got, step.want)
		}
		d.budget -= step.spent
	}
}

func TestOnlyAnAnswerThatWaitingDoesNotChangeRefusesADrain(t *testing.T) {
	for code, want := range map[proto.Code]bool{proto.NoNode: true, proto.Unauthorized: true, proto.Unavailable: false} {
		if got := refused(proto.Err(code, "")); got != want {
			t.Errorf("%v: refused %v, want %v", code, got, want)
		}
	}
}
