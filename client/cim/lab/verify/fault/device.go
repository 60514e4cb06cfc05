package fault

import (
	"context"
	"time"
)

type clientFlap struct{}

func (clientFlap) Name() string { return "client-flap" }
func (clientFlap) Story() string {
	return "a connection is cut, torn in a frame or falls silent; or a client with a history file is killed and started again"
}
func (clientFlap) Hits() Class           { return Devices }
func (clientFlap) Missing(*World) string { return "" }
func (clientFlap) Rhythm() Rhythm {
	return Rhythm{Every: Span{100 * time.Millisecond, 800 * time.Millisecond}, Lasts: Span{10 * time.Millisecond, 4 * time.Second}}
}

// The percentages of the faults of a connection. All other faults cut the connection. If
// the device can be killed, two of three faults kill it.
const (
	killed = 66
	torn   = 25
	silent = 15
)

func (clientFlap) Inject(_ context.Context, w *World, s Strike) (Wound, error) {
	d := w.devices[s.Target]
	switch {
	case d.Restartable() && s.percent(1, killed):
		if err := d.Kill(); err != nil {
			return Wound{}, err
		}
		return Wound{On: d, What: d.String() + " killed", Heal: d.Start}, nil
	case s.percent(2, torn):
		d.Tear()
		return Wound{On: d, What: d.String() + " torn"}, nil
	case s.percent(3, silent):
		d.Mute()
		return Wound{On: d, What: d.String() + " silent"}, nil
	default:
		d.Cut()
		return Wound{On: d, What: d.String() + " cut"}, nil
	}
}

type slowReader struct{}

func (slowReader) Name() string          { return "slow-reader" }
func (slowReader) Story() string         { return "a device reads 12 kB a second, into a small buffer" }
func (slowReader) Hits() Class           { return Devices }
func (slowReader) Missing(*World) string { return "" }
func (slowReader) Rhythm() Rhythm {
	return Rhythm{Every: Span{300 * time.Millisecond, 1500 * time.Millisecond}, Lasts: Span{2 * time.Second, 15 * time.Second}}
}

func (slowReader) Inject(_ context.Context, w *World, s Strike) (Wound, error) {
	d := w.devices[s.Target]
	d.Slow(true)
	return Wound{On: d, What: d.String() + " slow", Heal: func(context.Context) error { d.Slow(false); return nil }}, nil
}
