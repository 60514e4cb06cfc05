package delayed

import (
	"context"
	"errors"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/failure"
	"github.com/cim-go/cim/routefn/identity"
	"github.com/cim-go/cim/routefn/push"
	"github.com/cim-go/cim/routefn/record"
)

// A logOf names a log to which a message goes, which is a group's log or a user's inbox.
type logOf struct{ user, group int64 }

func logsOf(m *record.Message) [2]logOf {
	if m.Group != 0 {
		return [2]logOf{{group: m.Group}, {group: m.Group}}
	}
	return [2]logOf{{user: m.To}, {user: m.From}}
}

// A dueBatch sends the messages that are due in one shard. If a message cannot be
// stored, it stays due. Later messages for the same logs then stay due, too, so that
// none overtakes it. All other messages are sent.
type dueBatch struct {
	cfg    *Config
	failed map[logOf]bool
	left   int // how many messages at the beginning of the shard stay due after a try
}

// send sends messages that were taken, and returns how many it has sent. After an error,
// send does not know which messages are still due. Then the dueBatch must not be used
// again.
func (b *dueBatch) send(ctx context.Context, taken []record.Delayed) (sent int, err error) {
	var tried []record.Delayed
	var messages []record.Message
	for _, d := range taken {
		if logs := logsOf(&d.Message); b.failed[logs[0]] || b.failed[logs[1]] {
			continue
		}
		tried = append(tried, d)
		messages = append(messages, d.Message)
	}
	if len(tried) == 0 {
		b.left += len(taken)
		return 0, nil
	}
	out := b.cfg.Pusher.Begin()
	defer out.Send()
	var done []record.Finishing
	for i, a := range b.cfg.Dispatch.Append(ctx, messages) {
		if a.Err == nil { // the message goes to all devices of its sender, too
			out.Deliver(push.Origin{User: tried[i].From}, &a)
		}
		if code, over := b.settle(ctx, &tried[i], &a); over {
			done = append(done, record.Finishing{Delayed: tried[i], Code: code})
		}
	}
	b.left += len(taken) - len(done)
	for i, err := range b.cfg.Store.Finish(ctx, done) {
		if err != nil {
			return sent, err
		}
		if done[i].Code == proto.OK {
			sent++
		}
		b.cfg.Observer.DelayedOver(done[i].Code, done[i].Late)
	}
	return sent, nil
}

// settle reports whether a message is finished, so that it is not tried again. The code is
// OK for a message that was stored. For a message that is dropped, the code is the reason.
func (b *dueBatch) settle(ctx context.Context, d *record.Delayed, a *record.Appended) (code proto.Code, over bool) {
	switch {
	case a.Err == nil:
		return proto.OK, true
	case b.lacksSender(ctx, d, a):
		return proto.OK, true // the receiver gets it by reconciliation
	case failure.MayRetry(a.Err):
		for _, log := range logsOf(&d.Message) {
			b.failed[log] = true
		}
		b.cfg.Observer.DelayedLeft()
		return proto.OK, false
	default:
		code = b.cfg.Codes.Of(a.Err).Code
		b.cfg.Log.Info("delayed message dropped", "user", d.From, "code", code.String(), "err", a.Err)
		return code, true
	}
}

// lacksSender reports whether the message is in its receiver's log while its sender's
// account is lost for good. If the account can be restored, lacksSender restores it,
// because perhaps no other request ever does.
func (b *dueBatch) lacksSender(ctx context.Context, d *record.Delayed, a *record.Appended) bool {
	if !errors.Is(a.Err, record.ErrUnknown) || !errors.Is(a.Err, record.ErrNoUser) {
		return false
	}
	_, err := b.cfg.Accounts.NamedOrRestored(ctx, d.From, d.FromName)
	return identity.IsNone(err)
}
