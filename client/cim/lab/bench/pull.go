package bench

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cim-go/cim/client/cim/lab/bench/procstat"
	"github.com/cim-go/cim/proto"
)

// Each reader has a log of readEntries entries, and reads all of it again and again.
const (
	readers     = 8
	readEntries = 1000
)

// pull returns the loads in which devices read logs, as they do when they come back.
func (b *bench) pull() []load {
	as := func(format string, page func(context.Context, puller, int, proto.PullMessages) (*proto.PulledMessages, error)) load {
		return load{
			Name:  "pull, " + format,
			About: fmt.Sprintf("%d users, each reads %d messages of its log, in pages of %d, as %s", readers, readEntries, proto.MaxPull, format),
			forms: b.systems(1),
			run: func(ctx context.Context, s system) ([]Figure, Check, error) {
				return b.read(ctx, &reading{system: s.(puller), page: page})
			},
		}
	}
	return []load{as("JSON", pageOfJSON), as("protobuf", pageOfProtobuf)}
}

// puller is a system in which the i-th user, who is logged in, can read its log. The type
// of answer decides the format.
type puller interface {
	system
	post(ctx context.Context, i int, path string, in, answer any) error
}

func pageOfJSON(ctx context.Context, s puller, i int, q proto.PullMessages) (*proto.PulledMessages, error) {
	page := new(proto.PulledMessages)
	return page, s.post(ctx, i, proto.PathPull, q, page)
}

func pageOfProtobuf(ctx context.Context, s puller, i int, q proto.PullMessages) (*proto.PulledMessages, error) {
	page := new(proto.Page)
	if err := s.post(ctx, i, proto.PathPull, q, page); err != nil {
		return nil, err
	}
	read, err := page.Pulled()
	return &read, err
}

// reading is the traffic of users who read their logs.
type reading struct {
	system puller
	page   func(ctx context.Context, s puller, i int, q proto.PullMessages) (*proto.PulledMessages, error)
	after  [readers]proto.Position // where each begins

	mu    sync.Mutex
	took  procstat.Histogram
	check Check
}

func (b *bench) read(ctx context.Context, r *reading) ([]Figure, Check, error) {
	if err := r.system.register(ctx, readers); err != nil {
		return nil, Check{}, err
	}
	if err := b.fill(ctx, r.system, readers, readEntries); err != nil {
		return nil, Check{}, fmt.Errorf("fill the logs: %w", err)
	}
	for i := range r.after {
		end, err := r.page(ctx, r.system, i, proto.PullMessages{Limit: 1})
		if err != nil {
			return nil, Check{}, err
		}
		r.after[i] = proto.Position{Epoch: end.Epoch, Number: end.Newest.Number - readEntries}
	}
	if err := r.during(ctx, b.WarmUp); err != nil {
		return nil, Check{}, err
	}
	watch, err := startWatch(r.system.processes())
	if err != nil {
		return nil, Check{}, err
	}
	if err := r.during(ctx, b.Duration); err != nil {
		return nil, Check{}, err
	}
	used, err := watch.read()
	if err != nil {
		return nil, Check{}, err
	}
	logs := int64(r.took.Count())
	figures := append([]Figure{rate("logs", logs, used.took)}, used.perEvent("a log", logs)...)
	return append(figures, latency("read", &r.took)...), r.check, nil
}

// during reads logs for the time d, each at least once.
func (r *reading) during(ctx context.Context, d time.Duration) error {
	r.took.Reset()
	until := time.Now().Add(d)
	group, ctx := errgroup.WithContext(ctx)
	for i := range readers {
		group.Go(func() error {
			for again := true; again; again = time.Now().Before(until) {
				if err := r.log(ctx, i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// log reads the latest readEntries entries of a log.
func (r *reading) log(ctx context.Context, i int) error {
	begun, after := time.Now(), r.after[i]
	var c Check
	for left := int64(readEntries); left > 0; {
		page, err := r.page(ctx, r.system, i, proto.PullMessages{After: after})
		if err != nil {
			return err
		}
		for _, m := range page.Messages {
			c.Messages++
			rise(&c, &after.Number, m.At.Number)
		}
		if left = page.Newest.Number - after.Number; len(page.Messages) == 0 {
			break
		}
	}
	c.Lost = max(0, readEntries-c.Messages)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.took.Record(time.Since(begun))
	r.check.add(c)
	return nil
}
