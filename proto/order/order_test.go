package order

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

// These tests are for rules without a case in proto/vectors.

func at(number int64) Place { return Place{Epoch: 1, Number: number, Key: fmt.Sprint("8:", number)} }

func entry(number int64) Entry[int64] {
	return Entry[int64]{At: at(number), Prev: at(number - 1).Key, Item: number}
}

func TestResumePointsSpreadOut(t *testing.T) {
	var known []Place
	for n := int64(100); n > 36; n-- {
		known = append(known, at(n))
	}
	known = append(known, at(1))
	var got []int64
	for _, p := range resumePoints(at(100), known) {
		got = append(got, p.Number)
	}
	if want := []int64{99, 98, 96, 92, 84, 68, 1, 0}; !slices.Equal(got, want) {
		t.Errorf("tries %v, want %v", got, want)
	}
	if got := resumePoints(at(5), nil); len(got) != 1 || got[0] != (Place{}) {
		t.Errorf("without a history tries %v", got)
	}
}

func TestWaitDoublesUntilSomethingIsTaken(t *testing.T) {
	f := New[int64](at(1))
	f.Push(nil, entry(3))
	for _, want := range []int{50, 100, 200, 400, 800, 1600, 3200, 5000, 5000} {
		if ms, due := f.Due(); ms != want || !due {
			t.Errorf("due in %d ms: %v, want %d", ms, due, want)
		}
		f.Ask()
		if _, due := f.Due(); due || !f.Lacks() {
			t.Errorf("due while a page is under way: %v, lacks %v", due, f.Lacks())
		}
		f.Page(nil, nil, at(1))
	}
	f.Push(nil, entry(2))
	f.Push(nil, entry(5))
	if ms, due := f.Due(); ms != EarlyWait || !due {
		t.Errorf("due in %d ms: %v", ms, due)
	}
}

func TestMoreBytesThanCanWaitAreRead(t *testing.T) {
	f := New[int64](at(1))
	large := func(n int64) Entry[int64] {
		e := entry(n)
		e.Size = MaxEarlySize / 2
		return e
	}
	for range 2 {
		f.Push(nil, large(3))
		f.Push(nil, large(4))
		if ms, due := f.Due(); ms == 0 || !due || f.size != MaxEarlySize {
			t.Fatalf("due in %d ms: %v, %d bytes wait", ms, due, f.size)
		}
	}
	f.Push(nil, large(5))
	if ms, due := f.Due(); ms > 0 || !due || f.size != MaxEarlySize {
		t.Errorf("due in %d ms: %v, %d bytes wait", ms, due, f.size)
	}
	f.Push(nil, entry(2))
	if f.size != 0 {
		t.Errorf("%d bytes wait where nothing waits", f.size)
	}
}

func TestMoreThanCanWaitIsRead(t *testing.T) {
	f := New[int64](at(1))
	for n := int64(3); n < MaxEarly+3; n++ {
		f.Push(nil, entry(n))
	}
	if ms, due := f.Due(); ms == 0 || !due {
		t.Fatalf("due in %d ms: %v", ms, due)
	}
	f.Push(nil, entry(MaxEarly+3))
	if ms, due := f.Due(); ms > 0 || !due || len(f.early) != MaxEarly {
		t.Errorf("due in %d ms: %v, %d wait", ms, due, len(f.early))
	}
}

func TestPageThatTellsNothingOfWhatIsThereIsAnError(t *testing.T) {
	f := New[int64](at(1))
	f.Observe(at(3))
	f.Ask()
	if _, err := f.Page(nil, nil, at(3)); !errors.Is(err, ErrNoProgress) {
		t.Errorf("error %v", err)
	}
	if ms, due := f.Due(); ms > 0 || !due {
		t.Errorf("due in %d ms: %v", ms, due)
	}
}

func TestPageThatFailedIsDueAgain(t *testing.T) {
	f := New[int64](at(1))
	f.Doubt()
	f.Ask()
	f.Failed()
	if ms, due := f.Due(); ms > 0 || !due {
		t.Errorf("due in %d ms: %v", ms, due)
	}
}

// No page is needed if pushes reach an end before the page is read.
func TestEndThatPushesReach(t *testing.T) {
	other := at(3)
	other.Key = "8:other"
	for end, lacks := range map[Place]bool{at(3): false, other: true, at(4): true} {
		f := New[int64](at(1))
		f.Observe(end)
		f.Observe(at(2))
		ready := f.Push(nil, entry(2))
		ready = f.Push(ready, entry(3))
		if !slices.Equal(ready, []int64{2, 3}) || f.Lacks() != lacks {
			t.Errorf("end %v: took %v, lacks %v", end, ready, f.Lacks())
		}
	}
}

func TestSkipForgetsWhatIsMissing(t *testing.T) {
	f := New[int64](at(1))
	f.Observe(at(4))
	f.Push(nil, entry(6))
	if got := f.Furthest(); got != at(6) {
		t.Errorf("furthest is %v", got)
	}
	f.Doubt()
	f.Skip(f.Furthest())
	if f.Lacks() || len(f.early) > 0 {
		t.Errorf("lacks %v, %d wait", f.Lacks(), len(f.early))
	}
	if ready := f.Push(nil, entry(7)); len(ready) != 1 {
		t.Errorf("took %v", ready)
	}
}

// Neither the next entry nor a repeated one allocates after the list of places has grown.
func TestPushOfTheNextEntryDoesNotAllocate(t *testing.T) {
	f, ready, n := New[int64](at(1)), make([]int64, 0, 1), int64(1)
	entries := make([]Entry[int64], 3000)
	for i := range entries {
		entries[i] = entry(int64(i + 2))
	}
	push := func() {
		ready = f.Push(ready[:0], entries[n-1])
		ready = f.Push(ready, entries[n-1])
		n++
	}
	for range 2 * Kept {
		push()
	}
	if allocs := testing.AllocsPerRun(2000, push); allocs > 0 || len(ready) != 1 {
		t.Errorf("%v allocations, took %v", allocs, ready)
	}
}
