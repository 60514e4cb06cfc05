package fault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cim-go/cim/proto/retry"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/ring/mirror"
)

type zkStop struct{}

func (zkStop) Name() string            { return "zk-stop" }
func (zkStop) Story() string           { return "ZooKeeper is killed, for longer than a session at times" }
func (zkStop) Hits() Class             { return ZooKeeper }
func (zkStop) Missing(w *World) string { return w.noZK }
func (zkStop) Rhythm() Rhythm {
	return Rhythm{Every: Span{15 * time.Second, 35 * time.Second}, Lasts: Span{time.Second, 14 * time.Second}}
}

func (zkStop) Inject(_ context.Context, w *World, _ Strike) (Wound, error) {
	w.cluster.ZooKeeper().Kill()
	return Wound{What: "ZooKeeper killed", Heal: w.cluster.ZooKeeper().Restart}, nil
}

type zkExpire struct{}

func (zkExpire) Name() string { return "zk-expire" }
func (zkExpire) Story() string {
	return "ZooKeeper stands still (SIGSTOP) until every session has expired; the nodes register again"
}
func (zkExpire) Hits() Class             { return ZooKeeper }
func (zkExpire) Missing(w *World) string { return cmp.Or(w.noPause(), w.noZK) }
func (zkExpire) Rhythm() Rhythm {
	return Rhythm{Every: Span{18 * time.Second, 40 * time.Second}, Lasts: Span{10 * time.Second, 15 * time.Second}}
}

// sessionTime is longer than the time after which a node's session expires.
const sessionTime = 9 * time.Second

func (zkExpire) Inject(ctx context.Context, w *World, _ Strike) (Wound, error) {
	server := w.cluster.ZooKeeper()
	before, err := server.Owners(ctx, mirror.DefaultRoot)
	if err != nil {
		return Wound{}, err
	}
	if err := server.Pause(); err != nil {
		return Wound{}, err
	}
	expired := time.Now().Add(sessionTime)
	return Wound{What: "ZooKeeper paused", Heal: func(ctx context.Context) error {
		if !retry.Sleep(ctx, time.Until(expired)) {
			return ctx.Err()
		}
		if err := server.Resume(); err != nil {
			return err
		}
		err := w.registeredAnew(ctx, before)
		if errors.Is(err, errOutlived) {
			expired = time.Now().Add(sessionTime)
			err = errors.Join(err, server.Pause())
		}
		return err
	}}, nil
}

// errOutlived means that a session did not expire. When a paused server continues, it may
// read a node's bytes first and check its clock only afterwards.
var errOutlived = errors.New("the session from before lives on")

// registeredAnew returns nil if every node that runs is in ZooKeeper with a new session.
// The parameter before has the old sessions.
func (w *World) registeredAnew(ctx context.Context, before map[string]int64) error {
	owners, err := w.cluster.ZooKeeper().Owners(ctx, mirror.DefaultRoot)
	if err != nil {
		return err
	}
	old := make(map[int64]bool)
	for _, session := range before {
		old[session] = true
	}
	for name, session := range owners {
		if old[session] {
			return fmt.Errorf("%s: %w", name, errOutlived)
		}
	}
	for _, s := range w.seats {
		n := s.current()
		name := mirror.Name(ring.Member{Client: n.Client, HTTP: n.HTTP})
		if _, there := owners[name]; n.Running() && !there {
			return fmt.Errorf("%s has not registered again", n.ID)
		}
	}
	return nil
}
