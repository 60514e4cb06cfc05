package fault

import (
	"context"
	"time"

	"github.com/cim-go/cim/client/cim/lab/verify/crowd"
)

type twinDevice struct{}

func (twinDevice) Name() string { return "twin-device" }
func (twinDevice) Story() string {
	return "a second client comes under a device's name and displaces it, until the device is started again"
}
func (twinDevice) Hits() Class           { return Devices }
func (twinDevice) Missing(*World) string { return "" }
func (twinDevice) Rhythm() Rhythm {
	return Rhythm{Every: Span{5 * time.Second, 10 * time.Second}, Lasts: Span{200 * time.Millisecond, 4 * time.Second}}
}

func (twinDevice) Inject(ctx context.Context, w *World, s Strike) (Wound, error) {
	d, ok := w.devices[s.Target].(*crowd.Device)
	if !ok {
		return Wound{}, errNoSDK
	}
	return Wound{On: d, What: d.String() + " has a twin", Heal: d.Twin(ctx)}, nil
}
