package compat

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/dispatch"
	"github.com/cim-go/cim/routefn/push"
	"github.com/cim-go/cim/routefn/record"
)

const (
	// MessageTimeout bounds the time that a message of a CIM client takes, including its
	// time in the queue. CIM's client ignores answers after 3 s.
	MessageTimeout = 2500 * time.Millisecond
	// maxTexts bounds the number of texts in one request.
	maxTexts = 100
)

// MessageRequest is the body that CIM's clients send. It usually has either Msg or
// BatchMsg. If it has both, Msg is the first message.
type MessageRequest struct {
	UserID        int64    `json:"userId"`
	ReceiveUserID int64    `json:"receiveUserId"`
	Msg           string   `json:"msg"`
	BatchMsg      []string `json:"batchMsg"`
}

func (q MessageRequest) texts() []string {
	if q.Msg == "" && len(q.BatchMsg) > 0 {
		return q.BatchMsg
	}
	return append([]string{q.Msg}, q.BatchMsg...)
}

// SendToAll is POST /groupRoute. It sends a message to everyone except the sender.
func (c *Requests) SendToAll(ctx context.Context, q MessageRequest) (any, error) {
	_, err := c.send(ctx, q.UserID, 0, proto.Everyone, []string{q.Msg})
	return nil, err
}

// SendToOne is POST /p2pRoute. It sends one or several messages to one user, in their
// order. If that user has no connection, the answer has the code 7000, but the messages
// are stored.
func (c *Requests) SendToOne(ctx context.Context, q MessageRequest) (any, error) {
	stored, err := c.send(ctx, q.UserID, q.ReceiveUserID, 0, q.texts())
	if err != nil {
		return nil, err
	}
	if receiver := stored[len(stored)-1].Copies[0]; len(receiver.Sessions) == 0 {
		return envelope{Code: codeOffline, Message: "The receiver is offline; the message is kept."}, nil
	}
	return nil, nil
}

// send stores and pushes the texts of a user, under ids that it makes.
func (c *Requests) send(ctx context.Context, user, to, group int64, texts []string) ([]record.Appended, error) {
	if len(texts) > maxTexts {
		return nil, check.Invalid("A batch has at most 100 messages.")
	}
	messages := make([]record.Message, len(texts))
	for i, text := range texts {
		m := record.Message{ID: rand.Text(), To: to, Group: group, Text: text, Sent: c.cfg.Store.Now()}
		if err := check.Message(&m, c.cfg.MaxText); err != nil {
			return nil, err
		}
		messages[i] = m
	}
	if !check.ValidUser(user) {
		return nil, check.Invalid("The userId is not a user id.")
	}
	account, err := c.cfg.Accounts.Named(ctx, user, "")
	if err != nil {
		return nil, err
	}
	by := dispatch.Sender{Origin: push.Origin{User: account.User, Device: proto.CIMDevice}, Name: account.Name}
	if to == user { // the client must get the message, because it shows only messages that arrive
		by.Origin.Device = ""
	}
	if group != 0 {
		if err := c.leaveOut(ctx, &by.Origin); err != nil {
			return nil, err
		}
	}
	return c.cfg.Dispatch.Send(ctx, by, messages)
}

// leaveOut sets the field Number of the Origin by. So a group's message is not pushed to
// the sender's own connection. The sender's client would show the message. The push needs
// the number because a group's message is pushed to nodes, and not to single sessions.
func (c *Requests) leaveOut(ctx context.Context, by *push.Origin) error {
	own, err := c.session(ctx, by.User)
	if own != nil {
		by.Number = own.Number
	}
	return err
}
