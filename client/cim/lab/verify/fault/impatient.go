package fault

import (
	"context"
	"errors"
	"time"

	"github.com/cim-go/cim/client/cim/lab/verify/crowd"
)

type impatient struct{}

func (impatient) Name() string { return "impatient" }
func (impatient) Story() string {
	return "two dozen senders on one device's connection give each message 50 ms, and the next one comes at once"
}
func (impatient) Hits() Class           { return Devices }
func (impatient) Missing(*World) string { return "" }
func (impatient) Rhythm() Rhythm {
	return Rhythm{Every: Span{6 * time.Second, 12 * time.Second}, Lasts: Span{3 * time.Second, 6 * time.Second}}
}

// errNoSDK means that a device is not a client of the SDK.
var errNoSDK = errors.New("the device is no client of the SDK")

func (impatient) Inject(ctx context.Context, w *World, s Strike) (Wound, error) {
	target := s.Target
	if s.Turn%2 == 0 {
		target = w.silent(target)
	}
	d, ok := w.devices[target].(*crowd.Device)
	if !ok {
		return Wound{}, errNoSDK
	}
	return Wound{On: d, What: d.String() + " in a hurry", Heal: during(ctx, func(ctx context.Context) error {
		d.Hurry(ctx)
		return nil
	})}, nil
}

// silent looks for a device that sends nothing by itself. It begins at the given place, and
// returns the place of the first one. If there is none, it returns the given place. A usual
// message on the same connection would show the node that the sender has read the refusal.
// Another fault may have hit that device already.
func (w *World) silent(place int) int {
	for i := range w.devices {
		next := (place + i) % len(w.devices)
		if d, ok := w.devices[next].(*crowd.Device); ok && d.Silent() {
			return next
		}
	}
	return place
}
