package record

import (
	"context"
)

// A log is trimmed each time that it has grown by trimEvery entries. So it may have
// that many above its retention.
const trimEvery = 64

// trimLook bounds how many entries one trim reads for their age. 1,000 take a real
// server about a millisecond.
const trimLook = 1024

// trim shortens logs to their retention. If a trim fails, the log is trimmed the next
// time, and its new messages are stored all the same.
//
// An entry is too old only if three clocks agree: that of the log's server, that of the
// store, and the wall clock of this process. So one wrong clock never drops an entry
// early. If a clock is behind, a later trim drops the entry. Entries that were written
// while the store's clock was behind have their written time, unless an older entry
// with a right time stands before them.
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
