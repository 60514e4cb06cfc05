package fault

import (
	"context"
	"fmt"
	"time"
)

type massReconnect struct{}

func (massReconnect) Name() string { return "mass-reconnect" }
func (massReconnect) Story() string {
	return "the connections of all devices are cut in one moment, and all come back at once"
}
func (massReconnect) Hits() Class           { return Crowd }
func (massReconnect) Missing(*World) string { return "" }
func (massReconnect) Rhythm() Rhythm {
	return Rhythm{Every: Span{15 * time.Second, 30 * time.Second}, Lasts: Span{time.Second, time.Second}}
}

func (massReconnect) Inject(_ context.Context, w *World, _ Strike) (Wound, error) {
	for _, d := range w.devices {
		d.Cut()
	}
	return Wound{What: fmt.Sprintf("%d devices cut at once", len(w.devices))}, nil
}
