package record

import (
	"context"
	"fmt"
	"time"

	"github.com/cim-go/cim/proto"
)

// lookAgain is how soon to look at a shard again that did not answer.
const lookAgain = time.Second

// Shards is Due for delayed messages.
func (s *Store) Shards(ctx context.Context) (due []int, next time.Duration, err error) {
	return s.Due(ctx, Messages)
}

// Take takes at most limit messages of a shard that are due, in their order,
// passing over the first skip of them. It takes or renews the lease of the shard for
// holder: for ten seconds nobody else takes any. What is taken can no longer be
// cancelled, and is taken again by whoever has the lease until it is finished:
// with the same Time, so that Append, told to look for it, finds it however late. It is
// the time of the store, as that of all that stands in logs, and not the clock of the
// shard's own server: Append looks back as far as times of entries say.
//
// Taken messages come with Again set. When none is due the lease is given back.
// It returns ErrHeld while another holder has the lease, ErrUnavailable or
// ErrUnknown.
func (s *Store) Take(ctx context.Context, shard int, holder string, skip, limit int) ([]Delayed, error) {
	now, err := s.now(ctx)
	if err != nil {
		return nil, fmt.Errorf("take from shard %d: %w", shard, err)
	}
	jobs, clock, err := s.take(ctx, queueRef{Messages, shardRef(shard)}, holder, skip, limit, now)
	if err != nil {
		return nil, err
	}
	var list []Delayed
	for _, j := range jobs {
		d := newDelayed(j.Key, j.Due, j.taken, j.Payload)
		d.State, d.Late, d.Again = proto.StateFiring, time.Duration(clock-d.Due)*time.Millisecond, true // Due is by that clock, too
		list = append(list, d)
	}
	return list, nil
}

// Release gives the lease of a shard back, if holder has it.
func (s *Store) Release(ctx context.Context, shard int, holder string) error {
	_, err := s.Take(ctx, shard, holder, 0, 0)
	return err
}

// Finish removes messages that Take returned: those that are in their logs, with
// the code OK, and those that never will be, with the code that says why. The
// errors are ErrUnavailable and ErrUnknown; repeating is harmless.
func (s *Store) Finish(ctx context.Context, list []Finishing) []error {
	errs := make([]error, len(list))
	ops := make([]*op, len(list))
	for i, f := range list {
		ops[i] = shardOf(f.From).script(finishScript, f.From, f.key, f.ID, int64(f.Code))
	}
	s.run(ctx, "finish", ops...)
	for i, o := range ops {
		if o.err != nil {
			errs[i] = fmt.Errorf("finish %s: %w", list[i].key, o.err)
		}
	}
	return errs
}

// newDelayed reads a message as the store keeps it. Of one that cannot be read
// only the key is left, and Append will refuse it.
func newDelayed(key string, due, taken int64, entry string) Delayed {
	d := Delayed{Due: due, key: key}
	d.From, d.ID, _ = proto.ParseKey(key)
	e, err := decodeEntry([]byte(entry))
	if err != nil {
		return d
	}
	d.FromName, d.To, d.Group, d.Text, d.Time = e.GetFromName(), e.GetTo(), e.GetGroup(), e.GetText(), taken
	d.Confirm, d.taken = e.GetConfirm(), taken != 0
	return d
}
