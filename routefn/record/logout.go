package record

import (
	"cmp"
	"context"
	"fmt"

	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/pass"
	"github.com/cim-go/cim/routefn/record/rows"
)

// Logout ends the live session of a user's device. All numbers, tickets and tokens that
// the device got until then become void. After a call without an error, they are void for
// every route, and at least Config.Replicas replicas have stored the logout. Logout returns
// the session that was live, or nil.
//
// The parameter by is the pass of the caller. It is nil for a caller that needs none. A
// device whose pass is void may log itself out again. That does nothing and returns no
// error. A device with a void pass that logs out another device gets ErrVoid. Further
// errors are ErrNoUser, ErrInvalid, ErrUnavailable and ErrUnknown. Repeating is harmless.
func (s *Store) Logout(ctx context.Context, user int64, device string, by *Pass) (*Session, error) {
	if err := op.CheckNames(device); err != nil {
		return nil, fmt.Errorf("log out device of %d: %w", user, err)
	}
	asks := ""
	if by != nil {
		asks = by.Device
	}
	l := logref.Ref{User: user}
	o := l.HashScript(logoutScript, append([]any{device, asks}, by.Args()...)...)
	s.onLogsBy(ctx, s.Accept, "logout", []logref.Ref{l}, []*op.Op{o}, true)
	err := cmp.Or(o.Err, pass.RefusalOf(o))
	switch {
	case err == nil:
		return rows.ParseSession(op.Text(o.Reply[1])), nil
	case o.Err == nil && op.Text(o.Reply[0]) == "void" && by.Device == device: // an earlier call has logged out the device
		return nil, nil
	default:
		return nil, fmt.Errorf("log out device of %d: %w", user, err)
	}
}
