package order

import (
	"slices"
	"testing"

	"github.com/cim-go/cim/proto/vectors"
)

// self is the user who follows the log in the vectors.
const self = "42:"

const everyone = 1

// device is a minimal user of a Follower: a history, and whether it follows the log.
type device struct {
	t         *testing.T
	log       int64
	history   map[string]bool
	places    []Place // newest first
	followers map[int64]*Follower[vectors.Entry]
	shown     []string
	asked     []Place
}

func placeOf(e vectors.Entry) Place { return Place{Epoch: e.Epoch, Number: e.Number, Key: e.Key} }

func entryOf(e vectors.Entry, prev string) Entry[vectors.Entry] {
	return Entry[vectors.Entry]{At: placeOf(e), Prev: prev, Item: e}
}

func (d *device) follow(cursor, end Place) *Follower[vectors.Entry] {
	f := d.followers[d.log]
	if f == nil {
		f = New[vectors.Entry](Start(d.places, cursor, end, d.log == everyone)...)
		d.followers[d.log] = f
	}
	return f
}

func (d *device) login(l *vectors.Login) {
	var cursor Place
	for _, c := range l.Cursors {
		cursor = placeOf(c)
	}
	for _, end := range l.Newest {
		d.follow(cursor, placeOf(end)).Observe(placeOf(end))
	}
	if f := d.followers[d.log]; f != nil && len(l.Newest) == 0 && d.log > everyone {
		f.Doubt()
	}
}

func (d *device) push(e vectors.Entry, prev string) {
	before := Place{Epoch: e.Epoch, Number: e.Number - 1, Key: prev}
	var cursor Place
	if e.Kind == "join" && e.Key[:len(self)] == self {
		cursor = before
	}
	d.show(d.follow(cursor, before).Push(nil, entryOf(e, prev)))
}

func (d *device) page(p *vectors.Page) {
	var entries []Entry[vectors.Entry]
	for _, m := range p.Messages {
		entries = append(entries, entryOf(m, ""))
	}
	if end := p.End(); end.Number > 0 {
		entries = append(entries, entryOf(vectors.Entry{Epoch: end.Epoch, Number: end.Number, Key: end.Key, Kind: "hidden"}, ""))
	}
	ready, err := d.followers[d.log].Page(nil, entries, placeOf(p.Newest))
	if err != nil {
		d.t.Fatal(err)
	}
	d.show(ready)
}

func (d *device) refuse(code string) {
	switch f := d.followers[d.log]; {
	case code == "diverged":
		if !f.Diverged(d.places) {
			d.t.Fatal("nowhere to resume")
		}
	case f.Refused():
		delete(d.followers, d.log)
	}
}

func (d *device) show(ready []vectors.Entry) {
	for _, e := range ready {
		d.places = append([]Place{placeOf(e)}, d.places...)
		if e.Kind != "hidden" && !d.history[e.Key] {
			d.history[e.Key] = true
			d.shown = append(d.shown, e.Key)
		}
	}
}

// ask reads a page if one is due within ms.
func (d *device) ask(ms int) {
	if f := d.followers[d.log]; f != nil {
		if due, ok := f.Due(); ok && due <= ms {
			d.asked = append(d.asked, f.Ask())
		}
	}
}

func play(t *testing.T, c vectors.Case) {
	d := &device{t: t, log: c.Log, history: map[string]bool{}, followers: map[int64]*Follower[vectors.Entry]{}}
	for _, e := range c.Known {
		d.show([]vectors.Entry{e})
	}
	for i, step := range c.Steps {
		d.shown, d.asked = nil, nil
		ms := 0
		switch {
		case step.Login != nil:
			d.login(step.Login)
		case step.Push != nil:
			d.push(*step.Push, step.Prev)
		case step.Newest != nil:
			d.follow(Place{}, placeOf(*step.Newest)).Observe(placeOf(*step.Newest))
		case step.Page != nil:
			d.page(step.Page)
		case step.Refused != "":
			d.refuse(step.Refused)
		case step.Wait:
			ms = 4 * EarlyWait
		}
		d.ask(ms)
		var pulls []Place
		if step.Pull != nil {
			pulls = []Place{placeOf(*step.Pull)}
		}
		if !slices.Equal(d.shown, step.Show) || !slices.Equal(d.asked, pulls) {
			t.Fatalf("step %d: shown %q, want %q; asks behind %v, want %v", i+1, d.shown, step.Show, d.asked, pulls)
		}
		if f := d.followers[c.Log]; step.At != nil && f.Last() != placeOf(*step.At) {
			t.Fatalf("step %d: stands at %v, want %v", i+1, f.Last(), placeOf(*step.At))
		}
	}
}

func TestFollowerFollowsTheRulesOfOrder(t *testing.T) {
	for _, c := range vectors.Of(t, "client") {
		t.Run(c.Name, func(t *testing.T) { play(t, c) })
	}
}
