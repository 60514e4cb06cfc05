package body

import (
	"net/http"
	"testing"
	"time"
)

// Callers that were refused together do not all retry at the same time.
func TestRetryAfterIsAtRandom(t *testing.T) {
	seen := make(map[time.Duration]bool)
	for range 200 {
		seen[RetryAfter(http.StatusServiceUnavailable)] = true
	}
	if len(seen) != 3 || !seen[time.Second] || !seen[2*time.Second] || !seen[3*time.Second] {
		t.Errorf("seen %v", seen)
	}
}
