package record

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/entry"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
)

// onLogs runs ops[i] on logs[i] for each i. It makes the logs that do not exist and
// runs their ops again. An op whose user has no account gets ErrNoUser.
func (s *Store) onLogs(ctx context.Context, name string, logs []logref.Ref, ops []*op.Op) {
	s.onLogsBy(ctx, s.Run, name, logs, ops, true)
}

// onLogsBy does what onLogs does. The parameter run is DB.Run or DB.Accept. The parameter
// again is passed to makeLogs.
func (s *Store) onLogsBy(ctx context.Context, run func(context.Context, string, ...*op.Op), name string, logs []logref.Ref, ops []*op.Op, again bool) {
	run(ctx, name, ops...)
	var missing []logref.Ref
	var retries []*op.Op
	for i, o := range ops {
		if o.NoLog() {
			missing = append(missing, logs[i])
			retries = append(retries, o)
		}
	}
	if len(missing) == 0 {
		return
	}
	var ready []*op.Op
	for i, err := range s.makeLogs(ctx, missing, again) {
		retries[i].Err = err
		if err == nil {
			ready = append(ready, retries[i])
		}
	}
	run(ctx, name, ready...)
	for _, o := range ready {
		if o.NoLog() { // the log was lost again, so a failover is going on
			o.Err = fmt.Errorf("log of %s was lost: %w", o.Key, ErrUnavailable)
		}
	}
}

// makeLogs makes the logs that do not exist, with a genesis entry and a new epoch. It
// makes an inbox only for a user with an account. Of the logs of groups, it makes only
// the log of everyone, because CreateGroup makes the others. The parameter again says
// that the logs existed once and were lost. An inbox then records that (see
// Opening.Start). The result has one error per log, which is nil, ErrNoUser, ErrNoGroup,
// ErrUnavailable or ErrUnknown. Repeating the call is harmless.
func (s *Store) makeLogs(ctx context.Context, logs []logref.Ref, again bool) []error {
	errs := s.haveAccounts(ctx, logs)
	genesis, err := s.genesis(ctx)
	if err != nil {
		for i := range errs {
			errs[i] = err
		}
		return errs
	}
	s.sweepLater(ctx, logs, errs, s.retention.Age)
	ops := make([]*op.Op, len(logs))
	var todo []*op.Op
	for i, l := range logs {
		ops[i] = l.Script(makeScript, proto.Epoch(rand.Uint64()).String(), genesis, again && l.User != 0)
		if l.User != 0 {
			ops[i].Keys = append(ops[i].Keys, l.Relations())
		}
		if errs[i] == nil {
			todo = append(todo, ops[i])
		}
	}
	s.Run(ctx, "make", todo...)
	for i, o := range ops {
		if errs[i] == nil && o.Err != nil {
			errs[i] = fmt.Errorf("make log %s: %w", o.Key, o.Err)
		}
		if errs[i] == nil && op.Text(o.Reply[0]) == "erased" {
			errs[i] = fmt.Errorf("make log %s: %w", o.Key, ErrErased)
		}
	}
	return errs
}

// againTime is how long an inbox counts as made again after a loss. Entries from right
// after the loss are too old by then, and were removed. That is so unless Retention.Age
// is longer than againTime.
const againTime = 31 * 24 * time.Hour

// genesis returns the first entry of a new log, encoded.
func (s *Store) genesis(ctx context.Context) ([]byte, error) {
	now, err := s.Time(ctx)
	if err != nil {
		return nil, err
	}
	return proto.EncodeStored(entry.GenesisKey, &proto.Entry{Time: now, Kind: proto.Kind_GENESIS})
}

// haveAccounts returns an error for each log that must not be made: ErrNoUser for the
// inbox of a user without an account, ErrNoGroup for a group other than everyone.
func (s *Store) haveAccounts(ctx context.Context, logs []logref.Ref) []error {
	errs := make([]error, len(logs))
	var users []int64
	var of []int
	for i, l := range logs {
		switch {
		case l.User != 0:
			users = append(users, l.User)
			of = append(of, i)
		case l.Group != proto.Everyone:
			errs[i] = fmt.Errorf("group %d: %w", l.Group, ErrNoGroup)
		}
	}
	_, found := s.AccountsByID(ctx, users)
	for i, err := range found {
		errs[of[i]] = err
	}
	return errs
}
