package fault

import (
	"context"
	"fmt"
	"time"
)

// ManyGroups is the name of the fault that needs a crowd with users in many groups
// (crowd.Config.Crowded).
const ManyGroups = "many-groups"

type manyGroups struct{}

func (manyGroups) Name() string { return ManyGroups }
func (manyGroups) Story() string {
	return "users who are in 250 groups lose their connections at once and come back, all groups with them"
}
func (manyGroups) Hits() Class { return Crowd }
func (manyGroups) Missing(w *World) string {
	if len(w.crowded) == 0 {
		return "no user is in so many groups: that needs 10 users, or 40 with -limits"
	}
	return ""
}
func (manyGroups) Rhythm() Rhythm {
	return Rhythm{Every: Span{8 * time.Second, 16 * time.Second}, Lasts: Span{time.Second, time.Second}}
}

func (manyGroups) Inject(_ context.Context, w *World, _ Strike) (Wound, error) {
	for _, d := range w.crowded {
		d.Cut()
	}
	return Wound{What: fmt.Sprintf("%d devices in all their groups cut", len(w.crowded))}, nil
}
