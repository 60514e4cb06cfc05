package fault

import (
	"context"
	"time"

	"github.com/cim-go/cim/routefn/record/redistest"
)

type storeReadOnly struct{}

func (storeReadOnly) Name() string { return "store-readonly" }
func (storeReadOnly) Story() string {
	return "the store answers reads and refuses writes: with NOREPLICAS or, a single server, READONLY"
}
func (storeReadOnly) Hits() Class             { return Store }
func (storeReadOnly) Missing(w *World) string { return w.noServers() }

// Rhythm has strikes that last longer than the 10 s for which a node tries to store a
// message. After that time the node answers the sender that the outcome is unknown.
func (storeReadOnly) Rhythm() Rhythm {
	return Rhythm{Every: Span{10 * time.Second, 20 * time.Second}, Lasts: Span{500 * time.Millisecond, 14 * time.Second}}
}

func (storeReadOnly) Inject(ctx context.Context, w *World, s Strike) (Wound, error) {
	hit, undo := (*redistest.Server).Lack, (*redistest.Server).Suffice
	if w.lone() && s.percent(1, 50) {
		hit, undo = (*redistest.Server).Demote, (*redistest.Server).Promote
	}
	heal, err := w.harm(ctx, hit, undo)
	return Wound{What: "redis read-only", Heal: heal}, err
}
