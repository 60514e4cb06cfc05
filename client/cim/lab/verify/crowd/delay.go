package crowd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/client/cim/lab/verify/ledger"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/retry"
)

// scheduler schedules delayed messages. It is a client, or a sender over HTTP.
type scheduler interface {
	ScheduleAfter(context.Context, client.Outgoing, time.Duration) (client.Scheduled, error)
	CancelScheduled(ctx context.Context, id string) error
}

// scheduler returns the scheduler of the talker. It blocks until the talker's process
// runs.
func (t *talker) scheduler(ctx context.Context) (scheduler, int, error) {
	if t.sender != nil {
		return t.sender, 0, nil
	}
	return t.current(ctx)
}

// leave schedules a message, and cancels it if the order says so.
func (t *talker) leave(life context.Context, m client.Outgoing, o order) {
	s, process, err := t.scheduler(life)
	if err != nil {
		return
	}
	t.noteSent(t.by(), m, process, o.delay)
	scheduled, err := s.ScheduleAfter(life, m, o.delay)
	if err == nil && scheduled.State == proto.StateDropped {
		err = fmt.Errorf("dropped: %d", scheduled.Code)
	}
	t.answered(t.by(), m.ID, client.Receipt{}, err)
	if err != nil || o.takeBack == 0 || !retry.Sleep(life, o.takeBack) {
		return
	}
	t.takeBack(life, m.ID)
}

// takeBack cancels a delayed message. After an error other than "too late", takeBack does
// not know whether the message will be sent.
func (t *talker) takeBack(life context.Context, id string) {
	s, _, err := t.scheduler(life)
	if err != nil {
		return
	}
	record := ledger.Record{Kind: ledger.TakesBack, User: t.user, Device: t.by(), ID: id}
	t.ledger.Write(record)
	var refusal *proto.Error
	switch err = s.CancelScheduled(life, id); {
	case err == nil:
		record.Kind = ledger.TakenBack
	case errors.As(err, &refusal) && refusal.Code == proto.TooLate:
		record.Kind = ledger.TooLate
	default:
		return
	}
	t.ledger.Write(record)
}
