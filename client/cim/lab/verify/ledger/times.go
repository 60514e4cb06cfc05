package ledger

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// Promised times, and an allowance that is added to them, in us. The allowance is for
// writing records, and for a busy machine.
const (
	timeSlack     = 3_000_000
	reconciled    = 30_000_000 // a message that was not pushed is found
	firedSoon     = 1_000_000  // a delayed message is sent after its time
	firedAtLast   = 11_000_000 // the same, if the node that should have the message sent has died
	pausedIsLeft  = 15_000_000 // a device leaves a node that stands still
	recovers      = 10_000_000 // a fault may still have effects after its end
	clockRecovers = 40_000_000 // the same, if the store's clock jumped
)

// span is a time, both ends in us.
type span struct{ from, to int64 }

// hit is a fault from its beginning to its end.
type hit struct {
	span
	fault, note string
	on          device // zero: a server
	lasts       bool   // it has not ended yet
}

// strike records that a fault begins or ends.
func (j *Judge) strike(r Record) {
	if r.Kind == Broken {
		h := hit{span: span{r.Time, math.MaxInt64}, fault: r.Fault, note: r.Note, on: device{r.User, r.Device}, lasts: !r.Over}
		if r.Over {
			h.to = r.Time
		}
		j.hits = append(j.hits, h)
		return
	}
	for i := range j.hits {
		if h := &j.hits[i]; h.lasts && h.fault == r.Fault && h.note == r.Note {
			h.to, h.lasts = r.Time, false
		}
	}
}

// stall records that the time before r must not be counted, because the machine was too
// busy.
func (j *Judge) stall(r Record) {
	j.stalls = append(j.stalls, span{r.Time - r.Lasted, r.Time})
}

// counted returns the length of s without stalls.
func (j *Judge) counted(s span) int64 {
	n := s.to - s.from
	for _, stall := range j.stalls {
		n -= max(0, min(s.to, stall.to)-max(s.from, stall.from))
	}
	return max(0, n)
}

// troubles returns the spans, in order of time, in which there is a reason for a broken
// promise to a device. Such a span is a fault of a server or of the device, the time after
// it, or a time without a connection.
func (j *Judge) troubles(reader *reader) []span {
	list := slices.Clone(reader.offline)
	if reader.away == math.MaxInt64 {
		list = append(list, span{reader.left, math.MaxInt64})
	}
	for _, h := range j.hits {
		if h.on != (device{}) && h.on != reader.device {
			continue
		}
		after := int64(recovers)
		if h.fault == "clock-skew" {
			after = clockRecovers
		}
		end := h.to
		if end < math.MaxInt64-after {
			end += after
		}
		list = append(list, span{h.from, end})
	}
	slices.SortFunc(list, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	return list
}

// calmIn returns the longest time within s in which a device had none of the troubles.
// Time counts as on the run's clock.
func (j *Judge) calmIn(s span, troubles []span) int64 {
	longest, from := int64(0), s.from
	for _, t := range troubles {
		if t.from >= s.to {
			break
		}
		if t.from > from {
			longest = max(longest, j.counted(span{from, t.from}))
		}
		from = max(from, t.to)
	}
	if from < s.to {
		longest = max(longest, j.counted(span{from, s.to}))
	}
	return longest
}

// judgeTimes judges whether a device was shown its messages in time.
func (v *Verdict) judgeTimes(j *Judge, reader *reader) {
	troubles := j.troubles(reader)
	for _, m := range reader.shown {
		if _, ok := m.took(reader); !ok {
			continue
		}
		stored, since := m.accepted, "it was accepted"
		if m.delay > 0 && m.at == m.shownFirst {
			v.judgeFiring(j, reader, m, troubles)
			continue
		}
		if m.delay > 0 {
			stored, since = m.shownFirst, "others were shown it"
		}
		if s := (span{stored, m.at}); s.to-s.from > reconciled && j.calmIn(s, troubles) > reconciled+timeSlack {
			v.violate("late", "%v was shown %v %v after %s, with nothing in the way for more than %v",
				reader, m.message, micros(s.to-s.from), since, micros(reconciled))
		}
	}
}

// judgeFiring judges when a delayed message was shown to the first device. The latest
// allowed time follows from the answer to its sender, because the message was scheduled by
// then. Other devices may be shown the message later, like any message in a log.
func (v *Verdict) judgeFiring(j *Judge, reader *reader, m showing, troubles []span) {
	due := max(m.accepted+m.delay, m.due())
	if m.at <= due+firedSoon || j.adrift(m.message) {
		return
	}
	soon := span{due - firedAtLast, min(m.at, due+firedSoon+timeSlack)}
	late := m.at > due+firedSoon+timeSlack && j.counted(span{due, m.at}) > firedSoon+timeSlack && j.calmIn(soon, troubles) >= j.counted(soon)
	if late || j.calmIn(span{due, m.at}, troubles) > firedAtLast+timeSlack {
		v.violate("late", "%v was shown %v %v behind its time", reader, m.message, micros(m.at-due))
	}
}

// visit is a connection of a device to a node.
type visit struct {
	node string
	span // from when it began; to has a fixed large value while it lasts
}

// judgePauses judges whether devices left nodes that stood still.
func (v *Verdict) judgePauses(j *Judge, reader *reader) {
	for _, h := range j.hits {
		node, paused := strings.CutSuffix(h.note, " paused")
		if !paused || h.fault != "node-pause" {
			continue
		}
		for _, visit := range reader.visits {
			held := span{h.from, min(h.to, visit.to)}
			if visit.node == node && visit.from < h.from && held.to > held.from && j.counted(held) > pausedIsLeft+timeSlack && !j.hitIn(reader.device, held) {
				v.violate("held", "%v stayed on %s for %v, which stood still", reader, node, micros(held.to-held.from))
			}
		}
	}
}

// hitIn reports whether a fault hit the device itself in the span.
func (j *Judge) hitIn(d device, s span) bool {
	return slices.ContainsFunc(j.hits, func(h hit) bool { return h.on == d && h.from < s.to && h.to > s.from })
}
