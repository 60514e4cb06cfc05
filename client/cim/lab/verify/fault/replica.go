package fault

import (
	"cmp"
	"context"
	"time"
)

type replicaPause struct{}

func (replicaPause) Name() string { return "replica-pause" }
func (replicaPause) Story() string {
	return "all replicas stand still (SIGSTOP): what the primary takes meanwhile only it has"
}
func (replicaPause) Hits() Class             { return Store }
func (replicaPause) Missing(w *World) string { return cmp.Or(w.noPause(), needsSentinel(w)) }
func (replicaPause) Rhythm() Rhythm {
	return Rhythm{Every: Span{6 * time.Second, 15 * time.Second}, Lasts: Span{300 * time.Millisecond, 2500 * time.Millisecond}}
}

func (replicaPause) Inject(ctx context.Context, w *World, s Strike) (Wound, error) {
	release, err := w.cluster.Sentinel().Hold(ctx)
	if err != nil {
		return Wound{}, err
	}
	return Wound{
		What: "redis replicas paused", Alone: s.Lasts,
		Heal: func(context.Context) error { return release() },
	}, nil
}
