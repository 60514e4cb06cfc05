package record

import (
	"errors"
	"fmt"

	"github.com/cim-go/cim/routefn/record/servers"
)

// errSlow is wrapped by the error of ops that were not sent because the server took too
// long for earlier ones.
var errSlow = fmt.Errorf("%w: the store is too slow for all of it", servers.ErrUnsent)

// classify turns an error of the Redis library into one of this package. It is
// ErrUnavailable if the operation certainly was not executed or only reads (write is
// false). Otherwise it is ErrUnknown. Errors of this package stay as they are.
func classify(err error, write bool) error {
	switch {
	case err == nil, errors.Is(err, ErrNoUser), errors.Is(err, ErrNoGroup), errors.Is(err, ErrNotMember), errors.Is(err, ErrUnavailable):
		return err
	case !write || servers.Unsent(err) || servers.Refused(err):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	default:
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	}
}

// class returns the name of an error's class, for metrics.
func class(err error) string {
	if errors.Is(err, ErrUnknown) {
		return "unknown"
	}
	return "unavailable"
}

// mayRetry reports whether an operation that failed with err may succeed later.
func mayRetry(err error) bool {
	return errors.Is(err, ErrUnavailable) || errors.Is(err, ErrUnknown) || errors.Is(err, ErrLimited)
}
