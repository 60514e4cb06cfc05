package fault

import (
	"context"
	"time"

	"github.com/cim-go/cim/proto/retry"
)

// cutEvery is the pause between two cuts. After this pause, the routes have requests under
// way again.
const cutEvery = 25 * time.Millisecond

type redisCut struct{}

func (redisCut) Name() string { return "redis-cut" }
func (redisCut) Story() string {
	return "all connections to redis-server are cut, again and again, as by a proxy that fails; it goes on, and answers are lost"
}
func (redisCut) Hits() Class             { return Store }
func (redisCut) Missing(w *World) string { return redisKill{}.Missing(w) }
func (redisCut) Rhythm() Rhythm {
	return Rhythm{Every: Span{3 * time.Second, 8 * time.Second}, Lasts: Span{500 * time.Millisecond, 3 * time.Second}}
}

func (redisCut) Inject(ctx context.Context, w *World, _ Strike) (Wound, error) {
	return Wound{What: "redis connections cut", Heal: during(ctx, func(ctx context.Context) error {
		for retry.Sleep(ctx, cutEvery) {
			if err := w.cluster.Redis().Cut(context.WithoutCancel(ctx)); err != nil {
				return err
			}
		}
		return nil
	})}, nil
}
