package record

import (
	"context"
	"fmt"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/delayed"
	"github.com/cim-go/cim/routefn/record/entry"
	"github.com/cim-go/cim/routefn/record/queue"
)

// Shards returns the shards in which delayed messages are due, and the time until the
// next one is due: see Due.
func (s *Store) Shards(ctx context.Context) (due []int, next time.Duration, err error) {
	return s.Due(ctx, queue.Messages)
}

// Take takes due messages of a shard, in their order. The parameter skip is how many of
// the first messages it skips, and limit is how many it takes at most. It also takes or
// renews the lease of the shard, for the process that the parameter holder names. For ten
// seconds no other holder can take messages of the shard.
//
// A taken message can no longer be cancelled. Until it is finished, it is taken again by
// every later call, with the same Time. Append searches for a repetition back to that
// Time, so it finds the message even much later. Time is by the store's clock, as in all
// logs, and not by the clock of the shard's own server.
//
// Taken messages have Again set. If none is due, Take releases the lease. The error is
// ErrHeld while another holder has the lease. Further errors are ErrUnavailable and
// ErrUnknown.
func (s *Store) Take(ctx context.Context, shard int, holder string, skip, limit int) ([]Delayed, error) {
	now, err := s.Time(ctx)
	if err != nil {
		return nil, fmt.Errorf("take from shard %d: %w", shard, err)
	}
	jobs, shardTime, err := s.TakeMessages(ctx, shard, holder, skip, limit, now)
	if err != nil {
		return nil, err
	}
	var list []Delayed
	for _, j := range jobs {
		d := newDelayed(j.Key, j.Due, j.Taken, j.Payload)
		d.State, d.Late, d.Again = proto.StateFiring, time.Duration(shardTime-d.Due)*time.Millisecond, true // Due is by the shard's clock, too
		list = append(list, d)
	}
	return list, nil
}

// Release ends the lease of a shard if the holder has it.
func (s *Store) Release(ctx context.Context, shard int, holder string) error {
	_, err := s.Take(ctx, shard, holder, 0, 0)
	return err
}

// Finish removes messages that Take returned, and records how they ended. The code of a
// Finishing is OK if the message is in its logs. Otherwise the code is the reason why the
// message is dropped. The errors are ErrUnavailable and ErrUnknown. Repeating it is
// harmless.
func (s *Store) Finish(ctx context.Context, list []Finishing) []error {
	ends := make([]delayed.End, len(list))
	for i, f := range list {
		ends[i] = delayed.End{User: f.From, ID: f.ID, Key: f.key, Code: f.Code}
	}
	return s.later.Finish(ctx, ends)
}

// newDelayed decodes a delayed message. If the parameter encoded is malformed, only the
// key is set, and Append refuses the message.
func newDelayed(key string, due, taken int64, encoded string) Delayed {
	d := Delayed{Due: due, key: key}
	d.From, d.ID, _ = proto.ParseKey(key)
	e, err := entry.Decode([]byte(encoded))
	if err != nil {
		return d
	}
	d.FromName, d.To, d.Group, d.Text, d.Time = e.GetFromName(), e.GetTo(), e.GetGroup(), e.GetText(), taken
	d.Confirm, d.taken = e.GetConfirm(), taken != 0
	return d
}
