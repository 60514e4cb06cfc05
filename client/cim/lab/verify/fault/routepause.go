package fault

import (
	"cmp"
	"context"
	"time"
)

type routePause struct{}

func (routePause) Name() string { return "route-pause" }
func (routePause) Story() string {
	return "a route stands still (SIGSTOP) for up to 13 s, with requests in hand that others repeat meanwhile"
}
func (routePause) Hits() Class             { return Routes }
func (routePause) Missing(w *World) string { return cmp.Or(w.noPause(), routeKill{}.Missing(w)) }
func (routePause) Rhythm() Rhythm {
	return Rhythm{Every: Span{9 * time.Second, 20 * time.Second}, Lasts: Span{500 * time.Millisecond, 13 * time.Second}}
}

func (routePause) Inject(_ context.Context, w *World, s Strike) (Wound, error) {
	route := w.cluster.Routes()[s.Target]
	if err := route.Pause(); err != nil {
		return Wound{}, err
	}
	return Wound{What: route.Name + " paused", Heal: func(context.Context) error { return route.Resume() }}, nil
}
