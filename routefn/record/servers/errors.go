package servers

import (
	"errors"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"
)

// ErrUnsent means that an operation failed before any byte of it was written. The error
// of such an operation wraps it.
var ErrUnsent = errors.New("command was not sent")

// refusals has the beginnings of error answers that mean that the server did not execute
// the command. A proxy may put "ERR " before them.
var refusals = []string{
	"ASK ", "BUSY ", "CLUSTERDOWN ", "EXECABORT ", "LOADING ", "MASTERDOWN ", "MISCONF ",
	"MOVED ", "NOAUTH ", "NOPERM ", "NOREPLICAS ", "NOSCRIPT ", "OOM ", "READONLY ", "TRYAGAIN ", "WRONGPASS ",
	"max number of clients", // Redis puts "ERR " before it, which the library cuts off
}

// Refused reports whether a server answered that it did not execute a command.
func Refused(err error) bool {
	if !Answered(err) {
		return false
	}
	for _, prefix := range refusals {
		if redis.HasErrorPrefix(err, prefix) { // HasErrorPrefix also finds it behind "ERR "
			return true
		}
	}
	return ReadOnly(err)
}

// Refuses reports whether a server answered that it does not accept the user's name or
// password, that the user lacks a right, or that the server lacks the command. Its
// operator may have renamed or disabled that command.
func Refuses(err error) bool {
	for _, prefix := range []string{"NOAUTH", "WRONGPASS", "invalid password", "invalid username-password", "Client sent AUTH", "AUTH ", "unknown command"} {
		if redis.HasErrorPrefix(err, prefix) {
			return true
		}
	}
	return Answered(err) && strings.Contains(err.Error(), "NOPERM ") // also within EXECABORT
}

// ReadOnly reports whether a server answered that it takes no writes. A former primary
// that became a replica answers that. A proxy may use other words.
func ReadOnly(err error) bool {
	if !Answered(err) {
		return false
	}
	answer := strings.ToLower(err.Error())
	return strings.Contains(answer, "readonly") || strings.Contains(answer, "read only") || strings.Contains(answer, "read-only")
}

// Answered reports whether the error is an answer of a server, and not the failure of a
// connection.
func Answered(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply)
}

// Unsent reports whether the op failed before anything was sent.
func Unsent(err error) bool {
	var failed *net.OpError
	return errors.Is(err, ErrUnsent) || errors.Is(err, redis.ErrPoolTimeout) || errors.Is(err, redis.ErrClosed) ||
		errors.As(err, &failed) && failed.Op == "dial"
}
