package op

import (
	"errors"
	"fmt"

	"github.com/cim-go/cim/routefn/record/servers"
)

var (
	// ErrUnavailable is returned if the operation failed and certainly wrote nothing.
	// The caller may simply try again.
	ErrUnavailable = errors.New("store is not available")
	// The error of Dial wraps ErrUnfit if the store answers but cannot be used. The reason
	// is the rights of the store's user, the password or the eviction policy. Waiting does
	// not help.
	ErrUnfit = errors.New("store cannot be used")
	// ErrUnknown is returned if a write was sent and no answer came. The store may have
	// executed the write or not. The next try must first search for its result.
	ErrUnknown = errors.New("outcome of the write is unknown")
	// ErrInvalid is returned for an argument that cannot be stored: an invalid id, a
	// text that is not UTF-8, a name with control characters.
	ErrInvalid = errors.New("argument is not valid")
	// ErrTooFew means that too few replicas had a write in time. The primary has it.
	ErrTooFew = errors.New("too few replicas")
)

// errSlow means that ops were not sent because the server took too long for earlier ones.
// The errors of these ops wrap errSlow.
var errSlow = fmt.Errorf("%w: the store is too slow for all of it", servers.ErrUnsent)

// Classify turns an error of the Redis library into one of this package. The result is
// ErrUnavailable if the operation certainly was not executed, or only reads (write is
// false). Otherwise it is ErrUnknown. If the error is one of this package already,
// Classify returns it unchanged.
func Classify(err error, write bool) error {
	switch {
	case err == nil, errors.Is(err, ErrUnavailable):
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
