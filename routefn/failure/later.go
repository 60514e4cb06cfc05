package failure

import (
	"errors"
	"time"

	"github.com/cim-go/cim/proto"
)

// Later is a refusal with the time after which the caller may repeat the request.
type Later struct {
	Refusal *proto.Error
	After   time.Duration
}

// Error implements error.
func (l *Later) Error() string { return l.Refusal.Error() }

// Unwrap returns the refusal.
func (l *Later) Unwrap() error { return l.Refusal }

// waiter is an error with the time until a retry, such as record.ErrLimited and
// record.ErrNewReceivers.
type waiter interface {
	error
	Wait() time.Duration
}

// After returns the time after which the request that failed with err may be repeated. It
// returns zero if err has no such time.
func After(err error) time.Duration {
	if l, ok := errors.AsType[*Later](err); ok {
		return l.After
	}
	if w, ok := errors.AsType[waiter](err); ok {
		return w.Wait()
	}
	return 0
}
