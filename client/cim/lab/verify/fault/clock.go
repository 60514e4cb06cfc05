package fault

import (
	"context"
	"fmt"
	"time"
)

type clockSkew struct{}

func (clockSkew) Name() string { return "clock-skew" }
func (clockSkew) Story() string {
	return "the clock of redis-server jumps, up to an hour forwards or backwards, and after a while back"
}
func (clockSkew) Hits() Class { return Clock }
func (clockSkew) Missing(w *World) string {
	if w.cluster.Clock() == nil {
		return "the store has no clock that can be set: that needs -store single, Linux and a C compiler"
	}
	return ""
}
func (clockSkew) Rhythm() Rhythm {
	return Rhythm{Every: Span{6 * time.Second, 15 * time.Second}, Lasts: Span{time.Second, 12 * time.Second}}
}

const farthestSkew = 3600 // s

func (clockSkew) Inject(_ context.Context, w *World, s Strike) (Wound, error) {
	offset := time.Duration(s.Roll>>16%(2*farthestSkew)) * time.Second
	offset -= farthestSkew * time.Second
	clock := w.cluster.Clock()
	return Wound{
		What: fmt.Sprintf("redis clock off by %v", offset),
		Heal: func(context.Context) error { return clock.Set(0) },
	}, clock.Set(offset)
}
