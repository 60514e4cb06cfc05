package retry

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestSleepEndsWithItsTimeOrItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begun := time.Now()
		if !Sleep(ctx, 40*time.Second) || time.Since(begun) != 40*time.Second {
			t.Errorf("it slept for %v of 40 s", time.Since(begun))
		}
		if Sleep(ctx, 40*time.Second) || time.Since(begun) != time.Minute {
			t.Errorf("it slept until %v after the beginning, and the context ended after a minute", time.Since(begun))
		}
		for range 100 { // both are over
			if Sleep(ctx, 0) {
				t.Fatal("the context seems to go on")
			}
		}
	})
}
