package retry

import (
	"context"
	"time"
)

// Sleep blocks for the duration d, or until ctx ends. It returns true if ctx has not
// ended.
func Sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}
