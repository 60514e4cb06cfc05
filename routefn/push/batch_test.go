package push

import (
	"testing"

	"github.com/cim-go/cim/routefn/record"
)

// Sessions of two users may have the same number: only the sender's own is left out.
func TestReceiverWithTheSendersNumberIsPushedTo(t *testing.T) {
	s := newScripted()
	s.answers <- nil
	out := s.Begin()
	out.Deliver(Origin{User: 1, Device: "phone", Number: 7}, &record.Appended{Copies: []record.Copy{
		{User: 2, Sessions: []record.Session{{Device: "phone", Number: 7, Addr: "near"}}},
		{User: 1, Sessions: []record.Session{{Device: "phone", Number: 7, Addr: "near"}}},
	}})
	out.Send()
	q := <-s.requests
	if len(q.Items) != 1 || q.Items[0].User != 2 || q.Items[0].Except != 0 {
		t.Fatalf("pushed %v, want an item for the receiver that leaves no session out", q.Items)
	}
	s.Close()
}
