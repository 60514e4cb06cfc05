package record

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

// loginsKept is how many logins are listed of devices that never connected, such as
// scripts that send over HTTP. Devices that connected are as many as Config.Devices.
const loginsKept = 8

// Logins returns the sessions of a user's devices: those that are connected, and those
// whose last login was less than life ago and counts. Connected ones come first, then
// the latest login. There are at most Config.Devices and eight. It returns ErrNoUser for a
// user who has no log, which a login makes.
func (s *Store) Logins(ctx context.Context, user int64, life time.Duration) ([]DeviceSession, error) {
	o := logRef{user: user}.hashScript(sessionsScript, life.Milliseconds(), s.devices+loginsKept)
	o.write = false
	s.run(ctx, "logins", o)
	switch {
	case o.err != nil:
		return nil, fmt.Errorf("logins of %d: %w", user, o.err)
	case o.noLog():
		return nil, fmt.Errorf("logins of %d: %w", user, ErrNoUser)
	}
	var list []DeviceSession
	for r := o.reply[1:]; len(r) >= 5; r = r[5:] {
		list = append(list, DeviceSession{
			Device: text(r[0]), Connected: text(r[1]) == "1", Since: integer(r[2]), Number: integer(r[3]), Network: text(r[4]),
		})
	}
	return list, nil
}

// EndSessions ends sessions of a user, and makes all numbers, tickets and tokens void that
// their devices got until then. When it has returned nil, they are void on every route,
// and with Config.Replicas on that many replicas. It returns the sessions that were live.
//
// The pass is the caller's; nil means that the caller shows none, as an operator. A
// caller whose own session ends may repeat the call, without an error and without effect.
// If its pass counts for another reason no more, the error is ErrVoid. Further errors are
// ErrNoUser, ErrInvalid, ErrUnavailable and ErrUnknown; repeating it is harmless.
//
// Devices that never connected end together, because nothing is kept about each of them:
// if one of them is ended, all are, but for the caller's.
func (s *Store) EndSessions(ctx context.Context, user int64, q Revoking, by *Pass) ([]Session, error) {
	names := make([]string, 0, 2)
	for _, name := range []string{q.Device, q.Spared} {
		if name != "" {
			names = append(names, name)
		}
	}
	if err := checkNames(names...); err != nil {
		return nil, fmt.Errorf("end sessions of %d: %w", user, err)
	}
	asks := ""
	if by != nil {
		asks = by.Device
	}
	l := logRef{user: user}
	args := append([]any{q.Device, q.Spared, asks}, by.args()...)
	o := l.hashScript(revokeScript, append(args, fieldsOf(s.devices))...)
	s.onLogsBy(ctx, s.accept, "revoke", []logRef{l}, []*op{o}, true)
	err := cmp.Or(o.err, refusalOf(o))
	switch {
	case err == nil:
		return parseSessions(text(o.reply[1])), nil
	case o.err == nil && text(o.reply[0]) == "void" && q.ends(by.Device): // it did before
		return nil, nil
	default:
		return nil, fmt.Errorf("end sessions of %d: %w", user, err)
	}
}

// ends reports whether the device's session is one of those that end.
func (q Revoking) ends(device string) bool {
	return q.Device == device || q.Device == "" && q.Spared != device
}

// fieldsOf is how many fields the hash of an inbox has at most, if the next opening has
// nothing to tidy: see open.lua.
func fieldsOf(devices int) int { return 3*devices + 24 }
