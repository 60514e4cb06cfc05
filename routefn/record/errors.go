package record

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"
)

// errUnsent marks an op that failed before a byte of it was written.
var errUnsent = errors.New("command was not sent")

// errSlow is wrapped by the error of ops that were not sent because the server took too
// long for earlier ones.
var errSlow = fmt.Errorf("%w: the store is too slow for all of it", errUnsent)

// refusals are the beginnings of error answers that mean: the server did not execute
// the command. A proxy may put "ERR " before them.
var refusals = []string{
	"ASK ", "BUSY ", "CLUSTERDOWN ", "EXECABORT ", "LOADING ", "MASTERDOWN ", "MISCONF ",
	"MOVED ", "NOAUTH ", "NOPERM ", "NOREPLICAS ", "NOSCRIPT ", "OOM ", "READONLY ", "TRYAGAIN ", "WRONGPASS ",
	"max number of clients", // Redis puts "ERR " before it, which the library cuts off
}

// classify turns an error of the Redis library into one of this package. It is
// ErrUnavailable if the operation certainly was not executed or only reads (write is
// false). Otherwise it is ErrUnknown. Errors of this package stay as they are.
func classify(err error, write bool) error {
	switch {
	case err == nil, errors.Is(err, ErrNoUser), errors.Is(err, ErrNoGroup), errors.Is(err, ErrNotMember), errors.Is(err, ErrUnavailable):
		return err
	case !write || unsent(err) || refused(err):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	default:
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	}
}

// refused reports whether a server answered that it did not execute a command.
func refused(err error) bool {
	if !answered(err) {
		return false
	}
	for _, prefix := range refusals {
		if redis.HasErrorPrefix(err, prefix) { // HasErrorPrefix also finds it behind "ERR "
			return true
		}
	}
	return readOnly(err)
}

// refuses reports whether a server answered that it does not accept the user's name or
// password, or that the user lacks a right.
func refuses(err error) bool {
	for _, prefix := range []string{"NOAUTH", "WRONGPASS", "invalid password", "invalid username-password", "Client sent AUTH", "AUTH "} {
		if redis.HasErrorPrefix(err, prefix) {
			return true
		}
	}
	return answered(err) && strings.Contains(err.Error(), "NOPERM ") // also within EXECABORT
}

// readOnly reports whether a server answered that it takes no writes. A primary answers
// so after it became a replica. A proxy may use other words.
func readOnly(err error) bool {
	if !answered(err) {
		return false
	}
	answer := strings.ToLower(err.Error())
	return strings.Contains(answer, "readonly") || strings.Contains(answer, "read only") || strings.Contains(answer, "read-only")
}

// answered reports whether the error is an answer of a server, and not the failure of a
// connection.
func answered(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply)
}

// unsent reports whether the op failed before anything was sent.
func unsent(err error) bool {
	var failed *net.OpError
	return errors.Is(err, errUnsent) || errors.Is(err, redis.ErrPoolTimeout) || errors.Is(err, redis.ErrClosed) ||
		errors.As(err, &failed) && failed.Op == "dial"
}

// class returns the name of an error's class, for metrics.
func class(err error) string {
	if errors.Is(err, ErrUnknown) {
		return "unknown"
	}
	return "unavailable"
}
