// Package dispatch stores messages and pushes them to nodes. All messages pass here, those
// of clients, of nodes and of CIM's clients, and also delayed messages.
package dispatch

import (
	"context"
	"log/slog"
	"time"

	"github.com/cim-go/cim/routefn/push"
	"github.com/cim-go/cim/routefn/record"
)

// Timing records how long the store takes. Load shedding depends on it.
type Timing interface {
	Answered(took time.Duration)
}

// A Dispatcher stores and pushes. Make it with New; it is safe for concurrent use.
type Dispatcher struct {
	store  *record.Store
	pusher *push.Pusher
	timing Timing
	now    func() time.Time
	log    *slog.Logger

	gathering gathering
}

// New returns a Dispatcher. All arguments are required.
func New(store *record.Store, pusher *push.Pusher, timing Timing, now func() time.Time, log *slog.Logger) *Dispatcher {
	return &Dispatcher{store: store, pusher: pusher, timing: timing, now: now, log: log}
}

// A Sender is the user who sends, with the device or connection by which the message
// came.
type Sender struct {
	push.Origin
	Name string
}

// Append stores messages and returns one answer per message. In every log they have the
// order of the list.
func (d *Dispatcher) Append(ctx context.Context, messages []record.Message) []record.Appended {
	begun := time.Now()
	stored := d.store.Append(ctx, messages)
	d.timing.Answered(time.Since(begun))
	return stored
}

// Send stores one sender's messages in their order, and pushes those that were stored.
// It returns one answer per message, and the first error among them.
func (d *Dispatcher) Send(ctx context.Context, by Sender, messages []record.Message) ([]record.Appended, error) {
	for i := range messages {
		messages[i].From, messages[i].FromName = by.User, by.Name
	}
	out := d.pusher.Begin()
	defer out.Send()
	var first error
	stored := d.Append(ctx, messages)
	for i := range stored {
		if err := stored[i].Err; err == nil {
			out.Deliver(by.Origin, &stored[i])
		} else if first == nil {
			first = err
		}
	}
	return stored, first
}
