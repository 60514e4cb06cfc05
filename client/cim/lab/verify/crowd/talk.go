package crowd

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/client/cim/lab/verify/ledger"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/retry"
)

// A device requests a delivery mark for one message in this many, if that message is
// private.
const confirmed = 5

// talker sends a device's orders.
type talker struct {
	*Device
	sender *client.Sender // nil: over the device's own connection
	orders *orders
	users  []int64 // ids, by index
	groups []int64 // ids, by index
	count  int     // how many messages it has sent so far
	open   sync.WaitGroup
}

// by returns the name of the device that is the sender in the ledger.
func (t *talker) by() string {
	if t.sender != nil {
		return serviceDevice
	}
	return t.device
}

// talk sends until ctx ends. It waits for answers until life ends, which is later.
func (t *talker) talk(ctx, life context.Context) {
	due := time.Now()
	for {
		o := t.orders.next()
		due = due.Add(o.wait)
		if !retry.Sleep(ctx, time.Until(due)) {
			break
		}
		if o.change != "" {
			t.change(life, o)
			continue
		}
		for _, text := range o.texts {
			t.count++
			m := client.Outgoing{ID: fmt.Sprintf("%s-%d", t.by(), t.count), Text: text}
			switch {
			case o.group >= 0:
				m.Group = t.groups[o.group]
			case o.peer < 0:
				m.Group = proto.Everyone
			default:
				m.To = t.users[o.peer]
				m.Confirm = t.count%confirmed == 0
			}
			if ctx.Err() != nil {
				break
			}
			if o.delay > 0 {
				t.open.Go(func() { t.leave(life, m, o) })
				continue
			}
			t.send(ctx, life, m, o)
		}
	}
	t.open.Wait()
}

// send sends one message. It waits for the answer in two cases only. The sender is
// impatient, or the message needs a call of its own.
func (t *talker) send(ctx, life context.Context, m client.Outgoing, o order) {
	if o.patience == 0 {
		t.post(life, m)
		return
	}
	hurry, cancel := context.WithTimeout(life, o.patience)
	defer cancel()
	err := t.postAndWait(hurry, m)
	if o.again && errors.Is(err, client.ErrOutcomeUnknown) && ctx.Err() == nil {
		t.post(life, m)
	}
}

// post sends the message, and starts a goroutine that waits for the answer.
func (t *talker) post(life context.Context, m client.Outgoing) {
	if t.sender != nil {
		_ = t.postAndWait(life, m) // the error is in the ledger
		return
	}
	c, process, err := t.current(life)
	if err != nil {
		return
	}
	t.noteSent(t.by(), m, process, 0)
	p, err := c.Enqueue(life, m)
	if err != nil {
		t.answered(t.by(), m.ID, client.Receipt{}, err)
		return
	}
	t.open.Go(func() {
		receipt, err := p.Wait(context.Background()) // this returns when the client ends, at the latest
		t.answered(t.by(), m.ID, receipt, err)
	})
}

// postAndWait sends the message, waits for the answer, and returns its error.
func (t *talker) postAndWait(ctx context.Context, m client.Outgoing) error {
	if t.sender != nil {
		t.noteSent(t.by(), m, 0, 0)
		receipt, err := t.sender.Send(ctx, m)
		t.answered(t.by(), m.ID, receipt, err)
		return err
	}
	c, process, err := t.current(ctx)
	if err != nil {
		return err
	}
	t.noteSent(t.by(), m, process, 0)
	receipt, err := c.SendMessage(ctx, m)
	t.answered(t.by(), m.ID, receipt, err)
	return err
}

func (d *Device) noteSent(by string, m client.Outgoing, process int, delay time.Duration) {
	d.ledger.Write(ledger.Record{
		Kind: ledger.Sent, User: d.user, Device: by, Process: process, Delay: delay.Microseconds(),
		ID: m.ID, To: m.To, Group: m.Group, Text: m.Text,
	})
}
