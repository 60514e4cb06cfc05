package record

import (
	"context"
	"fmt"
	"time"

	"github.com/cim-go/cim/proto"
)

// Shards does what Due does, for delayed messages.
func (s *Store) Shards(ctx context.Context) (due []int, next time.Duration, err error) {
	return s.Due(ctx, Messages)
}

// Take takes at most limit messages of a shard that are due, in their order. It skips
// the first skip of them. It takes or renews the lease of the shard for holder, and for
// ten seconds no other holder can take messages. A taken message can no longer be
// cancelled. Until it is finished, every holder of the lease takes it again with the
// same Time. So Append can find it, however late, because it searches back to that
// time. Time is by the store's clock, as in all logs, and not by that of the shard's
// own server.
//
// Taken messages have Again set. If none is due, Take releases the lease. It returns
// ErrHeld while another holder has the lease, ErrUnavailable or ErrUnknown.
func (s *Store) Take(ctx context.Context, shard int, holder string, skip, limit int) ([]Delayed, error) {
	now, err := s.now(ctx)
	if err != nil {
		return nil, fmt.Errorf("take from shard %d: %w", shard, err)
	}
	jobs, shardTime, err := s.take(ctx, queueRef{Messages, shardRef(shard)}, holder, skip, limit, now)
	if err != nil {
		return nil, err
	}
	var list []Delayed
	for _, j := range jobs {
		d := newDelayed(j.Key, j.Due, j.taken, j.Payload)
		d.State, d.Late, d.Again = proto.StateFiring, time.Duration(shardTime-d.Due)*time.Millisecond, true // Due is by that clock, too
		list = append(list, d)
	}
	return list, nil
}

// Release ends the lease of a shard if holder has it.
func (s *Store) Release(ctx context.Context, shard int, holder string) error {
	_, err := s.Take(ctx, shard, holder, 0, 0)
	return err
}

// Finish removes messages that Take returned. A message that is in its logs has the
// code OK. A message that is dropped has the code of the reason. The errors are
// ErrUnavailable and ErrUnknown; repeating is harmless.
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

// newDelayed reads a message as the store keeps it. If the message cannot be decoded,
// only its key is left, and Append refuses it.
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
