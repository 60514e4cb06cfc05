package record

import (
	"context"
)

// trimEvery is how many entries a log grows between trims, and so how many it
// may have above its retention.
const trimEvery = 64

// trimLook bounds how many entries one trim looks at for their age: 1,000 take a
// real server about a millisecond.
const trimLook = 1024

// grown reports whether the batch took its log past a multiple of trimEvery.
func (b *batch) grown() bool {
	var first, last int64
	for _, d := range b.drafts {
		if c := d.copy[b.which]; c != nil { // not one that was refused
			if first == 0 {
				first = c.Stored.At.Number
			}
			last = c.Stored.At.Number
		}
	}
	return first > 0 && (first-1)/trimEvery != last/trimEvery
}

// trim shortens logs to their retention. What fails is trimmed next time: the
// messages that made the log grow are stored all the same.
//
// An entry is too old when it is so by the clock of the log's server, by that of
// the store and by the wall clock of this process. So none of them, however wrong,
// drops anything early; one that is behind only leaves it to those who trim next.
// What was written while the store's clock itself was behind is taken for as old as
// it says, unless an older entry with a right time stands before it.
func (s *Store) trim(ctx context.Context, logs []logRef) {
	ops := make([]*op, len(logs))
	other := s.clock.earliest()
	for i, l := range logs {
		ops[i] = l.script(trimScript, s.retention.Count, s.retention.Age, other, trimLook)
	}
	s.run(ctx, "trim", ops...)
	for _, o := range ops {
		if o.err != nil {
			s.log.Warn("log was not trimmed", "key", o.key, "err", o.err)
		}
	}
}
