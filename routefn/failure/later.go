package failure

import (
	"errors"
	"time"

	"github.com/cim-go/cim/proto"
)

// Later is a refusal that names the time after which a repetition may succeed.
type Later struct {
	Refusal *proto.Error
	After   time.Duration
}

// Error implements error.
func (l *Later) Error() string { return l.Refusal.Error() }

// Unwrap returns the refusal.
func (l *Later) Unwrap() error { return l.Refusal }

// After returns after what time the request that failed with err may be repeated. Zero
// stands for an error that does not say so.
func After(err error) time.Duration {
	if l, ok := errors.AsType[*Later](err); ok {
		return l.After
	}
	return 0
}
