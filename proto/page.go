package proto

import (
	"errors"
	"fmt"
)

// NewPage returns a page of entries, which are in the order of their log. It shares memory
// with them.
func NewPage(newest, through Position, oldest int64, entries []*Stored) *Page {
	p := &Page{Newest: newest.Mark(), Through: through.Mark(), Oldest: oldest, Entries: make([]*PageEntry, len(entries))}
	list := make([]PageEntry, len(entries))
	last := int64(0)
	for i, e := range entries {
		into, number := &list[i], e.GetAt().GetNumber()
		into.Key, into.Entry = e.GetKey(), e.GetEntry()
		if number != last+1 || i == 0 {
			into.Number, into.Prev = number, e.GetPrev()
		}
		p.Entries[i], last = into, number
	}
	return p
}

// Pulled returns the page in the form that JSON has. It leaves out entries that cannot be
// read. The error names them.
func (p *Page) Pulled() (PulledMessages, error) {
	newest := p.GetNewest().Position()
	pulled := PulledMessages{
		Epoch: newest.Epoch, Oldest: p.GetOldest(), Newest: newest, Through: p.GetThrough().Position(),
		Messages: make([]Message, 0, len(p.GetEntries())),
	}
	var unreadable []error
	at, prev := newest, ""
	for _, e := range p.GetEntries() {
		at.Number++
		if e.Number != 0 {
			at.Number, prev = e.Number, e.Prev
		}
		at.Key = e.Key
		m, err := message(at, prev, e.Entry)
		if prev = e.Key; err != nil {
			unreadable = append(unreadable, fmt.Errorf("entry %d of log %d: %w", at.Number, at.Log, err))
			continue
		}
		pulled.Messages = append(pulled.Messages, m)
	}
	return pulled, errors.Join(unreadable...)
}
