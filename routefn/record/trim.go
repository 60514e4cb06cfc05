package record

import (
	"context"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
)

// A log is trimmed whenever it has grown by trimEvery entries. So it may have that many
// entries more than Retention.Count.
const trimEvery = 64

// trimLook bounds how many entries one trim reads to find their age. 1,000 entries take
// a real server about a millisecond.
const trimLook = 1024

// trim shortens logs to their retention. If that fails, trim logs a warning, and a later
// call trims the log. The messages that made the log grow stay stored.
//
// An entry is removed for its age only if three clocks agree that it is too old. These
// are the clock of the log's server, the time of the store, and the wall clock of this
// process. So one clock that is wrong now removes no entry early. If a clock is behind, a
// later trim removes the entry. It is different if the store's clock was behind when an
// entry was written: the entry's own time is too early then, and it is removed too early.
// An entry with the right time before it prevents that, because removing begins with the
// oldest entry and stops at the first one that is young enough.
func (s *Store) trim(ctx context.Context, logs []logref.Ref) {
	ops := make([]*op.Op, len(logs))
	for i, l := range logs {
		ops[i] = s.trimming(l)
	}
	s.Run(ctx, "trim", ops...)
	for _, o := range ops {
		if o.Err != nil {
			s.log.Warn("log was not trimmed", "key", o.Key, "err", o.Err)
		}
		s.unfetched.observe(o)
	}
}

// trimming returns the op that shortens a log to its retention.
func (s *Store) trimming(l logref.Ref) *op.Op {
	o := l.Script(trimScript, s.retention.Count, s.retention.Age, s.Times.Earliest(), trimLook)
	if s.bounded(l) {
		o.Keys = append(o.Keys, boundKeys(l)...)
	}
	if l.User != 0 {
		o.Args = append(o.Args, strconv.FormatInt(l.User, 10))
	}
	return o
}

// unfetched counts messages that were removed from inboxes before any device had fetched
// them. It counts at most trimLook messages per trim.
type unfetched struct{ *prometheus.CounterVec }

func newUnfetched() unfetched {
	u := unfetched{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "cim_store_unfetched_removed_total",
		Help: "Messages that were removed from inboxes before any device had fetched them, because of -keep-count or -keep-days.",
	}, []string{"why"})}
	for _, why := range []string{"count", "age"} {
		u.WithLabelValues(why)
	}
	return u
}

// observe counts what an op of trimming removed.
func (u unfetched) observe(o *op.Op) {
	if o.Err == nil {
		u.WithLabelValues("count").Add(float64(op.Integer(o.Reply[4])))
		u.WithLabelValues("age").Add(float64(op.Integer(o.Reply[5])))
	}
}
