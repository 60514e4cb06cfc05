package fault

import (
	"context"
	"errors"
	"time"

	"github.com/cim-go/cim/client/cim/verify/crowd"
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

// errNoSDK is returned for a device that is no client of the SDK.
var errNoSDK = errors.New("the device is no client of the SDK")

func (impatient) Inject(ctx context.Context, w *World, s Strike) (Wound, error) {
	d, ok := w.devices[s.Target].(*crowd.Device)
	if !ok {
		return Wound{}, errNoSDK
	}
	return Wound{On: d, What: d.String() + " in a hurry", Heal: during(ctx, func(ctx context.Context) error {
		d.Hurry(ctx)
		return nil
	})}, nil
}
