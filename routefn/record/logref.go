package record

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"

	"github.com/cim-go/cim/proto"
)

// logRef names a log: a user's inbox or a group's.
type logRef struct {
	user  int64 // zero: the group's
	group int64
}

// tag is what both keys of a log share, and with it the slot.
func (l logRef) tag() string {
	if l.user != 0 {
		return strconv.FormatInt(l.user, 10)
	}
	return "g" + strconv.FormatInt(l.group, 10)
}

// key returns a key of the log: all of them are in one slot.
func (l logRef) key(name string) string { return "cim:{" + l.tag() + "}:" + name }

func (l logRef) list() string { return l.key("l") }
func (l logRef) hash() string { return l.key("h") }

// members is the key of a group's members.
func (l logRef) members() string { return l.key("m") }

// leases is the key of the nodes that a group is pushed to.
func (l logRef) leases() string { return "cim:{" + l.tag() + "}:n" }

// end is the key that says, for a day, that a group with this id was deleted.
func (l logRef) end() string { return "cim:{" + l.tag() + "}:end" }

// closed reports whether the log is that of a group which has members.
func (l logRef) closed() bool { return l.user == 0 && l.group != proto.Everyone }

// watchers is the hash's field that says whom to push to.
func (l logRef) watchers() string {
	if l.user != 0 {
		return "live"
	}
	return textOfLeases
}

// groupScript returns an op that runs sc on a group's list, hash and further keys.
func (l logRef) groupScript(sc *script, further []string, args ...any) *op {
	o := l.script(sc, args...)
	o.keys = append(o.keys, further...)
	return o
}

// script returns an op that runs sc on the log's list and hash.
func (l logRef) script(sc *script, args ...any) *op {
	return &op{key: l.list(), script: sc, keys: []string{l.list(), l.hash()}, args: args, write: true}
}

// hashScript returns an op that runs sc on the log's hash alone: a script that
// needs one key is never refused while its slot moves.
func (l logRef) hashScript(sc *script, args ...any) *op {
	return &op{key: l.hash(), script: sc, keys: []string{l.hash()}, args: args, write: true}
}

// position returns a place in the log.
func (l logRef) position(epoch proto.Epoch, number int64, key string) proto.Position {
	return proto.Position{Log: l.group, Epoch: epoch, Number: number, Key: key}
}

// onLogs runs ops, ops[i] on logs[i], makes the logs that are not there and runs
// their ops again. An op whose user has no account gets ErrNoUser.
func (s *Store) onLogs(ctx context.Context, name string, logs []logRef, ops []*op) {
	s.onLogsBy(ctx, s.run, name, logs, ops)
}

// onLogsBy is onLogs for ops that run takes to the store: Store.run or Store.accept.
func (s *Store) onLogsBy(ctx context.Context, run func(context.Context, string, ...*op), name string, logs []logRef, ops []*op) {
	run(ctx, name, ops...)
	var missing []logRef
	var again []*op
	for i, o := range ops {
		if o.noLog() {
			missing = append(missing, logs[i])
			again = append(again, o)
		}
	}
	if len(missing) == 0 {
		return
	}
	var ready []*op
	for i, err := range s.makeLogs(ctx, missing) {
		again[i].err = err
		if err == nil {
			ready = append(ready, again[i])
		}
	}
	run(ctx, name, ready...)
	for _, o := range ready {
		if o.noLog() { // lost again: a failover is going on
			o.err = fmt.Errorf("log of %s was lost: %w", o.key, ErrUnavailable)
		}
	}
}

// makeLogs makes the logs that are not there, with a genesis entry and a new
// epoch. An inbox is made only for a user with an account; a group's log only by
// CreateGroup, but for everyone's. It returns an error a log: nil, ErrNoUser,
// ErrNoGroup, ErrUnavailable or ErrUnknown; a repetition is harmless.
func (s *Store) makeLogs(ctx context.Context, logs []logRef) []error {
	errs := s.haveAccounts(ctx, logs)
	genesis, err := s.genesis(ctx)
	if err != nil {
		for i := range errs {
			errs[i] = err
		}
		return errs
	}
	s.sweepLater(ctx, logs, errs, s.retention.Age)
	ops := make([]*op, len(logs))
	var todo []*op
	for i, l := range logs {
		ops[i] = l.script(makeScript, proto.Epoch(rand.Uint64()).String(), genesis)
		if errs[i] == nil {
			todo = append(todo, ops[i])
		}
	}
	s.run(ctx, "make", todo...)
	for i, o := range ops {
		if errs[i] == nil && o.err != nil {
			errs[i] = fmt.Errorf("make log %s: %w", o.key, o.err)
		}
	}
	return errs
}

// genesisKey is the key of the first entry of every log.
const genesisKey = "0:genesis"

// genesis returns the first entry of a log as stored.
func (s *Store) genesis(ctx context.Context) ([]byte, error) {
	now, err := s.now(ctx)
	if err != nil {
		return nil, err
	}
	return proto.EncodeStored(genesisKey, &proto.Entry{Time: now, Kind: proto.Kind_GENESIS})
}

// haveAccounts returns ErrNoUser for each inbox of a user without an account, and
// ErrNoGroup for groups.
func (s *Store) haveAccounts(ctx context.Context, logs []logRef) []error {
	errs := make([]error, len(logs))
	var users []int64
	var of []int
	for i, l := range logs {
		switch {
		case l.user != 0:
			users = append(users, l.user)
			of = append(of, i)
		case l.group != proto.Everyone:
			errs[i] = fmt.Errorf("group %d: %w", l.group, ErrNoGroup)
		}
	}
	_, found := s.AccountsByID(ctx, users)
	for i, err := range found {
		errs[of[i]] = err
	}
	return errs
}

// parseEpoch reads an epoch as the store keeps it; what cannot be read is zero.
func parseEpoch(s string) proto.Epoch {
	n, err := strconv.ParseUint(s, 16, 64)
	if err != nil {
		return 0
	}
	return proto.Epoch(n)
}

// integer reads a number out of an answer; nil and what cannot be read are zero.
func integer(reply any) int64 {
	switch v := reply.(type) {
	case int64:
		return v
	case string:
		n, _ := strconv.ParseInt(v, 10, 64)
		return n
	default:
		return 0
	}
}
