package crowd

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/proto/retry"
)

// Senders in a hurry behave like a service with short timeouts, whose many requests share
// one connection. A sender that gave up a message sends the next one at once. A sender
// whose message was accepted sends the next one after a while.
const (
	hurried    = 24
	hurryLimit = 50 * time.Millisecond
	hurryPause = 500 * time.Millisecond
	hurryID    = "hurry" // the beginning of the ids of their messages
)

// Hurry sends until ctx ends, from many goroutines with little time each. It returns when
// all have ended. Each goroutine has a receiver of its own, to whom the device sends
// nothing else. If two goroutines sent to one receiver at once, the order of their
// messages would be unknown.
func (d *Device) Hurry(ctx context.Context) {
	var senders sync.WaitGroup
	for _, user := range d.strangers[:min(hurried, len(d.strangers))] {
		senders.Go(func() { d.hurry(ctx, user) })
	}
	senders.Wait()
}

func (d *Device) hurry(ctx context.Context, to int64) {
	for ctx.Err() == nil {
		c, process, err := d.current(ctx)
		if err != nil {
			return
		}
		id := fmt.Sprintf("%s-%s-%d", hurryID, d.device, d.hurries.Add(1))
		m := client.Outgoing{ID: id, To: to, Text: "quick " + id} // CIM clients recognise the message by its text
		pause := hurryPause
		d.noteSent(d.device, m, process, 0)
		limit, cancel := context.WithTimeout(ctx, hurryLimit)
		receipt, err := c.SendMessage(limit, m)
		late := limit.Err() != nil
		cancel()
		d.answered(d.device, m.ID, receipt, err)
		if late {
			pause = 0
		}
		if !retry.Sleep(ctx, pause) {
			return
		}
	}
}
