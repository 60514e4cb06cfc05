package op

import (
	"context"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"
)

// timeKey chooses the server that routes ask for the time. It is the key of the secret
// that all routes share, so that all of them ask the same server.
const timeKey = "cim:{key}"

// Now returns the time that Clock returns, which is zero if no reading counts.
func (d *DB) Now() int64 {
	ms, _ := d.Clock()
	return ms
}

// Clock returns the time of the store in ms since 1970. It computes it from readings of
// the servers' clocks in the last minute, and returns zero and false if there are none.
// It does not block.
func (d *DB) Clock() (ms int64, ok bool) { return d.Times.At(d.Times.Moment()) }

// Time returns the time of the store in ms since 1970. It asks the store only if no
// reading counts, because there was none for a minute or the process stood still. The
// error is ErrUnavailable.
func (d *DB) Time(ctx context.Context) (int64, error) {
	if ms, ok := d.Clock(); ok {
		return ms, nil
	}
	ask := Read(timeKey, askTime)
	d.Run(ctx, "clock", ask)
	if ask.Err != nil {
		return 0, fmt.Errorf("ask store for its time: %w", ask.Err)
	}
	return ClockMs(ask.Reply[0]), nil // this answer is right even if the wall clock was set meanwhile
}

// RunTimed runs ops, and also reads the clock of each server to which they go. For each
// op it returns an op with the answer of that server to TIME, or with an error.
func (d *DB) RunTimed(ctx context.Context, name string, ops []*Op) []*Op {
	clocks := make([]*Op, len(ops))
	all := slices.Clone(ops)
	of := make(map[*redis.Client]*Op, 1)
	for i, o := range ops {
		client, err := d.Topology.Master(ctx, o.Key)
		if err != nil { // the op o fails in that case, too
			clocks[i] = &Op{Err: err}
			continue
		}
		if of[client] == nil {
			of[client] = Read(o.Key, askTime)
			all = append(all, of[client])
		}
		clocks[i] = of[client]
	}
	d.Run(ctx, name, all...)
	return clocks
}
