package fault

import (
	"context"
	"time"

	"github.com/cim-go/cim/routefn/record/redistest"
)

type storeFull struct{}

func (storeFull) Name() string { return "store-full" }
func (storeFull) Story() string {
	return "the store is full: what needs memory is refused with OOM, and all that stands in MULTI"
}
func (storeFull) Hits() Class             { return Store }
func (storeFull) Missing(w *World) string { return w.noServers() }
func (storeFull) Rhythm() Rhythm {
	return Rhythm{Every: Span{10 * time.Second, 20 * time.Second}, Lasts: Span{500 * time.Millisecond, 5 * time.Second}}
}

func (storeFull) Inject(ctx context.Context, w *World, _ Strike) (Wound, error) {
	heal, err := w.harm(ctx, (*redistest.Server).Fill, (*redistest.Server).Drain)
	return Wound{What: "redis full", Heal: heal}, err
}
