package fault

import (
	"context"
	"time"
)

type powerCut struct{}

func (powerCut) Name() string { return "power-cut" }
func (powerCut) Story() string {
	return "a device with a history file dies, and the end of the file, which was not synced, is gone"
}
func (powerCut) Hits() Class { return Files }
func (powerCut) Missing(w *World) string {
	if len(w.files) == 0 {
		return "no device keeps a history file"
	}
	return ""
}
func (powerCut) Rhythm() Rhythm {
	return Rhythm{Every: Span{4 * time.Second, 9 * time.Second}, Lasts: Span{50 * time.Millisecond, 3 * time.Second}}
}

// mostUnsynced is how much of a file a power cut may remove, in bytes.
const mostUnsynced = 16 << 10

func (powerCut) Inject(_ context.Context, w *World, s Strike) (Wound, error) {
	d := w.files[s.Target]
	if err := d.PowerCut(int64(s.Roll >> 16 % mostUnsynced)); err != nil {
		return Wound{}, err
	}
	return Wound{On: d, What: d.String() + " without power", Heal: d.Start}, nil
}
