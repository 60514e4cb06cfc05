package fault

import (
	"context"
	"errors"
	"time"

	"github.com/cim-go/cim/routefn/record/redistest"
)

// noServers returns the reason why no server of the store can be harmed, or an empty text
// if one can.
func (w *World) noServers() string {
	c := w.cluster
	if c.Redis() == nil && c.Sentinel() == nil && c.RedisCluster() == nil {
		return "the store is no redis-server of this run"
	}
	return ""
}

// lone reports whether the store is a single server, without Sentinels or other masters
// that watch it.
func (w *World) lone() bool { return w.cluster.Redis() != nil }

// A store that Sentinels or other masters watch is hit for at most watchedFor. After a
// longer time they would promote a replica, which is another fault.
const watchedFor = 1200 * time.Millisecond

// until returns how long a strike that stops the store lasts.
func (w *World) until(s Strike) time.Duration {
	if w.lone() {
		return s.Lasts
	}
	return min(s.Lasts, watchedFor)
}

// harm calls the function hit for each primary. It returns a wound that heals the
// primaries that were hit.
func (w *World) harm(ctx context.Context, hit, undo func(*redistest.Server, context.Context) error) (heal func(context.Context) error, err error) {
	servers, err := w.cluster.Primaries(ctx)
	if err != nil {
		return nil, err
	}
	var harmed []*redistest.Server
	heal = func(ctx context.Context) error {
		var errs error
		for _, s := range harmed {
			errs = errors.Join(errs, undo(s, ctx))
		}
		return errs
	}
	for _, s := range servers {
		harmed = append(harmed, s)
		if err := hit(s, ctx); err != nil {
			return nil, errors.Join(err, heal(ctx))
		}
	}
	return heal, nil
}
