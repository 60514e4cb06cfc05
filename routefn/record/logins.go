package record

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/pass"
	"github.com/cim-go/cim/routefn/record/rows"
)

// A list of logins has at most loginsKept devices that have logged in but never
// connected. A script that sends over HTTP is such a device. The list also has all
// devices that have connected, which are at most Config.Devices.
const loginsKept = 8

// Logins returns the sessions of a user's devices. A connected device has a session. Any
// other device has one if its last login was not revoked, and is younger than the
// duration life. Connected devices come first, then the latest logins. Logins returns at
// most Config.Devices + 8 sessions. If the user has no inbox, which the first login
// makes, the error is ErrNoUser.
func (s *Store) Logins(ctx context.Context, user int64, life time.Duration) ([]DeviceSession, error) {
	o := logref.Ref{User: user}.HashScript(sessionsScript, life.Milliseconds(), s.devices+loginsKept)
	o.Write = false
	s.Run(ctx, "logins", o)
	switch {
	case o.Err != nil:
		return nil, fmt.Errorf("logins of %d: %w", user, o.Err)
	case o.NoLog():
		return nil, fmt.Errorf("logins of %d: %w", user, ErrNoUser)
	}
	var list []DeviceSession
	for r := o.Reply[1:]; len(r) >= 5; r = r[5:] {
		list = append(list, DeviceSession{
			Device: op.Text(r[0]), Connected: op.Text(r[1]) == "1", Since: op.Integer(r[2]), Number: op.Integer(r[3]), Network: op.Text(r[4]),
		})
	}
	return list, nil
}

// EndSessions ends those sessions of a user that q selects. All numbers, tickets and
// tokens that the devices got until then become void. After nil, they are void for every
// route, and as many replicas as Config.Replicas says have that. EndSessions returns
// those of the sessions that were live.
//
// The parameter by is the pass of the caller. It is nil for a caller that needs none,
// such as an operator. If the call has ended the caller's own session, the caller may
// repeat it. The repetition does nothing and returns nil. If the pass is void for another
// reason, the error is ErrVoid. Further errors are ErrNoUser, ErrInvalid, ErrUnavailable
// and ErrUnknown; repeating is harmless.
//
// The sessions of all devices that never connected end together, except the caller's,
// because the store does not keep them one by one.
func (s *Store) EndSessions(ctx context.Context, user int64, q Revoking, by *Pass) ([]Session, error) {
	names := make([]string, 0, 2)
	for _, name := range []string{q.Device, q.Spared} {
		if name != "" {
			names = append(names, name)
		}
	}
	if err := op.CheckNames(names...); err != nil {
		return nil, fmt.Errorf("end sessions of %d: %w", user, err)
	}
	asks := ""
	if by != nil {
		asks = by.Device
	}
	l := logref.Ref{User: user}
	args := append([]any{q.Device, q.Spared, asks}, by.Args()...)
	o := l.HashScript(revokeScript, append(args, fieldsOf(s.devices))...)
	s.onLogsBy(ctx, s.Accept, "revoke", []logref.Ref{l}, []*op.Op{o}, true)
	err := cmp.Or(o.Err, pass.RefusalOf(o))
	switch {
	case err == nil:
		return rows.ParseSessions(op.Text(o.Reply[1])), nil
	case o.Err == nil && op.Text(o.Reply[0]) == "void" && q.ends(by.Device): // an earlier call has ended the caller's session
		return nil, nil
	default:
		return nil, fmt.Errorf("end sessions of %d: %w", user, err)
	}
}

// The method ends reports whether q selects the session of the device.
func (q Revoking) ends(device string) bool {
	return q.Device == device || q.Device == "" && q.Spared != device
}

// fieldsOf returns how many fields the hash of an inbox with that many devices may have.
// If the hash has more, the next opening tidies it (open.lua).
func fieldsOf(devices int) int { return 3*devices + 28 }
