package order

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// After any sequence of appends, losses, pushes and pages, a device has shown the log's
// final entries once and in order. The number of pages is bounded. With CIM_TEST_LONG=1
// the test takes a million steps. A failure prints its seed.
func TestEveryEntryOfTheLogIsShownOnceInOrder(t *testing.T) {
	set(t, "rapid.checks", "1000")
	if os.Getenv("CIM_TEST_LONG") != "" {
		set(t, "rapid.checks", "20000")
		set(t, "rapid.steps", "50")
	}
	rapid.Check(t, func(t *rapid.T) {
		s := newStory()
		t.Repeat(map[string]func(*rapid.T){
			"":          s.check,
			"append":    func(t *rapid.T) { s.append(t, rapid.IntRange(1, 8).Draw(t, "n")) },
			"burst":     func(t *rapid.T) { s.append(t, rapid.SampledFrom([]int{3, 3, 70, 300}).Draw(t, "n")) },
			"push":      s.push,
			"push all":  s.pushAll,
			"observe":   s.observe,
			"ask":       func(*rapid.T) { s.ask(3) },
			"answer":    s.answer,
			"read":      s.read,
			"trim":      s.trim,
			"lose tail": s.loseTail,
			"lose log":  s.loseLog,
			"restart":   func(*rapid.T) { s.restart() },
		})
		s.settle(t)
	})
}

func set(t *testing.T, name, value string) {
	old := flag.Lookup(name).Value.String()
	if err := flag.Set(name, value); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { flag.Set(name, old) })
}

// stored is an entry of the reference log.
type stored = Entry[string]

// story is a reference log, a device that follows it, and the messages in flight between
// them.
type story struct {
	epoch   uint64
	trimmed int64
	entries []stored

	made   int              // number of entries ever made
	ever   map[Place]bool   // places that the log ever had
	lost   []Place          // lost places; their keys may be sent again
	again  map[string]bool  // keys that were sent again, and may be shown before others
	flight []stored         // pushes in flight
	told   []Place          // ends that were reported
	page   func(t *rapid.T) // the answer in flight; nil: none

	f      *Follower[stored]
	taken  map[Place]bool // since f was made or rewound
	places []Place        // newest first
	has    map[string]bool
	shown  []string
}

func newStory() *story {
	return &story{
		epoch: 1, ever: map[Place]bool{}, again: map[string]bool{}, has: map[string]bool{},
		f: New[stored](), taken: map[Place]bool{},
	}
}

func (s *story) end() Place {
	if n := len(s.entries); n > 0 {
		return s.entries[n-1].At
	}
	return Place{Epoch: s.epoch, Number: s.trimmed}
}

func (s *story) append(t *rapid.T, n int) {
	for range n {
		s.made++
		key := fmt.Sprintf("8:%d", s.made)
		if n := len(s.lost); n > 0 && rapid.IntRange(0, 3).Draw(t, "again") == 0 {
			// The same key at the same number looks as if it had not been lost.
			old := s.lost[n-1].Key
			if !s.ever[Place{s.epoch, s.end().Number + 1, old}] && !s.stored(old) {
				key, s.lost, s.again[old] = old, s.lost[:n-1], true
			}
		}
		e := stored{At: Place{s.epoch, s.end().Number + 1, key}, Prev: s.end().Key}
		e.Item = key
		s.entries = append(s.entries, e)
		s.ever[e.At] = true
		if rapid.IntRange(0, 4).Draw(t, "unpushed") > 0 {
			s.flight = append(s.flight, e)
		}
	}
	s.told = append(s.told, s.end())
}

func (s *story) stored(key string) bool {
	return slices.ContainsFunc(s.entries, func(e stored) bool { return e.Item == key })
}

// push delivers any push in flight. It may stay in flight and come again.
func (s *story) push(t *rapid.T) {
	if len(s.flight) == 0 {
		return
	}
	i := rapid.IntRange(0, len(s.flight)-1).Draw(t, "which")
	e := s.flight[i]
	if rapid.Bool().Draw(t, "last") {
		s.flight = slices.Delete(s.flight, i, i+1)
	}
	s.deliver(t, e)
}

func (s *story) pushAll(t *rapid.T) {
	for _, e := range s.flight {
		s.deliver(t, e)
	}
	s.flight = nil
}

func (s *story) deliver(t *rapid.T, e stored) {
	from := s.f.Last()
	ready := s.f.Push(nil, Entry[stored]{At: e.At, Prev: e.Prev, Size: 1, Item: e})
	for i, r := range ready {
		if r.At.Number != from.Number+1+int64(i) || from.Number > 0 && r.At.Epoch != from.Epoch {
			t.Fatalf("%v is taken behind %v", r.At, from)
		}
	}
	s.show(t, ready)
}

func (s *story) show(t *rapid.T, ready []stored) {
	for _, e := range ready {
		if !s.ever[e.At] || s.taken[e.At] {
			t.Fatalf("%v is taken: ever there %v, taken before %v", e.At, s.ever[e.At], s.taken[e.At])
		}
		s.taken[e.At] = true
		s.places = append([]Place{e.At}, s.places...)
		s.places = s.places[:min(len(s.places), Kept+1)]
		if !s.has[e.Item] {
			s.has[e.Item] = true
			s.shown = append(s.shown, e.Item)
		}
	}
}

// observe reports the log's current end or an earlier one.
func (s *story) observe(t *rapid.T) {
	end := s.end()
	if n := len(s.told); n > 0 && rapid.Bool().Draw(t, "late") {
		end = s.told[rapid.IntRange(max(0, n-4), n-1).Draw(t, "which")]
	}
	s.f.Observe(end)
}

// ask reads a page of up to limit entries from the log. The answer is then in flight.
func (s *story) ask(limit int) {
	if _, due := s.f.Due(); !due {
		return
	}
	after, from := s.f.Ask(), s.f.Last()
	i := slices.IndexFunc(s.entries, func(e stored) bool { return e.At == after })
	known := i >= 0 || after.Number == 0 || after.Epoch == s.epoch && after.Number <= s.trimmed
	if !known {
		s.page = func(t *rapid.T) { s.f.Diverged(s.places) }
		return
	}
	var entries []Entry[stored]
	for _, e := range s.entries[i+1 : min(len(s.entries), i+1+limit)] {
		entries = append(entries, Entry[stored]{At: e.At, Item: e})
	}
	end := s.end()
	s.page = func(t *rapid.T) {
		if after != from { // resumed
			clear(s.taken)
		}
		ready, err := s.f.Page(nil, entries, end)
		if err != nil && end.Number <= s.f.Last().Number {
			t.Fatalf("%v behind %v, where the log ended at %v", err, after, end)
		}
		s.show(t, ready)
	}
}

// answer delivers the answer in flight, or a failure.
func (s *story) answer(t *rapid.T) {
	page := s.page
	if s.page = nil; page == nil {
		return
	}
	if rapid.IntRange(0, 4).Draw(t, "fails") == 0 {
		s.f.Failed()
		return
	}
	page(t)
}

// read reads some pages while the log is due.
func (s *story) read(t *rapid.T) {
	for range rapid.IntRange(1, 4).Draw(t, "pages") {
		if s.page == nil {
			s.ask(rapid.IntRange(1, 100).Draw(t, "limit"))
		}
		if s.page != nil {
			s.page(t)
			s.page = nil
		}
	}
}

func (s *story) trim(t *rapid.T) {
	n := rapid.IntRange(0, len(s.entries)).Draw(t, "n")
	if n == len(s.entries) {
		n = max(0, n-1) // the page's last entry comes as its end
	}
	s.entries, s.trimmed = slices.Clone(s.entries[n:]), s.trimmed+int64(n)
}

func (s *story) loseTail(t *rapid.T) {
	n := rapid.IntRange(0, len(s.entries)).Draw(t, "n")
	if s.trimmed > 0 {
		n = min(n, len(s.entries)-1)
	}
	for _, e := range s.entries[len(s.entries)-n:] {
		s.lost = append(s.lost, e.At)
	}
	s.entries = s.entries[:len(s.entries)-n]
}

func (s *story) loseLog(t *rapid.T) {
	if rapid.IntRange(0, 3).Draw(t, "really") > 0 {
		return
	}
	for _, e := range s.entries {
		s.lost = append(s.lost, e.At)
	}
	s.epoch, s.trimmed, s.entries = s.epoch+1, 0, nil
}

// restart starts a new process with the places that the history has kept.
func (s *story) restart() {
	s.f, s.page = New[stored](s.places...), nil
	clear(s.taken)
	s.f.Observe(s.end())
}

func (s *story) check(t *rapid.T) {

	if len(s.f.early) > MaxEarly || len(s.f.kept) > 2*Kept {
		t.Fatalf("%d early, %d kept", len(s.f.early), len(s.f.kept))
	}
	if _, due := s.f.Due(); s.f.Lacks() != (due || s.f.asked) {
		t.Fatal("it lacks something, and nothing is due")
	}
	size := 0
	for number, e := range s.f.early {
		size += e.Size
		if number <= s.f.Last().Number+1 {
			t.Fatalf("%d waits behind %v", number, s.f.Last())
		}
	}
	if size != s.f.size {
		t.Fatalf("%d bytes wait, counted as %d", size, s.f.size)
	}
}

// settle reports the end, answers until nothing is due, and compares the results.
func (s *story) settle(t *rapid.T) {
	if s.page != nil {
		s.page(t)
		s.page = nil
	}
	s.f.Observe(s.end())
	for tries := len(s.places) + len(s.entries) + 10; ; tries-- {
		ms, due := s.f.Due()
		if !due || ms > 0 && s.f.Furthest().Number > s.end().Number { // early entries wait for a lost one
			break
		}
		if tries == 0 {
			t.Fatal("asks without an end")
		}
		s.ask(100)
		s.page(t)
		s.page = nil
	}
	var want, got []string
	for _, e := range s.entries {
		switch {
		case !s.has[e.Item]:
			t.Fatalf("%v is not shown; stands at %v, the log ends at %v", e.At, s.f.Last(), s.end())
		case !s.again[e.Item]:
			want = append(want, e.Item)
		}
	}
	for _, key := range s.shown {
		if slices.Contains(want, key) {
			got = append(got, key)
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("shown %v, want %v", got, want)
	}
}
